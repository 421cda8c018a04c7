//! Revision, its private Service and its public one → the pods for which requests wait.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use net_pingora_routing::{Endpoint, EndpointSet, ObjectKey, Pods, Protocol, Revision, ServicePort, Target};

use super::service::{Holds, addresses, addresses_where, find_port};
use crate::api::core::{self, EndpointConditions};
use crate::store::Store;

/// Where a queue-proxy is asked, which is never in TLS (`knative.dev/networking` `pkg/constants.go`).
const PROBE_PORT_HTTP1: u16 = 8012;
const PROBE_PORT_HTTP2: u16 = 8013;

/// The pods of the revision whose public Service this is, if its requests go through us.
///
/// Serving tells by the addresses of the public Service: those of pods when requests go there directly, anything else
/// (its activators', ours, none) when they do not (`knative.dev/serving` `pkg/reconciler/serverlessservice`).
pub(super) fn pods(
    store: &Store,
    holds: &Holds,
    public: &ObjectKey,
    (port, protocol): (&core::ServicePort, Protocol),
    public_addresses: &[SocketAddr],
    previous: &Target,
) -> Option<Pods> {
    let probe_port = if protocol == Protocol::Http2 { PROBE_PORT_HTTP2 } else { PROBE_PORT_HTTP1 };
    let (revision, private) = store.revision(public)?;
    let port = find_port(store.service(private)?, &ServicePort::Name(port.name.as_str().into()))?;
    let ready: BTreeSet<_> = addresses(port, store, private).into_iter().collect();
    if !public_addresses.is_empty() && public_addresses.iter().all(|address| ready.contains(address)) {
        return None;
    }
    let starts = |is: &EndpointConditions| is.ready == Some(false) && is.terminating != Some(true);
    let slices = store.slices(private).filter(|_| revision.queue_proxy_knows());
    let starting = slices.flat_map(|slice| addresses_where(slice, port, starts));
    let starting: Vec<_> = starting.filter(|address| !ready.contains(address)).collect();
    let bound = revision.spec.container_concurrency;
    let [was_ready, was_starting] = known(previous);
    let known = [&was_ready, &was_starting];
    let starting = EndpointSet::keeping(starting, &known);
    // Who was ready and is not any more has to say so anew.
    let fallen = starting.as_slice().iter().filter(|pod| was_ready.get(pod.address).is_some());
    fallen.for_each(|pod| pod.unprove());
    Some(Pods {
        revision: Revision::new(public.clone()),
        concurrency: if bound > 0 { bound } else { holds.settings.most_per_pod },
        timeout: revision.timeout(),
        keeper: (bound > 0).then(|| keeper(store, holds, public, &port.name)).flatten(),
        probe_port: (port.name == "https").then_some(probe_port),
        ready: EndpointSet::keeping(ready, &known),
        starting,
    })
}

/// The replica that gives out the pods of a bounded revision, where that is not us: what each gave out by itself would
/// be too much for a pod, or leave pods idle. There is none while others than we are activators too.
fn keeper(store: &Store, holds: &Holds, revision: &ObjectKey, port: &str) -> Option<Arc<Endpoint>> {
    let own = holds.settings.own_address?;
    let activators = ready_addresses(store, &holds.activators);
    if !activators.contains(&own) || !activators.is_subset(&ready_addresses(store, &holds.ours)) {
        return None;
    }
    let keeper = activators.into_iter().max_by_key(|activator| weight(revision, *activator));
    let keeper = keeper.filter(|keeper| *keeper != own)?;
    let port = find_port(store.service(&holds.activators)?, &ServicePort::Name(port.into()))?;
    let mut all = addresses(port, store, &holds.activators).into_iter();
    all.find(|address| address.ip() == keeper).map(Endpoint::new)
}

/// Rendezvous hashing: who comes or goes changes nothing between the others.
fn weight(revision: &ObjectKey, activator: IpAddr) -> u64 {
    let mut hasher = DefaultHasher::new();
    (revision, activator).hash(&mut hasher);
    hasher.finish()
}

/// The ready addresses of a Service, whatever their ports.
pub(crate) fn ready_addresses(store: &Store, service: &ObjectKey) -> BTreeSet<IpAddr> {
    let endpoints = store.slices(service).flat_map(|slice| &slice.endpoints);
    let ready = endpoints.filter(|endpoint| endpoint.conditions.ready != Some(false));
    ready.flat_map(|endpoint| &endpoint.addresses).filter_map(|text| text.parse().ok()).collect()
}

/// The endpoints a backend had, by whether they were ready.
pub(super) fn known(target: &Target) -> [EndpointSet; 2] {
    match target {
        Target::Endpoints(ready) => [ready.clone(), EndpointSet::default()],
        Target::Revision(pods) => [pods.ready.clone(), pods.starting.clone()],
        Target::Missing(_) | Target::Name { .. } | Target::Internal => Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use net_pingora_routing::BackendKey;
    use serde_json::{Value, json};

    use super::super::service::{HoldSettings, InternalService, Resolver};
    use super::*;
    use crate::api::Object;
    use crate::api::core::{REVISION_LABEL, SERVICE_NAME_LABEL, SERVICE_TYPE_LABEL};
    use crate::fault::Origin;
    use crate::store::{ObjectChange, Touched};

    fn object<T: serde::de::DeserializeOwned>(value: Value) -> Arc<T> {
        Arc::new(serde_json::from_value(value).unwrap())
    }

    fn service(name: &str, labels: &Value, ports: &Value) -> Object {
        Object::Service(object(json!({"metadata": {"name": name, "labels": labels}, "spec": {"ports": ports}})))
    }

    fn slice(service: &str, endpoints: &[(&str, Value)]) -> Object {
        let endpoints: Vec<_> =
            endpoints.iter().map(|(address, is)| json!({"addresses": [address], "conditions": is})).collect();
        let ports = json!([{"name": "http", "port": 8012}, {"name": "https", "port": 8112}]);
        Object::EndpointSlice(object(json!({"metadata": {"name": format!("{service}-x"),
            "labels": {SERVICE_NAME_LABEL: service}}, "endpoints": endpoints, "ports": ports})))
    }

    fn store(spec: &Value, public: &[(&str, Value)], private: &[(&str, Value)]) -> Store {
        let labels = json!({SERVICE_TYPE_LABEL: "Private", REVISION_LABEL: "r"});
        let public_ports = json!([{"port": 80, "name": "http"}, {"port": 443, "name": "https"}]);
        let private_ports = json!([{"port": 80, "name": "http", "targetPort": 8012}, {"port": 443, "name": "https"}]);
        let mut store = Store::default();
        for object in [
            Object::Revision(object(json!({"metadata": {"name": "r"}, "spec": spec}))),
            service("r", &json!({}), &public_ports),
            service("r-private", &labels, &private_ports),
            slice("r", public),
            slice("r-private", private),
        ] {
            store.apply(ObjectChange::Apply(object, Origin::default()), &mut Touched::default());
        }
        store
    }

    fn as_activator(own_address: Option<IpAddr>) -> Holds {
        let settings = HoldSettings { own_address, ..HoldSettings::default() };
        let service = |name| ObjectKey::new("default", name);
        Holds { settings, activators: service("activator-service"), ours: service("ours") }
    }

    /// Replicas of ours, and activators, at these addresses.
    fn replicas(ours: &[&str], activators: &[&str]) -> Store {
        fn ready<'a>(all: &[&'a str]) -> Vec<(&'a str, Value)> {
            all.iter().map(|address| (*address, json!({}))).collect()
        }
        let mut store = Store::default();
        for object in [
            slice("ours", &ready(ours)),
            slice("activator-service", &ready(activators)),
            service("activator-service", &json!({}), &json!([{"port": 80, "name": "http"}])),
        ] {
            store.apply(ObjectChange::Apply(object, Origin::default()), &mut Touched::default());
        }
        store
    }

    fn resolved(store: &Store, port: u16, holds: bool, previous: &Target) -> Target {
        let key = BackendKey { namespace: "default".into(), service: "r".into(), port: ServicePort::Number(port) };
        let as_activator = as_activator(None);
        let holds = holds.then_some(&as_activator);
        Resolver { store, internal: &InternalService::new("i.n.svc"), holds, no_activators: false }
            .resolve(&key, previous)
            .target
    }

    fn text(target: &Target) -> String {
        let list =
            |set: &EndpointSet| set.as_slice().iter().map(|pod| pod.address.to_string()).collect::<Vec<_>>().join(" ");
        match target {
            Target::Endpoints(set) => format!("at once: {}", list(set)),
            Target::Revision(pods) => format!("ready: {}; starting: {}", list(&pods.ready), list(&pods.starting)),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn requests_go_through_us_unless_the_public_service_has_pods_only() {
        let yes = || json!({"ready": true});
        let no = || json!({"ready": false});
        let gone = || json!({"ready": false, "terminating": true});
        let activator = ("10.0.9.9", yes());
        for (public, private, wanted) in [
            (vec![activator.clone()], vec![], "ready: ; starting: "),
            (vec![], vec![("10.0.0.1", no()), ("10.0.0.2", gone())], "ready: ; starting: 10.0.0.1:8012"),
            (vec![activator.clone()], vec![("10.0.0.1", yes())], "ready: 10.0.0.1:8012; starting: "),
            (vec![("10.0.0.1", yes())], vec![("10.0.0.1", yes()), ("10.0.0.2", no())], "at once: 10.0.0.1:8012"),
            (vec![("10.0.0.1", yes()), activator], vec![("10.0.0.1", yes())], "ready: 10.0.0.1:8012; starting: "),
        ] {
            let store = store(&json!({}), &public, &private);
            assert_eq!(text(&resolved(&store, 80, true, &Target::Internal)), wanted);
            let public: Vec<_> = public.iter().map(|(address, _)| format!("{address}:8012")).collect();
            let without = text(&resolved(&store, 80, false, &Target::Internal));
            assert_eq!(without, format!("at once: {}", public.join(" ")));
        }
    }

    #[test]
    fn the_port_is_that_of_the_private_service_by_the_same_name() {
        let store = store(&json!({}), &[], &[("10.0.0.1", json!({"ready": true}))]);
        for (port, wanted) in [(80, "ready: 10.0.0.1:8012; starting: "), (443, "ready: 10.0.0.1:8112; starting: ")] {
            assert_eq!(text(&resolved(&store, port, true, &Target::Internal)), wanted);
        }
    }

    #[test]
    fn pods_are_not_asked_early_where_only_the_kubelet_knows() {
        let spec = json!({"containerConcurrency": 7, "timeoutSeconds": 9, "containers": [{"startupProbe": {}}]});
        let store = store(&spec, &[], &[("10.0.0.1", json!({"ready": false}))]);
        let target = resolved(&store, 80, true, &Target::Internal);
        assert_eq!(text(&target), "ready: ; starting: ");
        let Target::Revision(pods) = target else { panic!() };
        assert_eq!((pods.concurrency, pods.timeout.as_secs()), (7, 9));
    }

    #[test]
    fn a_bounded_revision_has_one_keeper_on_whom_all_replicas_agree() {
        let all = ["10.0.0.7", "10.0.0.8", "10.0.0.9"];
        let store = replicas(&all, &all);
        let mut kept = BTreeMap::new();
        for number in 0..300 {
            let revision = ObjectKey::new("default", &format!("r-{number}"));
            let keepers = all.map(|own| keeper(&store, &as_activator(own.parse().ok()), &revision, "http"));
            let at = keepers.iter().position(Option::is_none).unwrap();
            let others: Vec<_> = keepers.into_iter().flatten().map(|keeper| keeper.address.to_string()).collect();
            assert_eq!(others, [format!("{}:8012", all[at]), format!("{}:8012", all[at])]);
            *kept.entry(at).or_insert(0) += 1;
        }
        assert!(kept.len() == 3 && kept.values().all(|&count| count > 60), "{kept:?}");
    }

    #[test]
    fn there_is_no_keeper_where_we_are_no_activator_or_others_are() {
        for (own, ours, activators) in [
            ("10.0.0.8", &["10.0.0.8", "10.0.0.9"][..], &["10.0.0.9"][..]),
            ("10.0.0.9", &["10.0.0.9"], &["10.0.0.8", "10.0.0.9"]),
            ("10.0.0.9", &["10.0.0.9"], &["10.0.0.9"]),
        ] {
            let (store, holds) = (replicas(ours, activators), as_activator(own.parse().ok()));
            let of = |number| keeper(&store, &holds, &ObjectKey::new("default", &format!("r-{number}")), "http");
            assert!((0..20).all(|number| of(number).is_none()), "{own}");
        }
    }

    #[test]
    fn a_pod_keeps_its_count_and_one_that_was_ready_has_to_say_so_anew() {
        let state = |ready: bool| [("10.0.0.1", json!({"ready": ready}))];
        let starts = resolved(&store(&json!({}), &[], &state(false)), 80, true, &Target::Internal);
        let Target::Revision(pods) = &starts else { panic!() };
        pods.starting.as_slice()[0].prove();
        let request = pods.take(0).unwrap();
        let ready = resolved(&store(&json!({}), &[], &state(true)), 80, true, &starts);
        let Target::Revision(pods) = &ready else { panic!() };
        assert_eq!((pods.ready.as_slice()[0].in_flight(), pods.is_cold()), (1, false));
        let falls = resolved(&store(&json!({}), &[], &state(false)), 80, true, &ready);
        let Target::Revision(pods) = &falls else { panic!() };
        assert_eq!((pods.starting.as_slice()[0].in_flight(), pods.is_cold()), (1, true));
        drop(request);
    }
}
