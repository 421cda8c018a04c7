//! Objects of tests, from the JSON that the API has for them.
#![allow(dead_code, reason = "each test program uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of tests only")]

use std::sync::Arc;
use std::time::Duration;

use net_pingora_controller::api::{Kind, Object};
use net_pingora_controller::{Applied, Engine, FrontSettings, ObjectChange, Origin, Settings};
use net_pingora_routing::{HostName, Listener, Request, Target};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The class of all test objects.
pub(crate) const CLASS: &str = "pingora.ingress.networking.knative.dev";

/// An engine that serves Routes.
pub(crate) fn engine() -> Engine {
    Engine::new(settings())
}

/// The same behind a load balancer's Service, whose address gives a default domain under `zone`.
pub(crate) fn engine_at(service: &str, zone: &str, old_domain: Duration) -> Engine {
    let (service, magic_zone) = (service.to_owned(), Some(zone.to_owned()));
    let front = FrontSettings { service, magic_zone, old_domain, ..FrontSettings::default() };
    Engine::new(Settings { front, ..settings() })
}

fn settings() -> Settings {
    Settings {
        class: CLASS.into(),
        system_namespace: "knative-serving".into(),
        cluster_domain: "cluster.local".into(),
        internal_service: "internal.system.svc.cluster.local".into(),
        routes: true,
        ..Settings::default()
    }
}

/// An object from its JSON.
pub(crate) fn object(value: Value) -> Object {
    fn read<T: DeserializeOwned>(value: Value) -> Arc<T> {
        Arc::new(serde_json::from_value(value).unwrap())
    }
    let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
    match Kind::of(&text("apiVersion"), &text("kind")).expect("a kind that is read") {
        Kind::Ingress => Object::Ingress(read(value)),
        Kind::Service => Object::Service(read(value)),
        Kind::EndpointSlice => Object::EndpointSlice(read(value)),
        Kind::Endpoints => Object::Endpoints(read(value)),
        Kind::Secret => Object::Secret(read(value)),
        Kind::ConfigMap => Object::ConfigMap(read(value)),
        Kind::Revision => Object::Revision(read(value)),
        Kind::Configuration => Object::Configuration(read(value)),
        Kind::Route => Object::Route(read(value)),
        Kind::KnativeService => Object::KnativeService(read(value)),
        Kind::DomainMapping => Object::DomainMapping(read(value)),
        Kind::ClusterDomainClaim => Object::ClusterDomainClaim(read(value)),
    }
}

/// Applies objects together.
pub(crate) fn apply(engine: &mut Engine, objects: impl IntoIterator<Item = Value>) -> Applied {
    let change = |value| ObjectChange::Apply(object(value), Origin::default());
    engine.apply(objects.into_iter().map(change).collect())
}

/// Removes an object that is given by its JSON.
pub(crate) fn remove(engine: &mut Engine, value: &Value) -> Applied {
    engine.apply(vec![ObjectChange::Remove(object(value.clone()).id())])
}

/// A Route.
pub(crate) fn route(name: &str, traffic: &Value) -> Value {
    json!({"apiVersion": "serving.knative.dev/v1", "kind": "Route", "metadata": {"name": name},
        "spec": {"traffic": traffic}})
}

/// A ConfigMap of Knative's.
pub(crate) fn config(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "knative-serving"},
        "data": data})
}

/// A Service with port 80.
pub(crate) fn service(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"ports": [{"name": "http", "port": 80}]}})
}

/// The ready pods of a Service; each number is the end of an address.
pub(crate) fn pods(service: &str, pods: &[u8]) -> Value {
    let endpoints: Vec<_> = pods.iter().map(|pod| json!({"addresses": [format!("10.0.0.{pod}")]})).collect();
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": format!("{service}-1"), "labels": {"kubernetes.io/service-name": service}},
        "ports": [{"name": "http", "port": 8012}], "endpoints": endpoints})
}

/// A Revision of a Configuration that nobody has looked at.
pub(crate) fn revision(name: &str, configuration: &str, generation: u32) -> Value {
    json!({"apiVersion": "serving.knative.dev/v1", "kind": "Revision", "metadata": {"name": name, "labels": {
        "serving.knative.dev/configuration": configuration,
        "serving.knative.dev/configurationGeneration": generation.to_string()}}})
}

/// The Services that a request to a host from outside may get to, with their shares.
pub(crate) fn outside(engine: &Engine, host: &str) -> Vec<(String, u8)> {
    answer(engine, host, Listener::External, &[])
}

/// The same for a request with headers, at a kind of listener.
pub(crate) fn answer(
    engine: &Engine,
    host: &str,
    listener: Listener,
    headers: &[(&'static str, &str)],
) -> Vec<(String, u8)> {
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let request = Request { listener, tls: false, host, path: "/", headers: &headers };
    let told = net_pingora_routing::explain(&engine.table().load(), &request);
    let Ok(path) = told.outcome else { return Vec::new() };
    path.splits.as_slice().iter().map(|split| (split.backend.key.service.to_string(), split.percent)).collect()
}

/// Whether what a host is sent to is routed once more here.
pub(crate) fn is_routed_again(engine: &Engine, host: &str) -> bool {
    let table = engine.table().load();
    let host = table.host(&HostName::parse(host).unwrap()).unwrap();
    matches!(host.external()[0].splits.as_slice()[0].backend.upstream().target, Target::Internal)
}

/// The addresses that a host is sent to.
pub(crate) fn addresses(engine: &Engine, host: &str) -> Vec<String> {
    let table = engine.table().load();
    let host = table.host(&HostName::parse(host).unwrap()).unwrap();
    match &host.external()[0].splits.as_slice()[0].backend.upstream().target {
        Target::Endpoints(set) => set.as_slice().iter().map(|endpoint| endpoint.address.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}
