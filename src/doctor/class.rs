//! Whether Knative gives its KIngresses our class.
//!
//! knative.dev/networking `pkg/config/config.go`

use k8s_openapi::api::core::v1::ConfigMap;

use super::finding::Finding;
use super::kubectl;

/// The name of this check.
pub(super) const CHECK: &str = "ingress class";
/// The ConfigMap that has it.
pub(super) const CONFIG_MAP: &str = "config-network";
/// Newest first, as they win.
const KEYS: [&str; 2] = ["ingress-class", "ingress.class"];
/// Without any of them.
const DEFAULT: &str = "istio.ingress.networking.knative.dev";

/// Judges by `config-network`.
pub(super) fn judge(config: Option<&ConfigMap>, namespace: &str, class: &str) -> Finding {
    let Some(config) = config else {
        let found = format!("no ConfigMap {namespace}/{CONFIG_MAP}");
        return Finding::fail(CHECK, found, "install Knative Serving: docs/k3s.md, Knative Serving");
    };
    let data = config.data.as_ref();
    let set = KEYS.into_iter().find_map(|key| Some((key, data?.get(key)?.as_str())));
    let found = match set {
        Some((key, value)) if value == class => return Finding::ok(CHECK, format!("{key} in {CONFIG_MAP} is {class}")),
        Some((key, value)) => format!("{key} in {CONFIG_MAP} is {value}, which is not ours"),
        None => format!("{CONFIG_MAP} sets none, which means {DEFAULT}"),
    };
    Finding::fail(CHECK, found, kubectl::set(CONFIG_MAP, namespace, KEYS[0], class))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    #[test]
    fn the_class_is_the_one_that_knative_itself_would_take() {
        let fix = "kubectl patch configmap/config-network -n knative-serving --type merge \
                   -p '{\"data\":{\"ingress-class\":\"ours\"}}'";
        for (data, wanted) in [
            (
                json!({ "ingress-class": "ours" }),
                "ok    ingress class: ingress-class in config-network is ours".to_owned(),
            ),
            (
                json!({ "ingress.class": "ours" }),
                "ok    ingress class: ingress.class in config-network is ours".to_owned(),
            ),
            (
                json!({ "ingress-class": "theirs", "ingress.class": "ours" }),
                format!("FAIL  ingress class: ingress-class in config-network is theirs, which is not ours; {fix}"),
            ),
            (
                json!({ "_example": "ingress-class: ours" }),
                format!(
                    "FAIL  ingress class: config-network sets none, \
                     which means istio.ingress.networking.knative.dev; {fix}"
                ),
            ),
            (
                Value::Null,
                format!(
                    "FAIL  ingress class: config-network sets none, \
                     which means istio.ingress.networking.knative.dev; {fix}"
                ),
            ),
        ] {
            let config: ConfigMap = from_value(json!({ "data": data })).unwrap();
            assert_eq!(judge(Some(&config), "knative-serving", "ours").to_string(), wanted, "{data}");
        }
        let missing = judge(None, "knative-serving", "ours").to_string();
        assert!(missing.starts_with("FAIL  ingress class: no ConfigMap knative-serving/config-network; install"));
    }
}
