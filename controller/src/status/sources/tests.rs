use serde::de::DeserializeOwned;
use serde_json::json;

use super::*;
use crate::api::Object;
use crate::engine::Settings;
use crate::fault::Origin;
use crate::status::{Addresses, BoardSettings, Me};
use crate::store::ObjectChange;

struct Fixture {
    engine: Engine,
    board: Board,
    sources: Sources,
    start: Instant,
}

fn read<T: DeserializeOwned>(value: &Value) -> Arc<T> {
    Arc::new(serde_json::from_value(value.clone()).unwrap())
}

fn route(generation: i64, traffic: &Value) -> Value {
    json!({"metadata": {"name": "hello", "namespace": "default", "uid": "u", "generation": generation},
        "spec": {"traffic": traffic}})
}

impl Fixture {
    /// A leader that serves Routes by itself; revision `a` has a pod.
    fn new() -> Self {
        let start = Instant::now();
        let settings = Settings {
            class: "c".into(),
            cluster_domain: "cluster.local".into(),
            system_namespace: "s".into(),
            routes: true,
            ..Settings::default()
        };
        let addresses = Addresses { public: "p.s.svc".into(), private: "i.s.svc".into() };
        let replica_timeout = Duration::from_mins(1);
        let mut board = Board::new(BoardSettings { me: Me::Alone, addresses, replica_timeout });
        board.lead(true, start);
        let mut engine = Engine::new(settings);
        let service = json!({"metadata": {"name": "a"}, "spec": {"ports": [{"name": "http", "port": 80}]}});
        let slice = json!({"metadata": {"name": "a", "labels": {"kubernetes.io/service-name": "a"}},
            "ports": [{"name": "http", "port": 8080}], "endpoints": [{"addresses": ["10.0.0.1"]}]});
        let domain = json!({"metadata": {"name": "config-domain", "namespace": "s"}, "data": {"example.com": ""}});
        for object in
            [Object::Service(read(&service)), Object::EndpointSlice(read(&slice)), Object::ConfigMap(read(&domain))]
        {
            engine.apply(vec![ObjectChange::Apply(object, Origin::default())]);
        }
        Self { engine, board, sources: Sources::default(), start }
    }

    /// The API server has this Route now.
    fn seen(&mut self, route: &Value) {
        let change = ObjectChange::Apply(Object::Route(read(route)), Origin::default());
        let applied = self.engine.apply(vec![change]);
        let key = ObjectKey::new("default", "hello");
        self.sources.seen(id(Kind::Route, &key), Some(SourceSeen::read(route)), self.start);
        self.sources.applied(&applied.affected);
    }

    fn next(&mut self, after: Duration) -> Option<Value> {
        let work = self.sources.next(&self.board, &self.engine, self.start + after)?;
        let Write::Source { status, .. } = work.write else { panic!("another write") };
        self.sources.written(work.id, true, self.start);
        Some(status)
    }
}

/// The type, status and reason of each condition.
fn conditions(status: &Value) -> Vec<String> {
    let text = |condition: &Value, field: &str| condition[field].as_str().unwrap_or("-").to_owned();
    let all = status["conditions"].as_array().unwrap().iter();
    all.map(|one| ["type", "status", "reason"].map(|field| text(one, field)).join(" ")).collect()
}

fn good() -> Value {
    json!([{"revisionName": "a", "percent": 100}, {"revisionName": "a", "percent": 0, "tag": "t"}])
}

#[test]
fn a_route_that_is_served_is_told_its_urls_and_revisions_once() {
    let mut fixture = Fixture::new();
    let mut route = route(2, &good());
    fixture.seen(&route);
    let status = fixture.next(Duration::ZERO).unwrap();
    assert_eq!(status["url"], "http://hello.default.example.com");
    assert_eq!(status["address"], json!({"url": "http://hello.default.svc.cluster.local"}));
    assert_eq!(status["observedGeneration"], 2);
    let wanted = json!([
        {"revisionName": "a", "percent": 100, "latestRevision": false},
        {"revisionName": "a", "percent": 0, "latestRevision": false, "tag": "t",
            "url": "http://t-hello.default.example.com"},
    ]);
    assert_eq!(status["traffic"], wanted);
    let wanted = [
        "AllTrafficAssigned True -",
        "CertificateProvisioned True TLSNotEnabled",
        "IngressReady True -",
        "Ready True -",
    ];
    assert_eq!(conditions(&status), wanted);
    route["status"] = status;
    fixture.seen(&route);
    assert_eq!(fixture.next(Duration::from_secs(9)), None, "it says so already");
}

#[test]
fn what_is_not_served_is_a_condition_with_reason_message_and_fix() {
    for (traffic, wanted, message) in [
        (
            json!([{"revisionName": "nil", "percent": 100}]),
            "AllTrafficAssigned False RevisionMissing",
            "spec.traffic[0].revisionName: there is no Revision nil; name one that exists, or add a Service of its name",
        ),
        (
            json!([{"revisionName": "a", "percent": 50}]),
            "AllTrafficAssigned False InvalidTraffic",
            "spec.traffic: the percentages add up to 50; write percentages that add up to 100",
        ),
    ] {
        let mut fixture = Fixture::new();
        fixture.seen(&route(1, &good()));
        let told = fixture.next(Duration::ZERO).unwrap();
        let mut wrong = route(2, &traffic);
        wrong["status"] = told;
        fixture.seen(&wrong);
        let status = fixture.next(Duration::ZERO).unwrap();
        assert_eq!(conditions(&status)[0], wanted);
        assert_eq!(status["conditions"][0]["message"], message);
        assert_eq!(conditions(&status)[3].split(' ').nth(1), Some("False"), "Ready");
        assert_eq!(status.get("traffic"), None, "what is served is what was");
    }
}

#[test]
fn nothing_is_written_by_who_does_not_lead_or_while_serving_is_there() {
    for (leads, serves, wanted) in [(true, true, true), (false, true, false), (true, false, false)] {
        let mut fixture = Fixture::new();
        fixture.board.lead(leads, fixture.start);
        fixture.engine.serve_routes(serves);
        fixture.seen(&route(1, &good()));
        assert_eq!(fixture.next(Duration::from_secs(9)).is_some(), wanted, "{leads} {serves}");
    }
}

#[test]
fn after_a_status_of_somebody_elses_nothing_is_written_until_serving_was_looked_for() {
    let mut fixture = Fixture::new();
    let mut route = route(1, &good());
    fixture.seen(&route);
    let ours = fixture.next(Duration::ZERO).unwrap();
    route["status"] = ours.clone();
    fixture.seen(&route);
    assert!(!fixture.sources.is_doubted(), "it is ours");
    route["status"]["url"] = "http://other".into();
    fixture.seen(&route);
    assert!(fixture.sources.is_doubted());
    assert_eq!(fixture.next(Duration::from_secs(9)), None);
    fixture.sources.looked();
    assert_eq!(fixture.next(Duration::from_secs(9)).unwrap()["url"], ours["url"]);
}
