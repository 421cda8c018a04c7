//! Routes of a real cluster, and what Serving's controller made of them.
//!
//! `routes/` has a folder for each combination of ConfigMaps: what decides, and the KIngresses of Serving v0.50.0.
#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use net_pingora_controller::api::{Kind, ingress::IngressSpec};
use net_pingora_controller::{Engine, Settings, load};

const CLASS: &str = "pingora.ingress.networking.knative.dev";

fn settings(routes: bool) -> Settings {
    Settings {
        class: CLASS.into(),
        system_namespace: "knative-serving".into(),
        cluster_domain: "cluster.local".into(),
        internal_service: "internal.system.svc.cluster.local".into(),
        routes,
        ..Settings::default()
    }
}

/// What one file of a folder makes.
fn read(file: &Path, routes: bool) -> Engine {
    let dir = tempfile::tempdir().unwrap();
    let class = format!("metadata: {{annotations: {{networking.knative.dev/ingress.class: {CLASS}}}, name:");
    let text = fs::read_to_string(file).unwrap();
    // What Serving has written is of our class.
    let text = if routes { text } else { text.replace("metadata: {name:", &class) };
    fs::write(dir.path().join("objects.yaml"), text).unwrap();
    load(dir.path(), settings(routes)).engine
}

/// Rules and HTTP option by namespace and name.
fn specs<'a>(all: impl Iterator<Item = (String, &'a IngressSpec)>) -> BTreeMap<String, (String, String)> {
    all.map(|(key, spec)| (key, (format!("{:#?}", spec.rules), spec.http_option.clone()))).collect()
}

#[test]
fn a_route_makes_the_rules_that_servings_controller_makes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/routes");
    let mut compared = 0;
    for folder in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let made = read(&folder.join("objects.yaml"), true);
        let written = read(&folder.join("kingress.yaml"), false);
        let ours = specs(made.store().derived().map(|(key, made)| (key.to_string(), &made.spec)));
        let theirs = written.store().keys(Kind::Ingress);
        let theirs = specs(theirs.map(|key| (key.to_string(), &written.store().written(key).unwrap().0.spec)));
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{}", folder.display());
        for (key, wanted) in &theirs {
            assert_eq!(ours.get(key), Some(wanted), "{} {key}", folder.display());
        }
        compared += theirs.len();
    }
    assert!(compared > 50, "{compared}");
}
