//! Routes that change under load, as `loadtest churn` changes them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic in its helpers too")]

mod common;

use std::time::Duration;

use net_pingora_loadtest::Stop;
use net_pingora_loadtest::churn::{Place, Plan, run};
use tempfile::TempDir;

use common::Serving;

#[test]
fn a_change_costs_nobody_an_error_or_a_stale_answer() {
    let folder = TempDir::new().unwrap();
    let serving = Serving::start(&folder, 2);
    let (_, at) = serving.listening.iter().find(|(name, _)| name == "external-http").unwrap();
    let plan = Plan {
        gateway: format!("http://{at}/").parse().unwrap(),
        place: Place::Directory(folder.path().to_owned()),
        namespace: "default".to_owned(),
        class: "pingora.ingress.networking.knative.dev".to_owned(),
        routes: 5,
        changes: 30,
        pause: Duration::from_millis(50),
        rate: 500.0,
        connections: 8,
        timeout: Duration::from_secs(10),
        grace: Duration::from_secs(5),
        patience: Duration::from_secs(10),
    };
    let report = run(&plan, &Stop::default(), |_| ()).unwrap();
    assert_eq!((report.changes.len(), report.without_effect()), (30, 0), "{report:?}");
    assert_eq!((report.errors(), report.stale), (0, 0), "{report:?}");
    assert!(report.requests > 300, "{report:?}");
}
