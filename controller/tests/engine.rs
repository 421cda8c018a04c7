//! What the engine makes of changed objects.
#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::sync::Arc;

use net_pingora_controller::api::{Object, ObjectId};
use net_pingora_controller::{Applied, Engine, ObjectChange, Origin, Settings};
use net_pingora_routing::{HostName, Missing, Target};
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};

const CLASS: &str = "pingora.ingress.networking.knative.dev";

fn engine() -> Engine {
    Engine::new(Settings {
        class: CLASS.into(),
        internal_service: "internal.system.svc.cluster.local".into(),
        ..Settings::default()
    })
}

fn apply(engine: &mut Engine, objects: impl IntoIterator<Item = Object>) -> Applied {
    engine.apply(objects.into_iter().map(|object| ObjectChange::Apply(object, Origin::default())).collect())
}

/// A KIngress of a class, with a host and a certificate in the Secret of that name.
fn ingress_of(class: &str, name: &str, host: &str, secret: &str) -> Object {
    let split = json!({"serviceNamespace": "default", "serviceName": name, "servicePort": 80});
    let value = json!({
        "metadata": {"name": name, "annotations": {"networking.knative.dev/ingress.class": class}},
        "spec": {
            "tls": [{"hosts": [host], "secretName": secret, "secretNamespace": "default"}],
            "rules": [{"hosts": [host], "http": {"paths": [{"splits": [split]}]}}]
        }
    });
    Object::Ingress(Arc::new(serde_json::from_value(value).unwrap()))
}

fn ingress(name: &str, host: &str, secret: &str) -> Object {
    ingress_of(CLASS, name, host, secret)
}

fn secret(name: &str, data: &Value) -> Object {
    let value = json!({"metadata": {"name": name}, "stringData": data});
    Object::Secret(Arc::new(serde_json::from_value(value).unwrap()))
}

/// A Secret with a new certificate.
fn good_secret(name: &str) -> Object {
    let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    secret(name, &json!({"tls.crt": made.cert.pem(), "tls.key": made.signing_key.serialize_pem()}))
}

fn remove(engine: &mut Engine, id: ObjectId) -> Applied {
    engine.apply(vec![ObjectChange::Remove(id)])
}

fn certificate(engine: &Engine, host: &str) -> Option<Arc<CertifiedKey>> {
    engine.certificates().external.find(Some(host))
}

/// The KIngress that serves a host.
fn owner(engine: &Engine, host: &str) -> Option<String> {
    let table = engine.table();
    let table = table.load();
    Some(table.host(&HostName::parse(host)?)?.external()[0].ingress.key.name.to_string())
}

#[test]
fn a_certificate_follows_its_secret_and_a_bad_one_leaves_what_was_there() {
    let mut engine = engine();
    let applied = apply(&mut engine, [ingress("a", "a.example", "t")]);
    assert!(applied.faults.iter().any(|fault| fault.problem == "there is no Secret default/t"));
    assert!(owner(&engine, "a.example").is_some() && certificate(&engine, "a.example").is_none());

    assert!(apply(&mut engine, [good_secret("t")]).ingresses.is_empty());
    let first = certificate(&engine, "a.example").unwrap();

    let applied = apply(&mut engine, [secret("t", &json!({"tls.crt": "x", "tls.key": "y"}))]);
    assert!(applied.faults.iter().any(|fault| fault.kind == "Secret" && fault.field == "stringData[\"tls.crt\"]"));
    assert!(Arc::ptr_eq(&first, &certificate(&engine, "a.example").unwrap()));

    let renewed = good_secret("t");
    apply(&mut engine, [renewed.clone()]);
    assert_ne!(first.cert, certificate(&engine, "a.example").unwrap().cert);
    remove(&mut engine, renewed.id());
    assert!(certificate(&engine, "a.example").is_none());
}

#[test]
fn a_host_that_changes_hands_is_served_by_the_new_owner_with_its_certificate() {
    let mut engine = engine();
    apply(
        &mut engine,
        [good_secret("s"), good_secret("t"), ingress("a", "a.example", "s"), ingress("b", "b.example", "t")],
    );
    let (of_a, of_b) = (certificate(&engine, "a.example").unwrap(), certificate(&engine, "b.example").unwrap());
    let applied = apply(&mut engine, [ingress("a", "b.example", "s"), ingress("b", "a.example", "t")]);
    assert_eq!(applied.ingresses.len(), 2);
    assert_eq!((owner(&engine, "a.example").unwrap(), owner(&engine, "b.example").unwrap()), ("b".into(), "a".into()));
    assert!(Arc::ptr_eq(&of_a, &certificate(&engine, "b.example").unwrap()));
    assert!(Arc::ptr_eq(&of_b, &certificate(&engine, "a.example").unwrap()));

    let gone = ingress("a", "", "").id();
    engine.apply(vec![
        ObjectChange::Remove(gone),
        ObjectChange::Apply(ingress("b", "b.example", "t"), Origin::default()),
    ]);
    assert_eq!((owner(&engine, "a.example"), owner(&engine, "b.example")), (None, Some("b".into())));
    assert!(certificate(&engine, "a.example").is_none());
    assert_eq!(engine.table().load().len(), 1);
}

#[test]
fn a_class_that_changes_away_drops_the_routes_at_once() {
    let mut engine = engine();
    apply(&mut engine, [good_secret("t"), ingress("a", "a.example", "t")]);
    let applied = apply(&mut engine, [ingress_of("other", "a", "a.example", "t")]);
    assert_eq!((applied.notices.len(), applied.faults.len()), (1, 0));
    assert_eq!(owner(&engine, "a.example"), None);
    assert!(certificate(&engine, "a.example").is_none());
    apply(&mut engine, [ingress("b", "a.example", "t")]);
    assert_eq!(owner(&engine, "a.example").as_deref(), Some("b"));
}

#[test]
fn an_invalid_version_leaves_the_last_good_one_and_the_host_it_owns() {
    let mut engine = engine();
    apply(&mut engine, [good_secret("t"), ingress("a", "a.example", "t")]);
    let applied = apply(&mut engine, [ingress("a", "not a host", "t"), ingress("b", "a.example", "t")]);
    assert!(applied.ingresses.is_empty());
    assert_eq!(owner(&engine, "a.example").as_deref(), Some("a"));
}

#[test]
fn the_same_version_again_publishes_nothing() {
    let mut engine = engine();
    apply(&mut engine, [good_secret("t"), ingress("a", "a.example", "t")]);
    let before = Arc::clone(&engine.table().load());
    assert!(apply(&mut engine, [ingress("a", "a.example", "t")]).ingresses.is_empty());
    assert!(Arc::ptr_eq(&before, &engine.table().load()));
}

#[test]
fn a_service_that_comes_later_fills_the_backend() {
    let mut engine = engine();
    apply(&mut engine, [ingress("a", "a.example", "t")]);
    let path = Arc::clone(&engine.table().load().host(&HostName::parse("a.example").unwrap()).unwrap().external()[0]);
    let backend = &path.splits.as_slice()[0].backend;
    assert!(matches!(backend.upstream().target, Target::Missing(Missing::Service)));
    let service = json!({"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}});
    apply(&mut engine, [Object::Service(Arc::new(serde_json::from_value(service).unwrap()))]);
    assert!(matches!(backend.upstream().target, Target::Endpoints(_)));
}
