//! Whether Knative Services get names that clients outside can use.
//!
//! knative.dev/serving `pkg/reconciler/route/config/domain.go`

use std::net::IpAddr;

use k8s_openapi::api::core::v1::ConfigMap;

use super::finding::Finding;
use super::kubectl;

/// The name of this check.
pub(super) const CHECK: &str = "domain";
/// The ConfigMap that has it.
pub(super) const CONFIG_MAP: &str = "config-domain";
/// A text in the ConfigMap that Knative does not read.
const EXAMPLE: &str = "_example";

/// The domain of Routes that no selector chooses; `None` if they are for the cluster only.
///
/// `local` is the domain of Services, such as `svc.cluster.local`.
pub(super) fn default_domain<'a>(config: &'a ConfigMap, local: &str) -> Option<&'a str> {
    let mut domains = domains(config).filter(|(_, value)| !has_selector(value));
    // The map is sorted, and so is the choice of Serving.
    domains.next().map(|(domain, _)| domain).filter(|domain| *domain != local)
}

/// Whether the value limits the domain to some Routes.
fn has_selector(value: &str) -> bool {
    value.contains("selector")
}

fn domains(config: &ConfigMap) -> impl Iterator<Item = (&str, &str)> {
    let data = config.data.iter().flatten().map(|(domain, value)| (domain.as_str(), value.as_str()));
    data.filter(|(domain, _)| *domain != EXAMPLE)
}

/// A domain that resolves to the address without any DNS of the user's.
///
/// Colons cannot be in a name; sslip.io takes dashes in their place.
pub(super) fn magic(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("{address}.nip.io"),
        IpAddr::V6(address) => format!("{}.sslip.io", address.to_string().replace(':', "-")),
    }
}

/// Judges by `config-domain`; `address` is the gateway's, if it has one.
pub(super) fn judge(config: Option<&ConfigMap>, namespace: &str, local: &str, address: Option<&str>) -> Finding {
    let Some(config) = config else {
        let found = format!("no ConfigMap {namespace}/{CONFIG_MAP}");
        return Finding::fail(CHECK, found, "install Knative Serving: docs/k3s.md, Knative Serving");
    };
    if let Some(domain) = default_domain(config, local) {
        return Finding::ok(CHECK, domain);
    }
    let fix = match address.map(|address| address.parse::<IpAddr>().map_err(|_| address)) {
        Some(Ok(address)) => kubectl::set(CONFIG_MAP, namespace, &magic(address), ""),
        Some(Err(name)) => {
            let set = kubectl::set(CONFIG_MAP, namespace, "DOMAIN", "");
            format!("with DOMAIN yours and *.DOMAIN an alias of {name} in your DNS: {set}")
        }
        None => format!("first an address, then: {}", kubectl::set(CONFIG_MAP, namespace, "ADDRESS.nip.io", "")),
    };
    if domains(config).any(|(domain, value)| domain != local && has_selector(value)) {
        let found =
            format!("every domain of {CONFIG_MAP} has a selector, so all other Routes are for the cluster only");
        return Finding::warn(CHECK, found, fix);
    }
    Finding::fail(CHECK, format!("{CONFIG_MAP} has none, so all Routes are for the cluster only"), fix)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    const LOCAL: &str = "svc.cluster.local";

    fn config(data: &Value) -> ConfigMap {
        from_value(json!({ "data": data })).unwrap()
    }

    #[test]
    fn the_domain_is_the_one_that_serving_would_take() {
        for (data, wanted) in [
            (Value::Null, None),
            (json!({}), None),
            (json!({ "_example": "example.com: |" }), None),
            (json!({ "b.example": "", "c.example": "" }), Some("b.example")),
            (json!({ "a.example": "selector:\n  app: a", "b.example": "type: wildcard" }), Some("b.example")),
            (json!({ "a.example": "selector:\n  app: a" }), None),
            (json!({ "svc.cluster.local": "" }), None),
            (json!({ "svc.cluster.local": "selector: {app: a}", "t.example": "" }), Some("t.example")),
        ] {
            assert_eq!(default_domain(&config(&data), LOCAL), wanted, "{data}");
        }
    }

    #[test]
    fn without_a_domain_the_fix_has_the_address() {
        let empty = "FAIL  domain: config-domain has none, so all Routes are for the cluster only; ";
        let set = |key: &str| {
            format!("kubectl patch configmap/config-domain -n k --type merge -p '{{\"data\":{{\"{key}\":\"\"}}}}'")
        };
        for (data, address, wanted) in [
            (json!({ "a.example": "" }), None, "ok    domain: a.example".to_owned()),
            (json!({}), Some("192.168.1.240"), format!("{empty}{}", set("192.168.1.240.nip.io"))),
            (json!({}), Some("fd00::1"), format!("{empty}{}", set("fd00--1.sslip.io"))),
            (json!({}), None, format!("{empty}first an address, then: {}", set("ADDRESS.nip.io"))),
            (
                json!({}),
                Some("lb.example"),
                format!("{empty}with DOMAIN yours and *.DOMAIN an alias of lb.example in your DNS: {}", set("DOMAIN")),
            ),
            (
                json!({ "a.example": "selector: {app: a}" }),
                Some("10.0.0.1"),
                format!(
                    "warn  domain: every domain of config-domain has a selector, \
                     so all other Routes are for the cluster only; {}",
                    set("10.0.0.1.nip.io")
                ),
            ),
        ] {
            assert_eq!(judge(Some(&config(&data)), "k", LOCAL, address).to_string(), wanted, "{data}");
        }
        let missing = judge(None, "k", LOCAL, None).to_string();
        assert!(missing.starts_with("FAIL  domain: no ConfigMap k/config-domain; install"), "{missing}");
    }
}
