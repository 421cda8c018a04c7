//! A path described by what routing looks at.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use net_pingora_routing::{
    Backend, BackendKey, HeaderMatch, Host, Ingress, ObjectKey, Path, ServicePort, Split, Splits, Traffic,
};

/// Namespace of all objects of the tests.
const NAMESPACE: &str = "tests";

/// A path in the making.
#[derive(Clone, Debug)]
pub(crate) struct PathCase {
    /// Name of its KIngress, by which a test knows it again.
    pub(crate) name: String,
    /// Literal prefix.
    pub(crate) prefix: String,
    /// Headers that must all match, by name and value.
    pub(crate) headers: Vec<(String, String)>,
    /// Whether external listeners serve it.
    pub(crate) public: bool,
    /// Whether plain HTTP is redirected.
    pub(crate) redirect: bool,
    /// Shares of its splits.
    pub(crate) percents: Vec<u8>,
}

/// A public path `/` with one split.
pub(crate) fn path(name: &str) -> PathCase {
    PathCase {
        name: name.to_owned(),
        prefix: "/".to_owned(),
        headers: Vec::new(),
        public: true,
        redirect: false,
        percents: vec![100],
    }
}

impl PathCase {
    /// Serves only what starts so.
    pub(crate) fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// Asks for a header.
    pub(crate) fn header(mut self, name: &str, exact: &str) -> Self {
        self.headers.push((name.to_owned(), exact.to_owned()));
        self
    }

    /// Belongs to a rule with visibility `ClusterLocal`.
    pub(crate) fn private(mut self) -> Self {
        self.public = false;
        self
    }

    /// Belongs to an object with `httpOption: Redirected`.
    pub(crate) fn redirected(mut self) -> Self {
        self.redirect = true;
        self
    }

    /// Splits with these shares.
    pub(crate) fn splits(mut self, percents: &[u8]) -> Self {
        self.percents = percents.to_vec();
        self
    }

    /// The path as the table holds it.
    pub(crate) fn build(&self) -> Arc<Path> {
        let key = ObjectKey::new(NAMESPACE, &self.name);
        let split = |(index, &percent): (usize, &u8)| split(&key, &format!("{}-{index}", self.name), percent);
        Arc::new(Path {
            ingress: Arc::new(Ingress { key: key.clone(), hash: HeaderValue::from_static("hash") }),
            rule: 0,
            index: 0,
            prefix: self.prefix.as_str().into(),
            headers: self.headers.iter().map(|(name, exact)| header(name, exact)).collect(),
            rewrite_host: None,
            append_headers: Arc::default(),
            redirect: self.redirect,
            splits: Splits::new(self.percents.iter().enumerate().map(split)),
        })
    }
}

/// A host with these paths, in the order of the object.
pub(crate) fn host(name: &str, paths: &[PathCase]) -> Arc<Host> {
    Host::new(name, paths.iter().map(|path| (path.build(), path.public)))
}

fn header(name: &str, exact: &str) -> HeaderMatch {
    HeaderMatch { name: HeaderName::try_from(name).unwrap(), exact: HeaderValue::try_from(exact).unwrap() }
}

fn split(ingress: &ObjectKey, service: &str, percent: u8) -> Split {
    let key = BackendKey { namespace: NAMESPACE.into(), service: service.into(), port: ServicePort::Number(80) };
    Split {
        percent,
        backend: Backend::new(key),
        append_headers: Arc::default(),
        traffic: Traffic::new(ingress.clone(), service),
    }
}
