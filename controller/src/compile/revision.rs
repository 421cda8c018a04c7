//! Revision, its private Service and its public one → the pods for which requests wait.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use net_pingora_routing::{EndpointSet, ObjectKey, Pods, Protocol, Revision, ServicePort, Target};

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
    let all: BTreeSet<_> = ready.iter().chain(&starting).copied().collect();
    let share = if bound > 0 { share(all, rank(store, holds)) } else { all };
    let [was_ready, was_starting] = known(previous);
    let known = [&was_ready, &was_starting];
    let starting = EndpointSet::keeping(starting.into_iter().filter(|pod| share.contains(pod)), &known);
    // Who was ready and is not any more has to say so anew.
    let fallen = starting.as_slice().iter().filter(|pod| was_ready.get(pod.address).is_some());
    fallen.for_each(|pod| pod.unprove());
    Some(Pods {
        revision: Revision::new(public.clone()),
        concurrency: if bound > 0 { bound } else { holds.settings.most_per_pod },
        timeout: revision.timeout(),
        probe_port: (port.name == "https").then_some(probe_port),
        ready: EndpointSet::keeping(ready.into_iter().filter(|pod| share.contains(pod)), &known),
        starting,
    })
}

/// Our place among the activators and how many they are; `None` where we are none of them.
fn rank(store: &Store, holds: &Holds) -> Option<(usize, usize)> {
    let addresses = ready_addresses(store, &holds.activators);
    let at = addresses.iter().position(|address| Some(*address) == holds.settings.own_address)?;
    Some((at, addresses.len()))
}

/// The ready addresses of a Service, whatever their ports.
pub(crate) fn ready_addresses(store: &Store, service: &ObjectKey) -> BTreeSet<IpAddr> {
    let endpoints = store.slices(service).flat_map(|slice| &slice.endpoints);
    let ready = endpoints.filter(|endpoint| endpoint.conditions.ready != Some(false));
    ready.flat_map(|endpoint| &endpoint.addresses).filter_map(|text| text.parse().ok()).collect()
}

/// The pods that are ours where `containerConcurrency` bounds each: no two activators have one in common, unless there
/// are more of them than pods (`knative.dev/serving` `pkg/activator/net/throttler.go`).
fn share(pods: BTreeSet<SocketAddr>, rank: Option<(usize, usize)>) -> BTreeSet<SocketAddr> {
    let Some((at, activators)) = rank.filter(|&(_, activators)| activators > 1 && pods.len() > 1) else { return pods };
    if activators > pods.len() {
        let only = at % pods.len();
        return pods.into_iter().skip(only).take(1).collect();
    }
    let (each, left) = (pods.len() / activators, pods.len() % activators);
    let more = (at < left).then(|| pods.iter().nth(each * activators + at).copied()).flatten();
    pods.into_iter().skip(at * each).take(each).chain(more).collect()
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
    use std::sync::Arc;

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
        Holds { settings, activators: ObjectKey::new("default", "activator-service") }
    }

    fn resolved(store: &Store, port: u16, holds: bool, previous: &Target) -> Target {
        let key = BackendKey { namespace: "default".into(), service: "r".into(), port: ServicePort::Number(port) };
        let as_activator = as_activator(None);
        let holds = holds.then_some(&as_activator);
        Resolver { store, internal: &InternalService::new("i.n.svc"), holds }.resolve(&key, previous).target
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
    fn activators_share_pods_without_having_one_in_common() {
        let pods =
            |count: u8| (1..=count).map(|last| SocketAddr::from(([10, 0, 0, last], 8012))).collect::<BTreeSet<_>>();
        for (count, activators, wanted) in [
            (3, 1, vec![vec![1, 2, 3]]),
            (1, 2, vec![vec![1], vec![1]]),
            (3, 2, vec![vec![1, 3], vec![2]]),
            (5, 3, vec![vec![1, 4], vec![2, 5], vec![3]]),
            (2, 3, vec![vec![1], vec![2], vec![1]]),
            (0, 2, vec![vec![], vec![]]),
        ] {
            for (at, wanted) in wanted.into_iter().enumerate() {
                let wanted: BTreeSet<_> = pods(9)
                    .into_iter()
                    .filter(|pod| wanted.iter().any(|last| pod.ip() == IpAddr::from([10, 0, 0, *last])))
                    .collect();
                assert_eq!(share(pods(count), Some((at, activators))), wanted, "{count} pods, {at} of {activators}");
            }
        }
        assert_eq!(share(pods(3), None), pods(3));
    }

    #[test]
    fn our_place_is_that_of_our_address_among_the_activators() {
        let mut store = Store::default();
        let slice = slice(
            "activator-service",
            &[("10.0.0.9", json!({})), ("10.0.0.10", json!({"ready": true})), ("10.0.0.8", json!({"ready": false}))],
        );
        store.apply(ObjectChange::Apply(slice, Origin::default()), &mut Touched::default());
        for (own, wanted) in [("10.0.0.9", Some((0, 2))), ("10.0.0.10", Some((1, 2))), ("10.0.0.8", None)] {
            assert_eq!(rank(&store, &as_activator(own.parse().ok())), wanted, "{own}");
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
