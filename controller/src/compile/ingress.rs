//! KIngress → hosts of the table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use net_pingora_routing::{
    Backend, BackendKey, CATCH_ALL, Header, HeaderMatch, Host, HostName, Ingress, Path, ServicePort, Split, Splits,
    Traffic,
};

use crate::api::{self, Fields, IntOrString, ingress as spec};

/// Where a compiled KIngress finds the cells beside the table.
pub(crate) trait Cells {
    /// The cell of a Service's port.
    fn backend(&mut self, key: BackendKey) -> Arc<Backend>;
    /// The counters of the splits that send to a Service.
    fn traffic(&mut self, service: &str) -> Arc<Traffic>;
}

/// The hosts of a rule in the table's form.
pub(crate) fn rule_hosts(rule: &spec::IngressRule) -> Vec<Box<str>> {
    if rule.hosts.is_empty() {
        return vec![CATCH_ALL.into()];
    }
    rule.hosts.iter().filter_map(|host| table_form(host)).collect()
}

/// All hosts of a KIngress in the table's form.
pub(crate) fn hosts(ingress: &api::Ingress) -> BTreeSet<Box<str>> {
    ingress.spec.rules.iter().flat_map(rule_hosts).collect()
}

/// A host as the table knows it.
pub(crate) fn table_form(host: &str) -> Option<Box<str>> {
    HostName::parse(host).map(|name| name.as_str().into())
}

/// Compiles a validated KIngress: one host each, with the paths of all rules that name it in their order.
pub(crate) fn compile(ingress: &api::Ingress, cells: &mut impl Cells) -> Vec<Arc<Host>> {
    let shared = Arc::new(shared(ingress));
    let mut headers = Headers::default();
    let mut hosts: BTreeMap<Box<str>, Vec<(Arc<Path>, bool)>> = BTreeMap::new();
    for (index, rule) in ingress.spec.rules.iter().enumerate() {
        let public = rule.is_public();
        let redirect = public && ingress.spec.redirects();
        let content = rule.http.iter().flat_map(|http| &http.paths).enumerate();
        let paths: Vec<_> = content
            .map(|(at, path)| {
                let splits = splits(&path.splits, &mut headers, cells);
                let append_headers = headers.of(&path.append_headers);
                let path = Path { redirect, append_headers, ..compiled(path, &shared, (index, at), splits) };
                (Arc::new(path), public)
            })
            .collect();
        for host in rule_hosts(rule) {
            hosts.entry(host).or_default().extend(paths.iter().cloned());
        }
    }
    hosts.into_iter().map(|(name, paths)| Host::new(&name, paths)).collect()
}

/// What all paths of a KIngress share.
fn shared(ingress: &api::Ingress) -> Ingress {
    let hash = HeaderValue::from_str(&spec::hash(ingress)).unwrap_or(HeaderValue::from_static(""));
    Ingress { key: ingress.metadata.key(), hash }
}

/// One path, without redirect and headers to append.
fn compiled(path: &spec::HttpPath, ingress: &Arc<Ingress>, (rule, index): (usize, usize), splits: Splits) -> Path {
    let matches = path.headers.iter();
    Path {
        ingress: Arc::clone(ingress),
        rule,
        index,
        prefix: if path.path.is_empty() { "/".into() } else { path.path.as_str().into() },
        headers: matches
            .filter_map(|(name, wanted)| header(name, &wanted.exact))
            .map(|(name, exact)| HeaderMatch { name, exact })
            .collect(),
        rewrite_host: (!path.rewrite_host.is_empty()).then(|| path.rewrite_host.parse().ok()).flatten(),
        append_headers: Arc::default(),
        redirect: false,
        splits,
    }
}

fn splits<'a>(splits: &'a [spec::Split], headers: &mut Headers<'a>, cells: &mut impl Cells) -> Splits {
    let compiled = splits.iter().map(|split| Split {
        percent: u8::try_from(split.percent).unwrap_or(0),
        backend: cells.backend(backend_key(split)),
        append_headers: headers.of(&split.append_headers),
        traffic: cells.traffic(&split.service_name),
    });
    Splits::new(compiled)
}

/// Which port of which Service a split sends to.
pub(crate) fn backend_key(split: &spec::Split) -> BackendKey {
    let port = match &split.service_port {
        IntOrString::Number(number) => ServicePort::Number(u16::try_from(*number).unwrap_or(0)),
        IntOrString::Text(name) => ServicePort::Name(name.as_str().into()),
    };
    let spec::Split { service_namespace, service_name, .. } = split;
    BackendKey { namespace: Arc::clone(service_namespace), service: Arc::clone(service_name), port }
}

/// Headers to append. Those of a revision, which most rules of a KIngress repeat, are kept once.
#[derive(Default)]
struct Headers<'a>(BTreeMap<&'a Fields, Arc<[Header]>>);

impl<'a> Headers<'a> {
    fn of(&mut self, fields: &'a Fields) -> Arc<[Header]> {
        let compiled = || fields.iter().filter_map(|(name, value)| header(name, value)).collect();
        Arc::clone(self.0.entry(fields).or_insert_with(compiled))
    }
}

/// Headers that Serving appends, in lower case; thousands of splits share the memory of their names.
const KNATIVE: [&str; 5] = [
    "knative-serving-revision",
    "knative-serving-namespace",
    "knative-serving-tag",
    "knative-serving-default-route",
    "k-original-host",
];

/// A header as it is sent; validation has refused what cannot be.
fn header(name: &str, value: &str) -> Option<Header> {
    let known = KNATIVE.into_iter().find(|known| known.eq_ignore_ascii_case(name)).map(HeaderName::from_static);
    Some((known.or_else(|| name.parse().ok())?, value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use net_pingora_routing::ObjectKey;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Default)]
    struct Fresh;

    impl Cells for Fresh {
        fn backend(&mut self, key: BackendKey) -> Arc<Backend> {
            Backend::new(key)
        }

        fn traffic(&mut self, service: &str) -> Arc<Traffic> {
            Traffic::new(ObjectKey::new("ns", "i"), service)
        }
    }

    fn compile_spec(spec: &Value) -> Vec<Arc<Host>> {
        let object = json!({"metadata": {"namespace": "ns", "name": "i"}, "spec": spec});
        let ingress: api::Ingress = serde_json::from_value(object).unwrap();
        compile(&ingress.with_defaults(), &mut Fresh)
    }

    /// A rule whose only path has this prefix.
    fn rule(hosts: &[&str], visibility: &str, path: &str) -> Value {
        let split = json!({"serviceNamespace": "ns", "serviceName": "s", "servicePort": 80});
        json!({"hosts": hosts, "visibility": visibility, "http": {"paths": [{"path": path, "splits": [split]}]}})
    }

    /// Rule indices of paths.
    fn rules(paths: &[Arc<Path>]) -> Vec<usize> {
        paths.iter().map(|path| path.rule).collect()
    }

    #[test]
    fn rules_of_one_host_are_merged_in_their_order() {
        let rules_of = [
            rule(&["A.example", "b.example"], "", "/x"),
            rule(&["a.example."], "ClusterLocal", "/y"),
            rule(&[], "", ""),
        ];
        let hosts = compile_spec(&json!({"rules": rules_of}));
        let names: Vec<_> = hosts.iter().map(|host| host.name()).collect();
        assert_eq!(names, [CATCH_ALL, "a.example", "b.example"]);
        assert_eq!((rules(hosts[1].external()), rules(hosts[1].internal())), (vec![0], vec![0, 1]));
        assert_eq!((rules(hosts[2].external()), rules(hosts[2].internal())), (vec![0], vec![0]));
        assert_eq!(&*hosts[0].external()[0].prefix, "/");
        assert!(Arc::ptr_eq(&hosts[1].external()[0], &hosts[2].external()[0]));
    }

    #[test]
    fn only_public_rules_redirect() {
        for (option, visibility, wanted) in
            [("Redirected", "", true), ("Redirected", "ClusterLocal", false), ("Enabled", "", false), ("", "", false)]
        {
            let hosts = compile_spec(&json!({"httpOption": option, "rules": [rule(&["a"], visibility, "")]}));
            assert_eq!(hosts[0].internal()[0].redirect, wanted, "{option} {visibility}");
        }
    }

    #[test]
    fn a_path_keeps_all_that_the_object_says() {
        let split = |name, port: Value, percent| {
            let set = json!({"K-Original-Host": name});
            json!({"serviceNamespace": "ns", "serviceName": name, "servicePort": port, "percent": percent, "appendHeaders": set})
        };
        let path = json!({"path": "/x", "rewriteHost": "r.example", "headers": {"Tag": {"exact": "Blue"}},
            "appendHeaders": {"B": "2", "A": "1"}, "splits": [split("s", json!(80), 60), split("t", json!("http2"), 40)]});
        let hosts = compile_spec(&json!({"rules": [{"hosts": ["a"], "http": {"paths": [path]}}]}));
        let path = &hosts[0].external()[0];
        assert_eq!((&*path.prefix, path.rewrite_host.as_ref().unwrap().as_bytes()), ("/x", &b"r.example"[..]));
        assert_eq!(path.headers[..], [HeaderMatch { name: "tag".parse().unwrap(), exact: "Blue".parse().unwrap() }]);
        let set: Vec<_> =
            path.append_headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(set, [("a", "1"), ("b", "2")]);
        let splits: Vec<_> =
            path.splits.as_slice().iter().map(|split| (split.backend.key.to_string(), split.percent)).collect();
        assert_eq!(splits, [("ns/s:80".to_owned(), 60), ("ns/t:http2".to_owned(), 40)]);
        assert_eq!(path.splits.as_slice()[1].append_headers[0].1, "t");
        assert_eq!((path.ingress.hash.len(), path.ingress.key.to_string()), (64, "ns/i".to_owned()));
    }
}
