//! Whether pods in the cluster reach the gateway.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::finding::Finding;
use super::gateway::LABEL;

/// The name of this check.
pub(super) const CHECK: &str = "internal Service";

/// Judges by the Service and its EndpointSlices.
pub(super) fn judge(service: Option<&Service>, slices: &[EndpointSlice], namespace: &str, name: &str) -> Finding {
    if service.is_none() {
        let found = format!("no Service {namespace}/{name}");
        return Finding::fail(CHECK, found, "kubectl apply --kustomize deploy/knative");
    }
    let endpoints = slices.iter().flat_map(|slice| &slice.endpoints);
    // discovery/v1: no condition counts as ready.
    let ready = endpoints.filter(|endpoint| {
        let conditions = endpoint.conditions.as_ref();
        conditions.and_then(|conditions| conditions.ready).unwrap_or(true)
    });
    match ready.count() {
        0 => {
            let found = format!("no ready pod is behind {namespace}/{name}");
            Finding::fail(CHECK, found, format!("kubectl describe pod -n {namespace} -l {LABEL}"))
        }
        1 => Finding::ok(CHECK, format!("1 ready pod is behind {namespace}/{name}")),
        count => Finding::ok(CHECK, format!("{count} ready pods are behind {namespace}/{name}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    #[test]
    fn a_service_is_well_when_a_ready_pod_is_behind_it() {
        let none = "FAIL  internal Service: no ready pod is behind k/i; \
                    kubectl describe pod -n k -l app.kubernetes.io/name=net-pingora";
        for (endpoints, wanted) in [
            (Value::Null, none),
            (json!([]), none),
            (json!([{ "addresses": ["10.0.0.1"], "conditions": { "ready": false } }]), none),
            (
                json!([{ "addresses": ["10.0.0.1"], "conditions": { "ready": true } }]),
                "ok    internal Service: 1 ready pod is behind k/i",
            ),
            (
                json!([{ "addresses": ["10.0.0.1"] }, { "addresses": ["10.0.0.2"], "conditions": {} }]),
                "ok    internal Service: 2 ready pods are behind k/i",
            ),
        ] {
            let slice = json!({ "addressType": "IPv4", "endpoints": endpoints });
            let slices = [from_value::<EndpointSlice>(slice).unwrap()];
            assert_eq!(judge(Some(&Service::default()), &slices, "k", "i").to_string(), wanted, "{endpoints}");
        }
        let wanted = "FAIL  internal Service: no Service k/i; kubectl apply --kustomize deploy/knative";
        assert_eq!(judge(None, &[], "k", "i").to_string(), wanted);
    }
}
