//! The objects of one run, with names of their own.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::Plan;

/// Makes objects.
#[derive(Debug)]
pub(crate) struct Objects {
    namespace: String,
    class: String,
    /// What all names begin with.
    prefix: String,
}

impl Objects {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            namespace: plan.namespace.clone(),
            class: plan.class.clone(),
            prefix: format!("churn-{:08x}", fastrand::u32(..)),
        }
    }

    /// The host of a route.
    pub(crate) fn host(&self, route: usize) -> String {
        format!("r{route}.{}.test", self.prefix)
    }

    /// A Service without a selector, and where it is.
    pub(crate) fn backend(&self, backend: usize, address: SocketAddr) -> [Value; 2] {
        let name = self.service(backend);
        let mut slice = self.metadata(&format!("{name}-endpoints"));
        slice["labels"]["kubernetes.io/service-name"] = json!(name);
        [
            json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": self.metadata(&name),
                "spec": { "ports": [{ "name": "http", "port": 80 }] },
            }),
            json!({
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": slice,
                "addressType": if address.is_ipv4() { "IPv4" } else { "IPv6" },
                "ports": [{ "name": "http", "port": address.port() }],
                "endpoints": [{ "addresses": [address.ip()], "conditions": { "ready": true } }],
            }),
        ]
    }

    /// A KIngress that leads a route's host to a backend.
    pub(crate) fn route(&self, route: usize, backend: usize) -> Value {
        let mut metadata = self.metadata(&format!("{}-{route}", self.prefix));
        metadata["annotations"] = json!({ "networking.knative.dev/ingress.class": self.class });
        let split = json!({
            "serviceNamespace": self.namespace,
            "serviceName": self.service(backend),
            "servicePort": 80,
            "percent": 100,
        });
        json!({
            "apiVersion": "networking.internal.knative.dev/v1alpha1",
            "kind": "Ingress",
            "metadata": metadata,
            "spec": { "rules": [{
                "hosts": [self.host(route)],
                "visibility": "ExternalIP",
                "http": { "paths": [{ "splits": [split] }] },
            }] },
        })
    }

    fn service(&self, backend: usize) -> String {
        format!("{}-backend-{backend}", self.prefix)
    }

    /// By the label, what a run that was killed has left can be found.
    fn metadata(&self, name: &str) -> Value {
        json!({ "name": name, "namespace": self.namespace, "labels": { "app.kubernetes.io/managed-by": "loadtest" } })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::churn::Place;

    #[test]
    fn a_route_leads_to_a_service_whose_endpoints_are_a_backend() {
        let objects = Objects::new(&Plan {
            gateway: "http://127.0.0.1/".parse().unwrap(),
            place: Place::Directory(PathBuf::new()),
            namespace: "here".to_owned(),
            class: "a.b".to_owned(),
            routes: 2,
            changes: 1,
            pause: Duration::ZERO,
            rate: 1.0,
            connections: 1,
            timeout: Duration::from_secs(1),
            grace: Duration::ZERO,
            patience: Duration::ZERO,
        });
        let [service, slice] = objects.backend(1, (Ipv4Addr::LOCALHOST, 81).into());
        let route = objects.route(0, 1);
        let split = &route["spec"]["rules"][0]["http"]["paths"][0]["splits"][0];
        assert_eq!(split["serviceName"], service["metadata"]["name"]);
        assert_eq!(slice["metadata"]["labels"]["kubernetes.io/service-name"], service["metadata"]["name"]);
        assert_eq!((&slice["addressType"], &slice["ports"][0]["port"]), (&json!("IPv4"), &json!(81)));
        assert_eq!(slice["endpoints"][0]["addresses"], json!(["127.0.0.1"]));
        assert_eq!(objects.backend(1, (Ipv6Addr::LOCALHOST, 81).into())[1]["addressType"], "IPv6");
        assert_eq!(route["spec"]["rules"][0]["hosts"], json!([objects.host(0)]));
        assert_eq!(route["metadata"]["annotations"]["networking.knative.dev/ingress.class"], "a.b");
        for object in [&service, &slice, &route] {
            let metadata = &object["metadata"];
            assert!(metadata["name"].as_str().unwrap().starts_with(&objects.prefix), "{object}");
            assert_eq!(metadata["labels"]["app.kubernetes.io/managed-by"], "loadtest", "{object}");
            assert_eq!(metadata["namespace"], "here", "{object}");
        }
    }
}
