//! Whether one replica leads: without it no KIngress becomes Ready.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;

use super::finding::Finding;
use super::gateway::NAME;

/// The name of this check.
pub(super) const CHECK: &str = "leader";
/// A leader renews more often, in seconds; after this time another one may take over.
const RENEWED_WITHIN: i64 = 10;

/// Judges by the Lease.
pub(super) fn judge(lease: Option<&Lease>, now: Timestamp, namespace: &str) -> Finding {
    let Some(lease) = lease else {
        let found = format!("no Lease {namespace}/{NAME}, so nothing becomes Ready");
        return Finding::fail(CHECK, found, "kubectl apply --kustomize deploy/knative");
    };
    let logs = format!("kubectl logs -n {namespace} deployment/{NAME}");
    let spec = lease.spec.as_ref();
    let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).filter(|holder| !holder.is_empty());
    let Some(holder) = holder else {
        return Finding::fail(CHECK, format!("nobody holds Lease {namespace}/{NAME}, so nothing becomes Ready"), logs);
    };
    let Some(renewed) = spec.and_then(|spec| spec.renew_time.as_ref()) else {
        return Finding::warn(CHECK, format!("{holder} has never renewed its Lease"), logs);
    };
    // Clocks differ: a renewal in the future is one of just now.
    let age = now.duration_since(renewed.0).as_secs().max(0);
    let found = format!("{holder} leads, renewed {age} s ago");
    if age > RENEWED_WITHIN {
        return Finding::warn(CHECK, found, format!("it is gone or hangs, or the clocks differ: {logs}"));
    }
    Finding::ok(CHECK, found)
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn a_leader_renews_within_ten_seconds() {
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
        let at =
            |second: &str| json!({ "holderIdentity": "a", "renewTime": format!("2026-01-01T00:{second}.000000Z") });
        let nobody = "FAIL  leader: nobody holds Lease k/net-pingora, so nothing becomes Ready; \
                      kubectl logs -n k deployment/net-pingora";
        for (spec, wanted) in [
            (at("00:59"), "ok    leader: a leads, renewed 1 s ago"),
            (at("00:50"), "ok    leader: a leads, renewed 10 s ago"),
            (at("01:05"), "ok    leader: a leads, renewed 0 s ago"),
            (
                at("00:49"),
                "warn  leader: a leads, renewed 11 s ago; it is gone or hangs, or the clocks differ: \
                 kubectl logs -n k deployment/net-pingora",
            ),
            (
                json!({ "holderIdentity": "a" }),
                "warn  leader: a has never renewed its Lease; kubectl logs -n k deployment/net-pingora",
            ),
            (json!({ "holderIdentity": "" }), nobody),
            (json!({}), nobody),
        ] {
            let lease: Lease = from_value(json!({ "metadata": {}, "spec": spec })).unwrap();
            assert_eq!(judge(Some(&lease), now, "k").to_string(), wanted, "{spec}");
        }
        let missing = judge(None, now, "k").to_string();
        assert!(missing.starts_with("FAIL  leader: no Lease k/net-pingora"), "{missing}");
    }
}
