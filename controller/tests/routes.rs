//! Routes, Knative Services and DomainMappings without Serving's controllers.
#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

#[path = "support/objects.rs"]
mod objects;

use net_pingora_controller::Engine;
use net_pingora_routing::Listener;
use objects::{answer, apply, config, engine, is_routed_again, outside, pods, remove, revision, route, service};
use serde_json::{Value, json};

/// One share of a host's requests.
fn share(service: &str, percent: u8) -> (String, u8) {
    (service.to_owned(), percent)
}

/// An engine whose Routes are under `example.com`, with two revisions that have pods.
fn with_two_revisions() -> Engine {
    let mut engine = engine();
    let mut all = vec![config("config-domain", &json!({"example.com": ""}))];
    for (name, generation) in [("hello-1", 1), ("hello-2", 2)] {
        all.extend([revision(name, "hello", generation), service(name), pods(name, &[1])]);
    }
    apply(&mut engine, all);
    engine
}

fn split() -> Value {
    json!([{"revisionName": "hello-1", "percent": 90}, {"configurationName": "hello", "percent": 10, "tag": "canary"}])
}

#[test]
fn splits_tags_and_hosts_in_the_cluster_are_served_as_serving_would_have_them() {
    let mut engine = with_two_revisions();
    apply(&mut engine, [route("hello", &split())]);
    let both = vec![share("hello-1", 90), share("hello-2", 10)];
    let canary = vec![share("hello-2", 100)];
    assert_eq!(outside(&engine, "hello.default.example.com"), both);
    assert_eq!(outside(&engine, "canary-hello.default.example.com"), canary);
    for host in ["hello.default", "hello.default.svc", "hello.default.svc.cluster.local"] {
        assert_eq!(answer(&engine, host, Listener::Internal, &[]), both);
        assert!(outside(&engine, host).is_empty(), "{host}");
    }
    let tag = [("knative-serving-tag", "canary")];
    let by_header = |engine: &Engine| answer(engine, "hello.default.example.com", Listener::External, &tag);
    assert_eq!(by_header(&engine), both);
    apply(&mut engine, [config("config-features", &json!({"tag-header-based-routing": "Enabled"}))]);
    assert_eq!(by_header(&engine), canary);
}

#[test]
fn hosts_follow_config_domain_and_a_wrong_one_leaves_the_last_good() {
    let mut engine = with_two_revisions();
    apply(&mut engine, [route("hello", &split())]);
    let applied = apply(&mut engine, [config("config-domain", &json!({"example.com": "selector: [no map]"}))]);
    assert!(applied.faults[0].to_string().starts_with("ConfigMap knative-serving/config-domain: data"));
    assert!(!outside(&engine, "hello.default.example.com").is_empty());
    apply(&mut engine, [config("config-domain", &json!({"10-0-0-5.sslip.io": ""}))]);
    assert!(outside(&engine, "hello.default.example.com").is_empty());
    assert!(!outside(&engine, "hello.default.10-0-0-5.sslip.io").is_empty());
    remove(&mut engine, &config("config-domain", &json!({})));
    assert!(outside(&engine, "hello.default.10-0-0-5.sslip.io").is_empty());
}

#[test]
fn what_cannot_be_served_is_told_and_leaves_the_last_good() {
    let good = vec![share("hello-1", 90), share("hello-2", 10)];
    for (traffic, wanted) in [
        (json!([{"revisionName": "hello-1", "percent": 50}]), "spec.traffic: the percentages add up to 50;"),
        (json!([{"revisionName": "nil", "percent": 100}]), "spec.traffic[0].revisionName: there is no Revision nil;"),
        (
            json!([{"configurationName": "nil", "percent": 100}]),
            "spec.traffic[0].configurationName: there is no Configuration nil;",
        ),
        (
            json!([{"revisionName": "cold", "percent": 100}]),
            "spec.traffic[0].revisionName: Revision cold is not ready;",
        ),
        (
            json!([{"revisionName": "hello-1", "percent": 100, "tag": "t".repeat(60)}]),
            "metadata.name: domain-template of config-network gives",
        ),
    ] {
        let mut engine = with_two_revisions();
        apply(&mut engine, [route("hello", &split()), revision("cold", "cold", 1), service("cold")]);
        let applied = apply(&mut engine, [route("hello", &traffic)]);
        let faults: Vec<_> = applied.faults.iter().map(ToString::to_string).collect();
        assert!(faults[0].starts_with(&format!("Route default/hello: {wanted}")), "{faults:?}");
        assert_eq!(outside(&engine, "hello.default.example.com"), good, "{traffic}");
        apply(&mut engine, [route("hello", &json!([{"revisionName": "hello-2", "percent": 100}]))]);
        assert_eq!(outside(&engine, "hello.default.example.com"), [share("hello-2", 100)]);
    }
}

#[test]
fn the_latest_revision_is_the_newest_with_a_pod_and_is_not_gone_back_from() {
    let mut engine = with_two_revisions();
    apply(&mut engine, [route("hello", &json!([{"configurationName": "hello", "percent": 100}]))]);
    let latest = |engine: &Engine| outside(engine, "hello.default.example.com");
    assert_eq!(latest(&engine), [share("hello-2", 100)]);
    apply(&mut engine, [revision("hello-3", "hello", 3), service("hello-3")]);
    assert_eq!(latest(&engine), [share("hello-2", 100)]);
    apply(&mut engine, [pods("hello-3", &[3])]);
    assert_eq!(latest(&engine), [share("hello-3", 100)]);
    apply(&mut engine, [pods("hello-3", &[])]);
    assert_eq!(latest(&engine), [share("hello-3", 100)]);
    remove(&mut engine, &revision("hello-3", "hello", 3));
    assert_eq!(latest(&engine), [share("hello-2", 100)]);
}

#[test]
fn servings_word_on_the_latest_ready_revision_counts_while_it_is_of_the_version_of_now() {
    let configuration = |observed: i64| {
        json!({"apiVersion": "serving.knative.dev/v1", "kind": "Configuration",
            "metadata": {"name": "hello", "generation": 2},
            "status": {"latestReadyRevisionName": "hello-1", "observedGeneration": observed}})
    };
    for (observed, wanted) in [(2, "hello-1"), (1, "hello-2")] {
        let mut engine = with_two_revisions();
        let latest = route("hello", &json!([{"configurationName": "hello", "percent": 100}]));
        apply(&mut engine, [configuration(observed), latest]);
        assert_eq!(outside(&engine, "hello.default.example.com"), [share(wanted, 100)]);
    }
}

#[test]
fn a_ksvc_stands_for_a_route_and_a_plain_service_for_a_revision() {
    let mut engine = engine();
    let ksvc = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "plain"}});
    let all = [config("config-domain", &json!({"example.com": ""})), service("plain"), pods("plain", &[1]), ksvc];
    apply(&mut engine, all.clone());
    assert_eq!(outside(&engine, "plain.default.example.com"), [share("plain", 100)]);
    apply(&mut engine, [service("other"), route("plain", &json!([{"revisionName": "other", "percent": 100}]))]);
    assert_eq!(outside(&engine, "plain.default.example.com"), [share("other", 100)]);
    remove(&mut engine, &all[3]);
    assert_eq!(outside(&engine, "plain.default.example.com"), [share("other", 100)]);
}

#[test]
fn a_target_is_hidden_by_a_label_of_the_route_or_of_its_placeholder_service() {
    let placeholder = |visibility: &str| {
        let labels = json!({"serving.knative.dev/route": "hello", "networking.knative.dev/visibility": visibility});
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "canary-hello", "labels": labels}})
    };
    let mut engine = with_two_revisions();
    apply(&mut engine, [route("hello", &split()), placeholder("cluster-local")]);
    let seen = |engine: &Engine, host: &str| !outside(engine, &format!("{host}.default.example.com")).is_empty();
    assert_eq!((seen(&engine, "hello"), seen(&engine, "canary-hello")), (true, false));
    apply(&mut engine, [placeholder("")]);
    assert_eq!((seen(&engine, "hello"), seen(&engine, "canary-hello")), (true, true));
    let mut hidden = route("hello", &split());
    hidden["metadata"]["labels"] = json!({"networking.knative.dev/visibility": "cluster-local"});
    apply(&mut engine, [hidden]);
    assert_eq!((seen(&engine, "hello"), seen(&engine, "canary-hello")), (false, false));
}

#[test]
fn a_domain_mapping_goes_once_more_through_the_routes_own_rules() {
    let mapping = json!({"apiVersion": "serving.knative.dev/v1beta1", "kind": "DomainMapping",
        "metadata": {"name": "www.shop.org"},
        "spec": {"ref": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "hello"}}});
    let claim = |namespace: &str| {
        json!({"apiVersion": "networking.internal.knative.dev/v1alpha1", "kind": "ClusterDomainClaim",
            "metadata": {"name": "www.shop.org"}, "spec": {"namespace": namespace}})
    };
    let mut engine = with_two_revisions();
    let faults = |applied: net_pingora_controller::Applied| applied.faults.first().map(|fault| fault.problem.clone());
    let told = faults(apply(&mut engine, [route("hello", &split()), mapping.clone()]));
    assert_eq!(told.as_deref(), Some("no namespace may use www.shop.org"));
    assert_eq!(
        faults(apply(&mut engine, [claim("other")])).as_deref(),
        Some("www.shop.org belongs to namespace other")
    );
    assert_eq!(faults(apply(&mut engine, [claim("default")])), None);
    assert_eq!(outside(&engine, "www.shop.org"), [share("hello", 100)]);
    assert!(is_routed_again(&engine, "www.shop.org"));
    remove(&mut engine, &mapping);
    assert!(outside(&engine, "www.shop.org").is_empty());
}

#[test]
fn a_written_kingress_goes_before_the_route_of_its_name() {
    let split = json!({"serviceNamespace": "default", "serviceName": "own", "servicePort": 80, "percent": 100});
    let ingress = json!({"apiVersion": "networking.internal.knative.dev/v1alpha1", "kind": "Ingress",
        "metadata": {"name": "hello", "annotations": {"networking.knative.dev/ingress.class": objects::CLASS}},
        "spec": {"rules": [{"hosts": ["hello.default.example.com"], "http": {"paths": [{"splits": [split]}]}}]}});
    let mut engine = with_two_revisions();
    apply(&mut engine, [route("hello", &self::split()), service("own"), ingress.clone()]);
    assert_eq!(outside(&engine, "hello.default.example.com"), [share("own", 100)]);
    remove(&mut engine, &ingress);
    assert_eq!(outside(&engine, "canary-hello.default.example.com"), [share("hello-2", 100)]);
}

#[test]
fn a_route_of_another_class_is_left_alone() {
    let mut foreign = route("hello", &split());
    foreign["metadata"]["annotations"] = json!({"networking.knative.dev/ingress-class": "other"});
    let mut engine = with_two_revisions();
    apply(&mut engine, [route("hello", &split())]);
    let applied = apply(&mut engine, [foreign]);
    assert!(applied.notices[0].contains("left to its class \"other\""), "{:?}", applied.notices);
    assert!(outside(&engine, "hello.default.example.com").is_empty());
}

#[test]
fn of_two_that_make_the_same_host_the_older_has_it() {
    let mut engine = with_two_revisions();
    apply(&mut engine, [config("config-network", &json!({"domain-template": "same.{{.Domain}}"}))]);
    let older = |name: &str, created: &str, revision: &str| {
        let mut route = route(name, &json!([{"revisionName": revision, "percent": 100}]));
        route["metadata"]["creationTimestamp"] = created.into();
        route
    };
    let young = older("a", "2026-01-02T00:00:00Z", "hello-2");
    let applied = apply(&mut engine, [older("b", "2026-01-01T00:00:00Z", "hello-1"), young]);
    assert_eq!(outside(&engine, "same.example.com"), [share("hello-1", 100)]);
    let told = applied.faults[0].to_string();
    assert!(
        told.starts_with("Route default/a: spec.traffic: host same.example.com belongs to Route default/b;"),
        "{told}"
    );
}

#[test]
fn a_new_revision_takes_over_step_by_step() {
    let mut engine = with_two_revisions();
    let mut gradual = route("hello", &json!([{"configurationName": "hello", "percent": 100}]));
    gradual["metadata"]["annotations"] = json!({"serving.knative.dev/rollout-duration": "3s"});
    apply(&mut engine, [gradual]);
    assert_eq!(outside(&engine, "hello.default.example.com"), [share("hello-2", 100)]);
    apply(&mut engine, [revision("hello-3", "hello", 3), service("hello-3"), pods("hello-3", &[3])]);
    let mut seen = vec![outside(&engine, "hello.default.example.com")];
    while let Some(at) = engine.next_deadline() {
        std::thread::sleep(at.saturating_duration_since(std::time::Instant::now()));
        engine.apply(Vec::new());
        seen.push(outside(&engine, "hello.default.example.com"));
    }
    let shares = |old| vec![share("hello-2", old), share("hello-3", 100 - old)];
    assert_eq!(seen.first(), Some(&shares(99)));
    assert_eq!(seen.last(), Some(&vec![share("hello-3", 100)]));
    assert!(seen.len() > 2 && seen.windows(2).all(|pair| pair[0] != pair[1]), "{seen:?}");
}

#[test]
fn pods_are_found_where_the_public_service_still_names_activators_that_are_gone() {
    let private = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "hello-1-private", "labels": {"serving.knative.dev/revision": "hello-1",
            "networking.internal.knative.dev/serviceType": "Private"}},
        "spec": {"ports": [{"name": "http", "port": 80}]}});
    let activators = |numbers: &[u8]| {
        let mut slice = pods("activator-service", numbers);
        slice["metadata"]["namespace"] = "knative-serving".into();
        slice
    };
    let mut engine = with_two_revisions();
    let mut activator_service = service("activator-service");
    activator_service["metadata"]["namespace"] = "knative-serving".into();
    let all = [activator_service, activators(&[9]), private, pods("hello-1", &[9]), pods("hello-1-private", &[1, 2])];
    apply(&mut engine, all);
    apply(&mut engine, [route("hello", &json!([{"revisionName": "hello-1", "percent": 100}]))]);
    let addresses = |engine: &Engine| objects::addresses(engine, "hello.default.example.com");
    assert_eq!(addresses(&engine), ["10.0.0.9:8012"]);
    apply(&mut engine, [activators(&[])]);
    assert_eq!(addresses(&engine), ["10.0.0.1:8012", "10.0.0.2:8012"]);
    apply(&mut engine, [pods("hello-1-private", &[2])]);
    assert_eq!(addresses(&engine), ["10.0.0.2:8012"]);
    apply(&mut engine, [activators(&[8])]);
    assert_eq!(addresses(&engine), ["10.0.0.9:8012"]);
}

/// The KIngress that Serving has made of a Route.
fn made_by_serving(name: &str, service: &str) -> Value {
    let split = json!({"serviceNamespace": "default", "serviceName": service, "servicePort": 80, "percent": 100});
    json!({"apiVersion": "networking.internal.knative.dev/v1alpha1", "kind": "Ingress",
        "metadata": {"name": name, "labels": {"serving.knative.dev/route": name},
            "annotations": {"networking.knative.dev/ingress.class": objects::CLASS}},
        "spec": {"rules": [{"hosts": [format!("{name}.default.example.com")], "http": {"paths": [{"splits": [split]}]}}]}})
}

#[test]
fn routes_are_handed_over_from_serving_and_back_and_none_falls_back_to_an_older_version() {
    let mut engine = with_two_revisions();
    engine.serve_routes(false);
    let to = |revision: &str| json!([{"revisionName": revision, "percent": 100}]);
    let old = ["stays", "moves"].map(|name| made_by_serving(name, "hello-1"));
    apply(&mut engine, old.into_iter().chain(["stays", "moves"].map(|name| route(name, &to("hello-1")))));
    let seen = |engine: &Engine, name: &str| outside(engine, &format!("{name}.default.example.com"));
    assert_eq!(
        (seen(&engine, "stays"), seen(&engine, "moves")),
        (vec![share("hello-1", 100)], vec![share("hello-1", 100)])
    );

    engine.serve_routes(true);
    apply(&mut engine, [route("moves", &to("hello-2")), route("fresh", &to("hello-2"))]);
    for (name, wanted) in [("stays", "hello-1"), ("moves", "hello-2"), ("fresh", "hello-2")] {
        assert_eq!(seen(&engine, name), [share(wanted, 100)], "{name} without Serving");
    }
    engine.serve_routes(false);
    engine.apply(Vec::new());
    for (name, wanted) in [("stays", "hello-1"), ("moves", "hello-2"), ("fresh", "hello-2")] {
        assert_eq!(seen(&engine, name), [share(wanted, 100)], "{name} before Serving has looked at it");
    }
    // What Serving writes from now on counts, whatever it is.
    apply(&mut engine, [made_by_serving("moves", "hello-2"), made_by_serving("fresh", "hello-1")]);
    for (name, wanted) in [("stays", "hello-1"), ("moves", "hello-2"), ("fresh", "hello-1")] {
        assert_eq!(seen(&engine, name), [share(wanted, 100)], "{name} once Serving has written it");
    }
    remove(&mut engine, &made_by_serving("fresh", "hello-1"));
    assert!(seen(&engine, "fresh").is_empty(), "nothing of ours is left");
}

#[test]
fn the_default_domain_follows_our_address_and_old_hosts_stay_a_while() {
    let front = |address: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "front", "namespace": "system"},
            "status": {"loadBalancer": {"ingress": [{"ip": address}]}}})
    };
    let mut engine =
        objects::engine_at("front.system.svc.cluster.local", "sslip.io", std::time::Duration::from_secs(1));
    let names = engine.names();
    apply(&mut engine, [revision("hello-1", "hello", 1), service("hello-1"), pods("hello-1", &[1])]);
    apply(&mut engine, [route("hello", &json!([{"revisionName": "hello-1", "percent": 100}])), front("10.0.0.5")]);
    let old = "hello.default.10-0-0-5.sslip.io";
    let new = "hello.default.10-0-0-6.sslip.io";
    assert_eq!(outside(&engine, old), [share("hello-1", 100)]);
    apply(&mut engine, [front("10.0.0.6")]);
    assert_eq!(
        (outside(&engine, old), outside(&engine, new)),
        (vec![share("hello-1", 100)], vec![share("hello-1", 100)])
    );
    assert_eq!(names.borrow().addresses, ["10.0.0.6".parse::<std::net::IpAddr>().unwrap()]);
    while let Some(at) = engine.next_deadline() {
        std::thread::sleep(at.saturating_duration_since(std::time::Instant::now()));
        engine.apply(Vec::new());
    }
    assert_eq!((outside(&engine, old), outside(&engine, new)), (vec![], vec![share("hello-1", 100)]));
    // An own default goes before it.
    apply(&mut engine, [config("config-domain", &json!({"example.com": ""}))]);
    assert_eq!((outside(&engine, new), outside(&engine, "hello.default.example.com").len()), (vec![], 1));
    assert!(names.borrow().domains.contains("example.com"));
}

#[test]
fn a_host_that_magic_dns_would_lead_elsewhere_is_warned_of() {
    let mut engine = with_two_revisions();
    apply(&mut engine, [config("config-domain", &json!({"10.0.0.5.nip.io": ""}))]);
    for (name, wanted) in [
        ("hello", None),
        (
            "v-1-2-3-4",
            Some(
                "Route default/v-1-2-3-4: v-1-2-3-4.default.10.0.0.5.nip.io does not lead to 10.0.0.5 but to 1.2.3.4, \
                 which v-1-2-3-4 reads as; rename the service, tag or namespace, or write the domain with dashes",
            ),
        ),
    ] {
        let applied = apply(&mut engine, [route(name, &json!([{"revisionName": "hello-1", "percent": 100}]))]);
        assert_eq!(applied.notices.first().map(String::as_str), wanted);
    }
}
