use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::api::Object;
use crate::engine::Settings;
use crate::fault::Origin;
use crate::status::Truth;
use crate::store::ObjectChange;

const CLASS: &str = "pingora.ingress.networking.knative.dev";
const TIMEOUT: Duration = Duration::from_mins(1);

/// A board of pod `me` and its engine, which serves KIngress `i` in full.
struct Fixture {
    board: Board,
    engine: Engine,
    start: Instant,
}

impl Fixture {
    /// With these ready replicas.
    fn new(replicas: &[&str]) -> Self {
        let mut engine = Engine::new(Settings {
            class: CLASS.into(),
            internal_service: "internal.system.svc.cluster.local".into(),
            ..Settings::default()
        });
        let split = json!({"serviceNamespace": "n", "serviceName": "s", "servicePort": 80});
        let annotations = json!({"networking.knative.dev/ingress.class": CLASS});
        let ingress = json!({"metadata": {"namespace": "n", "name": "i", "annotations": annotations},
            "spec": {"rules": [{"hosts": ["a"], "http": {"paths": [{"splits": [split]}]}}]}});
        let service = json!({"metadata": {"namespace": "n", "name": "s"},
            "spec": {"type": "ExternalName", "externalName": "x.example", "ports": [{"port": 80}]}});
        let objects = [
            Object::Ingress(Arc::new(serde_json::from_value(ingress).unwrap())),
            Object::Service(Arc::new(serde_json::from_value(service).unwrap())),
            gateway(replicas),
        ];
        engine.apply(objects.map(|object| ObjectChange::Apply(object, Origin::default())).into());
        let mut board = Board::new(BoardSettings {
            me: Me::Pod { service: ObjectKey::new("system", "internal"), name: "me".to_owned() },
            addresses: Addresses { public: "p".into(), private: "i".into() },
            replica_timeout: TIMEOUT,
        });
        let start = Instant::now();
        board.lead(true, start);
        board.seen(key(), Some(seen(1)), start);
        board.applied([], &engine);
        Self { board, engine, start }
    }

    /// What is written after some time, as `Ready` and its message.
    fn written(&mut self, after: Duration) -> Option<(Truth, String)> {
        let work = self.board.next(&self.engine, self.start + after)?;
        let Write::Status { status, .. } = work.write else { panic!("{work:?}") };
        self.board.written(work.id.key, true, self.start + after);
        Some((status.conditions.ready.truth, status.conditions.ready.message.to_string()))
    }

    fn hear(&mut self, replica: &str, event: Event) {
        self.board.report(Report { replica: replica.to_owned(), event });
    }
}

/// The slice of our own Service.
fn gateway(replicas: &[&str]) -> Object {
    let endpoint = |name: &&str| json!({"addresses": ["10.0.0.1"], "targetRef": {"name": name}});
    let endpoints: Vec<_> = replicas.iter().map(endpoint).collect();
    let slice = json!({"metadata": {"namespace": "system", "name": "x", "labels": {"kubernetes.io/service-name": "internal"}},
        "endpoints": endpoints});
    Object::EndpointSlice(Arc::new(serde_json::from_value(slice).unwrap()))
}

fn key() -> ObjectKey {
    ObjectKey::new("n", "i")
}

fn seen(generation: i64) -> Seen {
    Seen::read(&json!({"metadata": {"uid": "u", "generation": generation}}))
}

fn serves(generation: i64) -> Event {
    Event::Serves(vec![(key(), Some(Version { uid: "u".into(), generation }))])
}

fn ready() -> (Truth, String) {
    (Truth::True, String::new())
}

#[test]
fn the_only_replica_makes_a_version_ready_at_once_and_once() {
    let mut fixture = Fixture::new(&["me"]);
    assert_eq!(fixture.written(Duration::ZERO), Some(ready()));
    assert_eq!(fixture.written(TIMEOUT), None);
}

#[test]
fn ready_waits_for_every_ready_replica_to_serve_this_version() {
    let mut fixture = Fixture::new(&["me", "other"]);
    assert_eq!(fixture.written(Duration::ZERO), None);
    fixture.hear("other", Event::Connected);
    for event in [serves(0), Event::Serves(vec![(ObjectKey::new("n", "j"), None)])] {
        fixture.hear("other", event);
        assert_eq!(fixture.written(Duration::ZERO), None);
    }
    fixture.hear("other", serves(1));
    assert_eq!(fixture.written(Duration::ZERO), Some(ready()));
}

#[test]
fn a_replica_that_is_cut_off_is_named_and_blocks_for_a_set_time() {
    let mut fixture = Fixture::new(&["me", "other"]);
    fixture.hear("other", Event::Connected);
    fixture.hear("other", serves(1));
    fixture.hear("other", Event::Disconnected);
    assert_eq!(fixture.written(Duration::ZERO), None);
    let told = Some((Truth::Unknown, "not yet served by: other".to_owned()));
    assert_eq!(fixture.written(QUIET), told);
    assert_eq!(fixture.board.next_deadline(), Some(fixture.start + TIMEOUT));
    assert_eq!(fixture.written(TIMEOUT), Some(ready()));
}

#[test]
fn a_replica_that_leaves_blocks_no_more() {
    let mut fixture = Fixture::new(&["me", "other"]);
    assert_eq!(fixture.written(Duration::ZERO), None);
    fixture.engine.apply(vec![ObjectChange::Apply(gateway(&["me"]), Origin::default())]);
    fixture.board.applied([], &fixture.engine);
    assert_eq!(fixture.written(Duration::ZERO), Some(ready()));
}

#[test]
fn nothing_is_ready_before_a_replica_takes_requests() {
    let mut fixture = Fixture::new(&[]);
    let (truth, message) = fixture.written(2 * TIMEOUT).unwrap();
    assert_eq!(truth, Truth::Unknown);
    assert!(message.contains("system/internal"), "{message}");
}

#[test]
fn who_does_not_lead_writes_nothing_and_who_leads_anew_looks_at_everything() {
    let mut fixture = Fixture::new(&["me"]);
    fixture.board.lead(false, fixture.start);
    assert_eq!(fixture.written(Duration::ZERO), None);
    fixture.board.lead(true, fixture.start);
    assert_eq!(fixture.written(Duration::ZERO), Some(ready()));
}

#[test]
fn what_is_settled_stays_when_replicas_come_and_its_next_version_starts_anew() {
    let mut fixture = Fixture::new(&["me"]);
    assert_eq!(fixture.written(Duration::ZERO), Some(ready()));
    fixture.engine.apply(vec![ObjectChange::Apply(gateway(&["me", "other"]), Origin::default())]);
    fixture.board.applied(&[key()], &fixture.engine);
    assert_eq!(fixture.written(TIMEOUT), None);
    fixture.board.seen(key(), Some(seen(2)), fixture.start + TIMEOUT);
    assert_eq!(fixture.written(TIMEOUT), None);
    fixture.hear("other", serves(2));
    assert_eq!(fixture.written(TIMEOUT), Some(ready()));
}

#[test]
fn a_failed_write_is_tried_again() {
    let mut fixture = Fixture::new(&["me"]);
    let work = fixture.board.next(&fixture.engine, fixture.start).unwrap();
    assert!(fixture.board.next(&fixture.engine, fixture.start).is_none());
    fixture.board.written(work.id.key, false, fixture.start);
    assert_eq!(fixture.written(Duration::ZERO), None);
    assert_eq!(fixture.written(RETRY), Some(ready()));
}

#[test]
fn the_shared_finalizer_of_a_deleted_object_is_taken_off() {
    let mut fixture = Fixture::new(&["me"]);
    let object = json!({"metadata": {"uid": "u", "generation": 1, "resourceVersion": "7",
        "deletionTimestamp": "2026-01-01T00:00:00Z",
        "finalizers": ["ingresses.networking.internal.knative.dev", "example.com/own"]}});
    fixture.board.seen(key(), Some(Seen::read(&object)), fixture.start);
    let work = fixture.board.next(&fixture.engine, fixture.start).unwrap();
    let Write::Release { release, .. } = work.write else { panic!("{work:?}") };
    assert_eq!((&*release.resource_version, release.others), ("7", vec!["example.com/own".to_owned()]));
}
