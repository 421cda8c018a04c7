//! A request in the making, and the decision in a form that can be compared.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use net_pingora_routing::{Decision, Listener, Miss, Request, Table, route};

/// A request that owns what [`Request`] borrows.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// Kind of listener.
    pub(crate) listener: Listener,
    /// Whether the client spoke TLS.
    pub(crate) tls: bool,
    /// Host header.
    pub(crate) host: String,
    /// Path without query.
    pub(crate) path: String,
    /// Request headers.
    pub(crate) headers: HeaderMap,
}

/// A request in plain HTTP for `/` of the host on an external listener.
pub(crate) fn ask(host: &str) -> Ask {
    Ask {
        listener: Listener::External,
        tls: false,
        host: host.to_owned(),
        path: "/".to_owned(),
        headers: HeaderMap::new(),
    }
}

impl Ask {
    /// Comes in on this kind of listener.
    pub(crate) fn on(mut self, listener: Listener) -> Self {
        self.listener = listener;
        self
    }

    /// Comes in by TLS.
    pub(crate) fn tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// Asks for this path.
    pub(crate) fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Carries one more header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        self
    }

    /// What [`route`] is asked.
    pub(crate) fn request(&self) -> Request<'_> {
        Request { listener: self.listener, tls: self.tls, host: &self.host, path: &self.path, headers: &self.headers }
    }
}

/// A decision by the names the test has given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The path of that name, and the index of the split.
    Forward(String, usize),
    /// A redirect by the path of that name.
    Redirect(String),
    /// Not routed.
    NotFound(Miss),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forward(path, _) => f.write_str(path),
            Self::Redirect(path) => write!(f, "301 {path}"),
            Self::NotFound(miss) => write!(f, "404 {miss:?}"),
        }
    }
}

/// The decision of [`route`].
pub(crate) fn decide(table: &Table, ask: &Ask, random: u32) -> Answer {
    match route(table, &ask.request(), random) {
        Decision::Forward(found) => Answer::Forward(found.path.ingress.key.name.to_string(), found.split),
        Decision::Redirect(path) => Answer::Redirect(path.ingress.key.name.to_string()),
        Decision::NotFound(miss) => Answer::NotFound(miss),
    }
}
