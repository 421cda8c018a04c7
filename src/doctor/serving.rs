//! Whether Knative Serving is there, and which version.

use k8s_openapi::api::apps::v1::Deployment;

use super::finding::Finding;
use super::gateway::replicas;

/// The name of this check.
pub(super) const CHECK: &str = "Knative Serving";
/// What Serving cannot do without.
const PARTS: [&str; 4] = ["activator", "autoscaler", "controller", "webhook"];
const VERSION: &str = "app.kubernetes.io/version";

/// Judges by the Deployments of Serving's namespace.
pub(super) fn judge(deployments: &[Deployment], namespace: &str) -> Finding {
    let find = |name: &str| deployments.iter().find(|deployment| deployment.metadata.name.as_deref() == Some(name));
    let missing: Vec<&str> = PARTS.into_iter().filter(|name| find(name).is_none()).collect();
    if missing.len() == PARTS.len() {
        let found = format!("not installed in namespace {namespace}");
        let fix = "Routes are served without it: docs/standalone.md; to have it start pods: docs/k3s.md";
        return Finding::warn(CHECK, found, fix);
    }
    if !missing.is_empty() {
        let found = format!("no Deployment {} in namespace {namespace}", missing.join(", "));
        return Finding::fail(CHECK, found, "install Serving again: docs/k3s.md, Knative Serving");
    }
    let version = find("controller").and_then(|controller| controller.metadata.labels.as_ref()?.get(VERSION));
    let version = version.map_or("of unknown version", String::as_str);
    let down = PARTS.into_iter().find(|name| find(name).is_some_and(|part| replicas(part).0 == 0));
    match down {
        Some(name) => {
            let fix = format!("kubectl describe pod -n {namespace} -l app={name}");
            Finding::fail(CHECK, format!("version {version}, but no pod of {name} is ready"), fix)
        }
        None => Finding::ok(CHECK, format!("version {version}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn deployment(name: &str, ready: i32) -> Deployment {
        from_value(json!({
            "metadata": { "name": name, "labels": { VERSION: "1.23.0" } },
            "spec": { "replicas": 1, "selector": {}, "template": {} },
            "status": { "readyReplicas": ready },
        }))
        .unwrap()
    }

    #[test]
    fn serving_is_well_when_every_part_has_a_ready_pod() {
        for (parts, wanted) in [
            (
                [("net-pingora", 1)].as_slice(),
                "warn  Knative Serving: not installed in namespace knative-serving; \
                 Routes are served without it: docs/standalone.md; to have it start pods: docs/k3s.md",
            ),
            (
                &[("activator", 1), ("controller", 1)],
                "FAIL  Knative Serving: no Deployment autoscaler, webhook in namespace knative-serving; \
                 install Serving again: docs/k3s.md, Knative Serving",
            ),
            (
                &[("activator", 1), ("autoscaler", 1), ("controller", 1), ("webhook", 0)],
                "FAIL  Knative Serving: version 1.23.0, but no pod of webhook is ready; \
                 kubectl describe pod -n knative-serving -l app=webhook",
            ),
            (
                &[("activator", 1), ("autoscaler", 1), ("controller", 1), ("webhook", 1)],
                "ok    Knative Serving: version 1.23.0",
            ),
        ] {
            let deployments: Vec<_> = parts.iter().map(|(name, ready)| deployment(name, *ready)).collect();
            assert_eq!(judge(&deployments, "knative-serving").to_string(), wanted);
        }
    }
}
