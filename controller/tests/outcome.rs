//! What becomes of a version that is not complete, and what stays meanwhile.
#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use net_pingora_controller::api::{Object, ObjectId};
use net_pingora_controller::{Engine, ObjectChange, Origin, Patiences, Settings, Trouble};
use net_pingora_routing::{HostName, ObjectKey, Transport};
use serde_json::{Value, json};

const CLASS: &str = "pingora.ingress.networking.knative.dev";
/// Longer than any test but the one that waits for its end.
const LONG: Duration = Duration::from_mins(10);

fn engine(version: Duration, endpoints: Duration) -> Engine {
    Engine::new(Settings {
        class: CLASS.into(),
        system_namespace: "default".into(),
        internal_service: "internal.system.svc.cluster.local".into(),
        patience: Patiences { version, endpoints },
        ..Settings::default()
    })
}

fn apply(engine: &mut Engine, objects: &[Object]) {
    let change = |object: &Object| ObjectChange::Apply(object.clone(), Origin::default());
    engine.apply(objects.iter().map(change).collect());
}

/// KIngress `i`: `a.example` to these Services, evenly.
fn ingress(services: &[&str]) -> Object {
    let percent = 100 / services.len();
    let split = |service: &&str| json!({"serviceNamespace": "default", "serviceName": service, "servicePort": 80, "percent": percent});
    let splits: Vec<_> = services.iter().map(split).collect();
    ingress_with(&json!({"rules": [{"hosts": ["a.example"], "http": {"paths": [{"splits": splits}]}}]}))
}

fn ingress_with(spec: &Value) -> Object {
    let annotations = json!({"networking.knative.dev/ingress.class": CLASS});
    let value = json!({"metadata": {"name": "i", "annotations": annotations}, "spec": spec});
    Object::Ingress(Arc::new(serde_json::from_value(value).unwrap()))
}

fn service(name: &str) -> Object {
    let value = json!({"metadata": {"name": name}, "spec": {"ports": [{"name": "http", "port": 80}]}});
    Object::Service(Arc::new(serde_json::from_value(value).unwrap()))
}

fn slice(service: &str, addresses: &[&str]) -> Object {
    let endpoints: Vec<_> = addresses.iter().map(|address| json!({"addresses": [address]})).collect();
    let value = json!({"metadata": {"name": service, "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4", "ports": [{"name": "http", "port": 8080}], "endpoints": endpoints});
    Object::EndpointSlice(Arc::new(serde_json::from_value(value).unwrap()))
}

/// The Services that `a.example` is sent to, with the number of their endpoints.
fn served(engine: &Engine) -> Vec<(String, usize)> {
    let table = engine.table();
    let table = table.load();
    let Some(host) = table.host(&HostName::parse("a.example").unwrap()) else { return Vec::new() };
    let splits = host.external()[0].splits.as_slice().iter();
    splits.map(|split| (split.backend.key.service.to_string(), split.backend.endpoints().as_slice().len())).collect()
}

fn trouble(engine: &Engine) -> Option<Trouble> {
    engine.outcome(&ObjectKey::new("default", "i")).err().map(|problem| problem.trouble)
}

fn one(name: &str, endpoints: usize) -> Vec<(String, usize)> {
    vec![(name.to_owned(), endpoints)]
}

#[test]
fn the_old_version_stays_until_every_backend_of_the_new_one_is_there() {
    let mut engine = engine(LONG, Duration::ZERO);
    apply(&mut engine, &[service("s"), slice("s", &["10.0.0.1"]), ingress(&["s"])]);
    assert_eq!((served(&engine), trouble(&engine)), (one("s", 1), None));

    apply(&mut engine, &[ingress(&["t"])]);
    assert_eq!((served(&engine), trouble(&engine)), (one("s", 1), Some(Trouble::NoBackend)));
    apply(&mut engine, &[service("t")]);
    assert_eq!((served(&engine), trouble(&engine)), (one("s", 1), Some(Trouble::NoEndpoints)));
    apply(&mut engine, &[slice("t", &["10.0.0.2"])]);
    assert_eq!((served(&engine), trouble(&engine)), (one("t", 1), None));
    assert!(engine.next_deadline().is_none());
}

#[test]
fn a_version_that_stays_incomplete_is_served_in_the_end() {
    let mut engine = engine(Duration::from_millis(1), Duration::ZERO);
    apply(&mut engine, &[service("s"), slice("s", &["10.0.0.1"]), ingress(&["s"])]);
    apply(&mut engine, &[ingress(&["s", "t"])]);
    assert_eq!(served(&engine), one("s", 1));
    sleep(Duration::from_millis(2));
    apply(&mut engine, &[]);
    assert_eq!(served(&engine), [("s".to_owned(), 1), ("t".to_owned(), 0)]);
    assert_eq!(trouble(&engine), Some(Trouble::NoBackend));
}

#[test]
fn a_backend_that_was_served_before_makes_no_version_wait() {
    let mut engine = engine(LONG, Duration::ZERO);
    apply(&mut engine, &[service("s"), slice("s", &["10.0.0.1"]), ingress(&["s"])]);
    apply(&mut engine, &[slice("s", &[])]);
    apply(&mut engine, &[service("t"), slice("t", &["10.0.0.2"]), ingress(&["s", "t"])]);
    assert_eq!(served(&engine), [("s".to_owned(), 0), ("t".to_owned(), 1)]);
}

#[test]
fn the_last_endpoints_stay_for_a_moment() {
    let mut engine = engine(Duration::ZERO, Duration::from_millis(20));
    apply(&mut engine, &[service("s"), slice("s", &["10.0.0.1"]), ingress(&["s"])]);
    apply(&mut engine, &[slice("s", &[])]);
    assert_eq!(served(&engine), one("s", 1));
    sleep(Duration::from_millis(21));
    assert!(engine.next_deadline().is_some());
    apply(&mut engine, &[]);
    assert_eq!((served(&engine), engine.next_deadline()), (one("s", 0), None));
}

#[test]
fn every_trouble_is_told_and_heals() {
    let mut engine = engine(Duration::ZERO, Duration::ZERO);
    let tls = json!({"tls": [{"hosts": ["a.example"], "secretName": "t", "secretNamespace": "default"}],
        "rules": [{"hosts": ["a.example"], "http": {"paths": [{"splits":
            [{"serviceNamespace": "default", "serviceName": "s", "servicePort": 80}]}]}}]});
    apply(&mut engine, &[service("s"), slice("s", &["10.0.0.1"]), ingress_with(&tls)]);
    assert_eq!(trouble(&engine), Some(Trouble::NoSecret));
    let value = json!({"metadata": {"name": "t"}, "stringData": {"tls.crt": "x", "tls.key": "y"}});
    apply(&mut engine, &[Object::Secret(Arc::new(serde_json::from_value(value).unwrap()))]);
    assert_eq!(trouble(&engine), Some(Trouble::BadSecret));
    apply(&mut engine, &[ingress_with(&json!({"rules": []}))]);
    assert_eq!((trouble(&engine), served(&engine)), (Some(Trouble::Invalid), one("s", 1)));
    apply(&mut engine, &[ingress(&["s"])]);
    assert_eq!(trouble(&engine), None);
}

/// How the pods of the only split are spoken to.
fn transport(engine: &Engine) -> &'static str {
    let path = Arc::clone(&engine.table().load().host(&HostName::parse("a.example").unwrap()).unwrap().external()[0]);
    match path.splits.as_slice()[0].backend.upstream().transport {
        Transport::Plain => "plain",
        Transport::Encrypted(_) => "encrypted",
        Transport::Untrusted => "untrusted",
    }
}

#[test]
fn system_internal_tls_is_about_every_backend_and_needs_an_authority() {
    let network = |value: &str| {
        let value = json!({"metadata": {"name": "config-network"}, "data": {"system-internal-tls": value}});
        Object::ConfigMap(Arc::new(serde_json::from_value(value).unwrap()))
    };
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem();
    let secret = json!({"metadata": {"name": "routing-serving-certs"}, "stringData": {"ca.crt": authority}});
    let secret = Object::Secret(Arc::new(serde_json::from_value(secret).unwrap()));

    let mut engine = engine(Duration::ZERO, Duration::ZERO);
    apply(&mut engine, &[service("s"), slice("s", &["10.0.0.1"]), ingress(&["s"])]);
    assert_eq!((transport(&engine), trouble(&engine)), ("plain", None));
    for (object, wanted, wanted_trouble) in [
        (network("Enabled"), "untrusted", Some(Trouble::NoAuthority)),
        (secret, "encrypted", None),
        (network("Disabled"), "plain", None),
    ] {
        let applied = engine.apply(vec![ObjectChange::Apply(object, Origin::default())]);
        assert!(applied.affected.contains(&ObjectKey::new("default", "i")), "{wanted}");
        assert_eq!((transport(&engine), trouble(&engine)), (wanted, wanted_trouble));
    }
}

#[test]
fn an_object_that_cannot_be_read_leaves_its_last_good_version() {
    let mut engine = engine(Duration::ZERO, Duration::ZERO);
    apply(&mut engine, &[service("s"), slice("s", &["10.0.0.1"]), ingress(&["s"])]);
    let (id, current) = (ingress(&["s"]).id(), ingress(&["s"]));
    let Object::Ingress(stored) = current else { unreachable!() };
    let current = Object::Ingress(Arc::new(Arc::unwrap_or_clone(stored).with_defaults()));
    assert!(engine.is_current(&current));
    let fault = net_pingora_controller::api::FieldFault::new("spec.rules", "is a number", "write a list");
    let applied = engine.apply(vec![ObjectChange::Unreadable(ObjectId { ..id.clone() }, fault)]);
    assert_eq!((applied.faults.len(), served(&engine), trouble(&engine)), (1, one("s", 1), Some(Trouble::Invalid)));
    assert!(!engine.is_current(&current));
    apply(&mut engine, &[ingress(&["s"])]);
    assert!(engine.is_current(&current) && trouble(&engine).is_none());
}
