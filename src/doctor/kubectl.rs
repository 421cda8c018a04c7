//! Commands that repair what was found.

use serde_json::json;

/// Sets one key of a ConfigMap.
pub(super) fn set(config_map: &str, namespace: &str, key: &str, value: &str) -> String {
    let patch = json!({ "data": { key: value } });
    format!("kubectl patch configmap/{config_map} -n {namespace} --type merge -p '{patch}'")
}
