//! What became of the KIngresses.

use std::collections::BTreeMap;

use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use net_pingora_controller::api::ingress::CLASS_ANNOTATION;
use serde_json::Value;

use super::finding::Finding;
use super::reader::{Unread, text};

/// The name of this check.
pub(super) const CHECK: &str = "KIngresses";
/// How many that are not Ready are told in full.
const TOLD: usize = 5;

/// The kind, for the API server.
pub(super) fn kind() -> ApiResource {
    let kind = GroupVersionKind::gvk("networking.internal.knative.dev", "v1alpha1", "Ingress");
    ApiResource::from_gvk_with_plural(&kind, "ingresses")
}

/// What matters of a KIngress here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ingress {
    name: String,
    /// Empty if it has none.
    class: String,
    state: State,
    /// The hosts that clients outside may ask for.
    hosts: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Ready,
    /// Not yet, and why.
    Pending(String),
    /// Not without a change, and why.
    Failed(String),
}

impl From<&DynamicObject> for Ingress {
    fn from(object: &DynamicObject) -> Self {
        let metadata = &object.metadata;
        let (namespace, name) = (metadata.namespace.as_deref(), metadata.name.as_deref());
        let class = metadata.annotations.as_ref().and_then(|annotations| annotations.get(CLASS_ANNOTATION));
        Self {
            name: format!("{}/{}", namespace.unwrap_or_default(), name.unwrap_or_default()),
            class: class.cloned().unwrap_or_default(),
            state: state(metadata.generation, &object.data),
            hosts: public_hosts(&object.data),
        }
    }
}

/// Ready only counts for the generation that was observed.
fn state(generation: Option<i64>, object: &Value) -> State {
    let observed = object.pointer("/status/observedGeneration").and_then(Value::as_i64);
    let Some(observed) = observed else { return State::Pending("it has no status".to_owned()) };
    if Some(observed) != generation {
        return State::Pending("its status is of an older version".to_owned());
    }
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| text(condition, "/type") == "Ready");
    let why = |condition| match (text(condition, "/reason"), text(condition, "/message")) {
        ("", "") => "no reason is given".to_owned(),
        (why, "") | ("", why) => why.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    };
    match ready.map(|condition| (text(condition, "/status"), condition)) {
        Some(("True", _)) => State::Ready,
        Some(("False", condition)) => State::Failed(why(condition)),
        Some((_, condition)) => State::Pending(why(condition)),
        None => State::Pending("it has no condition Ready".to_owned()),
    }
}

fn public_hosts(object: &Value) -> Vec<String> {
    let rules = object.pointer("/spec/rules").and_then(Value::as_array).into_iter().flatten();
    let public = rules.filter(|rule| text(rule, "/visibility") != "ClusterLocal");
    let hosts = public.filter_map(|rule| rule.get("hosts")?.as_array()).flatten();
    hosts.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A host below the domain that is served, if there is one.
pub(super) fn served_host<'a>(ingresses: &'a [Ingress], class: &str, domain: &str) -> Option<&'a str> {
    let ready = ingresses.iter().filter(|ingress| ingress.class == class && ingress.state == State::Ready);
    let below = |host: &&str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    ready.flat_map(|ingress| &ingress.hosts).map(String::as_str).find(below)
}

/// Says that the kind is missing, or what else kept them from being read.
pub(super) fn unread(why: &Unread) -> Finding {
    match why {
        Unread::UnknownKind(_) => {
            let found = "the API server has no kind ingresses.networking.internal.knative.dev/v1alpha1";
            Finding::fail(CHECK, found, "install Serving's CRDs: docs/k3s.md, Knative Serving")
        }
        why => why.finding(CHECK),
    }
}

/// Counts ours and those of others, and tells the first of ours that are not Ready.
pub(super) fn judge(ingresses: &[Ingress], class: &str) -> Vec<Finding> {
    let (ours, others): (Vec<_>, Vec<_>) = ingresses.iter().partition(|ingress| ingress.class == class);
    let not_ready: Vec<_> = ours.iter().filter_map(|ingress| told(ingress)).collect();
    let (count, ready) = (ours.len(), ours.len() - not_ready.len());
    let found = format!("{ready} of {count} of class {class} are Ready");
    let failed = ours.iter().any(|ingress| matches!(ingress.state, State::Failed(_)));
    let fix = if not_ready.len() > TOLD { "the first others follow" } else { "the others follow" };
    let summary = match (count, not_ready.len()) {
        (0, _) => Finding::ok(CHECK, format!("none of class {class} yet")),
        (_, 0) => Finding::ok(CHECK, found),
        _ if failed => Finding::fail(CHECK, found, fix),
        _ => Finding::warn(CHECK, found, fix),
    };
    let not_ready = not_ready.into_iter().take(TOLD);
    [summary].into_iter().chain(not_ready).chain(of_others(&others)).collect()
}

fn told(ingress: &Ingress) -> Option<Finding> {
    let check = format!("KIngress {}", ingress.name);
    match &ingress.state {
        State::Ready => None,
        State::Pending(why) => Some(Finding::warn(&check, format!("not Ready yet: {why}"), "")),
        State::Failed(why) => Some(Finding::fail(&check, format!("not Ready: {why}"), "")),
    }
}

fn of_others(others: &[&Ingress]) -> Option<Finding> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for ingress in others {
        *counts.entry(&ingress.class).or_default() += 1;
    }
    let counts = counts.into_iter().map(|(class, count)| match class {
        "" => format!("{count} without a class"),
        class => format!("{count} of class {class}"),
    });
    let found = counts.collect::<Vec<_>>().join(", ");
    let fix = format!("if none but net-pingora serves here, take the annotation {CLASS_ANNOTATION} off what made them");
    (!found.is_empty()).then(|| Finding::warn("KIngresses of others", format!("{found}, left alone"), fix))
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn ingress(class: &str, generation: i64, status: &Value) -> Ingress {
        let object: DynamicObject = from_value(json!({
            "metadata": {
                "namespace": "shop", "name": "cart", "generation": generation,
                "annotations": { CLASS_ANNOTATION: class },
            },
            "spec": { "rules": [
                { "hosts": ["cart.shop.svc.cluster.local"], "visibility": "ClusterLocal" },
                { "hosts": ["a.b", "cart.shop.a.example"], "visibility": "ExternalIP" },
            ] },
            "status": status,
        }))
        .unwrap();
        Ingress::from(&object)
    }

    fn ready(status: &str, reason: &str, message: &str) -> Value {
        let condition = json!({ "type": "Ready", "status": status, "reason": reason, "message": message });
        json!({ "observedGeneration": 1, "conditions": [{ "type": "NetworkConfigured", "status": "True" }, condition] })
    }

    #[test]
    fn a_kingress_is_ready_when_its_latest_version_is() {
        let pending = |why: &str| State::Pending(why.into());
        for (generation, status, wanted) in [
            (1, ready("True", "", ""), State::Ready),
            (2, ready("True", "", ""), pending("its status is of an older version")),
            (1, ready("Unknown", "Slow", ""), pending("Slow")),
            (1, ready("False", "Bad", "a is bad"), State::Failed("Bad: a is bad".into())),
            (1, ready("False", "", ""), State::Failed("no reason is given".into())),
            (1, json!({ "observedGeneration": 1 }), pending("it has no condition Ready")),
            (1, json!({}), pending("it has no status")),
            (1, Value::Null, pending("it has no status")),
        ] {
            assert_eq!(ingress("ours", generation, &status).state, wanted, "{generation} {status}");
        }
    }

    #[test]
    fn only_ready_public_hosts_below_the_domain_are_looked_up() {
        let (well, broken) = (ready("True", "", ""), ready("False", "", ""));
        for (class, status, domain, wanted) in [
            ("ours", &well, "a.example", Some("cart.shop.a.example")),
            ("ours", &well, "b", Some("a.b")),
            ("ours", &well, "example.com", None),
            ("ours", &well, "xample", None),
            ("ours", &well, "svc.cluster.local", None),
            ("ours", &broken, "a.example", None),
            ("theirs", &well, "a.example", None),
        ] {
            let ingresses = [ingress(class, 1, status)];
            assert_eq!(served_host(&ingresses, "ours", domain), wanted, "{class} {status} {domain}");
        }
    }

    #[test]
    fn ours_are_judged_and_others_are_counted() {
        let (well, slow, bad) =
            (ready("True", "", ""), ready("Unknown", "Slow", ""), ready("False", "Bad", "a is bad"));
        let others = "warn  KIngresses of others: 1 without a class, 2 of class b, left alone; if none but net-pingora \
                      serves here, take the annotation networking.knative.dev/ingress.class off what made them";
        for (given, wanted) in [
            (vec![], vec!["ok    KIngresses: none of class a yet"]),
            (vec![("a", &well), ("a", &well)], vec!["ok    KIngresses: 2 of 2 of class a are Ready"]),
            (
                vec![("a", &well), ("a", &slow)],
                vec![
                    "warn  KIngresses: 1 of 2 of class a are Ready; the others follow",
                    "warn  KIngress shop/cart: not Ready yet: Slow",
                ],
            ),
            (
                vec![("a", &bad)],
                vec![
                    "FAIL  KIngresses: 0 of 1 of class a are Ready; the others follow",
                    "FAIL  KIngress shop/cart: not Ready: Bad: a is bad",
                ],
            ),
            (vec![("b", &bad), ("", &bad), ("b", &well)], vec!["ok    KIngresses: none of class a yet", others]),
        ] {
            let ingresses: Vec<_> = given.iter().map(|(class, status)| ingress(class, 1, status)).collect();
            let told: Vec<_> = judge(&ingresses, "a").iter().map(ToString::to_string).collect();
            assert_eq!(told, wanted);
        }
    }

    #[test]
    fn many_that_are_not_ready_are_told_in_part() {
        let ingresses = vec![ingress("a", 1, &Value::Null); TOLD + 1];
        let findings = judge(&ingresses, "a");
        assert_eq!(findings.len(), 1 + TOLD);
        assert!(findings[0].to_string().ends_with("the first others follow"));
    }
}
