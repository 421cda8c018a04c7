//! What becomes of a revision's objects where the gateway stands in for Knative's activator.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests only")]

use std::sync::Arc;

use net_pingora_controller::api::{Kind, Object, ObjectId};
use net_pingora_controller::{Applied, Engine, HoldSettings, ObjectChange, Origin, Settings};
use net_pingora_routing::{Backend, HostName, ObjectKey, Revision, TableCell, Target};
use serde_json::{Value, json};

const CLASS: &str = "pingora.ingress.networking.knative.dev";

fn engine() -> Engine {
    Engine::new(Settings {
        class: CLASS.to_owned(),
        system_namespace: "default".to_owned(),
        internal_service: "net-pingora-internal.default.svc.cluster.local".to_owned(),
        holds: Some(HoldSettings { own_address: "10.0.9.1".parse().ok(), ..HoldSettings::default() }),
        ..Settings::default()
    })
}

fn apply(engine: &mut Engine, objects: impl IntoIterator<Item = Object>) -> Applied {
    engine.apply(objects.into_iter().map(|object| ObjectChange::Apply(object, Origin::default())).collect())
}

fn typed<T: serde::de::DeserializeOwned>(value: Value) -> Arc<T> {
    Arc::new(serde_json::from_value(value).unwrap())
}

fn revision(concurrency: u32) -> Object {
    Object::Revision(typed(json!({"metadata": {"name": "r"}, "spec": {"containerConcurrency": concurrency}})))
}

fn public() -> Object {
    let ports = json!([{"port": 80, "name": "http"}, {"port": 443, "name": "https"}]);
    Object::Service(typed(json!({"metadata": {"name": "r"}, "spec": {"ports": ports}})))
}

fn private() -> Object {
    let labels = json!({"networking.internal.knative.dev/serviceType": "Private", "serving.knative.dev/revision": "r"});
    let ports = json!([{"port": 80, "name": "http"}, {"port": 443, "name": "https"}]);
    Object::Service(typed(json!({"metadata": {"name": "r-private", "labels": labels}, "spec": {"ports": ports}})))
}

fn slice(service: &str, addresses: &[&str]) -> Object {
    let endpoints: Vec<_> = addresses.iter().map(|address| json!({"addresses": [address]})).collect();
    Object::EndpointSlice(typed(json!({
        "metadata": {"name": format!("{service}-x"), "labels": {"kubernetes.io/service-name": service}},
        "ports": [{"name": "http", "port": 8012}, {"name": "https", "port": 8112}],
        "endpoints": endpoints,
    })))
}

fn ingress() -> Object {
    let split = json!({"serviceNamespace": "default", "serviceName": "r", "servicePort": 80, "percent": 100});
    Object::Ingress(typed(json!({
        "metadata": {"name": "i", "annotations": {"networking.knative.dev/ingress.class": CLASS}},
        "spec": {"rules": [{"hosts": ["a.example"], "http": {"paths": [{"splits": [split]}]}}]},
    })))
}

fn backend(table: &TableCell, host: &str) -> Option<Arc<Backend>> {
    let table = table.load();
    let path = table.host(&HostName::parse(host)?)?.internal().first()?;
    Some(Arc::clone(&path.splits.as_slice().first()?.backend))
}

/// The last numbers of the addresses of ready pods, and the revision if requests wait for them.
fn target(backend: &Backend) -> (Vec<u8>, Option<Arc<Revision>>) {
    let (set, revision) = match &backend.upstream().target {
        Target::Endpoints(set) => (set.clone(), None),
        Target::Revision(pods) => (pods.ready.clone(), Some(Arc::clone(&pods.revision))),
        other => panic!("{other:?}"),
    };
    let last = |address: std::net::IpAddr| match address {
        std::net::IpAddr::V4(address) => address.octets()[3],
        std::net::IpAddr::V6(_) => 0,
    };
    (set.as_slice().iter().map(|endpoint| last(endpoint.address.ip())).collect(), revision)
}

#[test]
fn a_revision_stays_the_same_for_those_who_wait_while_its_pods_and_objects_come_and_go() {
    let mut engine = engine();
    apply(&mut engine, [ingress(), public(), private(), revision(0)]);
    let split = backend(&engine.table(), "a.example").unwrap();
    let (pods, first) = target(&split);
    assert!(pods.is_empty());
    let first = first.unwrap();
    for (objects, wanted) in [
        (vec![slice("r-private", &["10.0.0.1"])], vec![1]),
        (vec![slice("r", &["10.0.9.1"])], vec![1]),
        (vec![slice("r-private", &[])], vec![]),
        (vec![slice("r-private", &["10.0.0.2", "10.0.0.3"])], vec![2, 3]),
    ] {
        apply(&mut engine, objects);
        let (pods, revision) = target(&split);
        assert_eq!(pods, wanted);
        assert!(Arc::ptr_eq(&revision.unwrap(), &first));
    }
    apply(&mut engine, [slice("r", &["10.0.0.2", "10.0.0.3"])]);
    assert_eq!(target(&split).0, [2, 3], "Serving sends them to the pods");
    assert!(target(&split).1.is_none());
}

#[test]
fn a_revision_is_served_by_its_name_for_as_long_as_it_exists() {
    let mut engine = engine();
    let revisions = engine.revisions();
    apply(&mut engine, [revision(0)]);
    assert!(backend(&revisions, "r.default").is_none(), "there is no Service");
    apply(&mut engine, [ingress(), public(), private(), slice("r-private", &["10.0.0.1"])]);
    let by_name = backend(&revisions, "r.default").unwrap();
    assert!(Arc::ptr_eq(&by_name, &backend(&engine.table(), "a.example").unwrap()), "one cell counts for both");
    assert_eq!(target(&by_name).0, [1]);
    let gone = ObjectId { kind: Kind::Revision, key: ObjectKey::new("default", "r") };
    engine.apply(vec![ObjectChange::Remove(gone)]);
    assert!(backend(&revisions, "r.default").is_none());
}

#[test]
fn a_bounded_revision_gets_another_keeper_when_activators_come_and_go_and_strangers_are_told_of() {
    let mut engine = engine();
    // So many that it is hardly us.
    let many: Vec<_> = (1..=99).map(|last| format!("10.0.9.{last}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let ours = slice("net-pingora-internal", &many);
    let service = json!({"metadata": {"name": "activator-service"}, "spec": {"ports": [{"port": 80, "name": "http"}]}});
    let pods = slice("r-private", &["10.0.0.1", "10.0.0.2"]);
    let service = Object::Service(typed(service));
    apply(&mut engine, [ingress(), public(), private(), revision(1), pods, ours, service]);
    let split = backend(&engine.table(), "a.example").unwrap();
    let keeper = || match &split.upstream().target {
        Target::Revision(pods) => pods.keeper.as_ref().map(|keeper| keeper.address.to_string()),
        other => panic!("{other:?}"),
    };
    for (activators, passed_on, told) in [
        (&*many, true, None),
        (&["10.0.8.1", "10.0.9.1", "10.0.9.2"], false, Some("1 of 3 endpoints")),
        (&["10.0.9.2"], false, Some("0 of 1 endpoints")),
        (&["10.0.9.1"], false, None),
    ] {
        let applied = apply(&mut engine, [slice("activator-service", activators)]);
        assert_eq!(target(&split).0, [1, 2], "{activators:?}");
        assert_eq!(keeper().is_some_and(|keeper| keeper.ends_with(":8012")), passed_on, "{activators:?}");
        let notice = applied.notices.first().map(|notice| notice.split(" of default").next().unwrap());
        assert_eq!(notice, told, "{activators:?}");
    }
    apply(&mut engine, [slice("activator-service", &many), revision(0)]);
    assert_eq!(keeper(), None, "nothing is to be kept");
}
