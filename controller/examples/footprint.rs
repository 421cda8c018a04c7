//! Bytes of resident memory for each KIngress with a Service and a slice of its own.
//!
//! `cargo run --release -p net-pingora-controller --example footprint [COUNT]`

use std::error::Error;
use std::fs;
use std::sync::Arc;

use net_pingora_controller::api::Object;
use net_pingora_controller::{Engine, ObjectChange, Origin, Settings};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: net_pingora_allocator::MiMalloc = net_pingora_allocator::MiMalloc;

const CLASS: &str = "pingora.ingress.networking.knative.dev";

fn main() -> Result<(), Box<dyn Error>> {
    net_pingora_allocator::configure();
    let count: usize = std::env::args().nth(1).map_or(Ok(5_000), |count| count.parse())?;
    let mut engine = Engine::new(Settings {
        class: CLASS.to_owned(),
        internal_service: "net-pingora-internal.knative-serving.svc.cluster.local".to_owned(),
        ..Settings::default()
    });
    let before = resident()?;
    for number in 0..count {
        let changes = objects(number)?.into_iter().map(|object| ObjectChange::Apply(object, Origin::default()));
        engine.apply(changes.collect());
        engine.reclaim();
    }
    println!("{} bytes for each of {count}", (resident()? - before) / count);
    Ok(())
}

fn objects(number: usize) -> Result<[Object; 3], serde_json::Error> {
    let (app, service) = (format!("app-{number}"), format!("b-{number}"));
    let headers = json!({"Knative-Serving-Revision": format!("{app}-00001"), "Knative-Serving-Namespace": "scale"});
    let split = json!({"serviceNamespace": "scale", "serviceName": service, "servicePort": 80, "percent": 100,
        "appendHeaders": headers});
    let rule = |hosts: &[String], visibility| json!({"hosts": hosts, "visibility": visibility, "http": {"paths": [{"splits": [split]}]}});
    let local = ["", ".svc", ".svc.cluster.local"].map(|suffix| format!("{app}.scale{suffix}"));
    let public = [format!("{app}.scale.example.com")];
    let ingress = json!({
        "metadata": {"namespace": "scale", "name": app, "uid": format!("00000000-0000-0000-0000-{number:012}"),
            "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"networking.knative.dev/ingress.class": CLASS}},
        "spec": {"httpOption": "Enabled", "rules": [rule(&public, "ExternalIP"), rule(&local, "ClusterLocal")]}
    });
    let port = json!([{"name": "http", "port": 80, "targetPort": 8080}]);
    let of_service =
        json!({"metadata": {"namespace": "scale", "name": service}, "spec": {"type": "ClusterIP", "ports": port}});
    let slice = json!({"metadata": {"namespace": "scale", "name": format!("{service}-1"),
        "labels": {"kubernetes.io/service-name": service}}, "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}], "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": true}}]});
    Ok([
        Object::Ingress(Arc::new(serde_json::from_value(ingress)?)),
        Object::Service(Arc::new(serde_json::from_value(of_service)?)),
        Object::EndpointSlice(Arc::new(serde_json::from_value(slice)?)),
    ])
}

/// Resident memory of this process in bytes (Linux).
fn resident() -> Result<usize, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kib: usize = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}
