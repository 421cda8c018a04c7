//! Names of Knative's own headers (`knative.dev/networking` `pkg/http/header/header.go`, `knative.dev/serving`
//! `pkg/activator/activator.go`).

use http::HeaderName;

/// What a request asks about the network, if it is a probe.
pub(super) const NETWORK_PROBE: HeaderName = HeaderName::from_static("k-network-probe");
/// The version of a KIngress that a probe wants told.
pub(super) const NETWORK_HASH: HeaderName = HeaderName::from_static("k-network-hash");
/// A probe of the kubelet that somebody passes on.
pub(super) const KUBELET_PROBE: HeaderName = HeaderName::from_static("k-kubelet-probe");
/// Who tells the autoscaler of a request.
pub(super) const PROXY_REQUEST: HeaderName = HeaderName::from_static("k-proxy-request");
/// The revision a request is for.
pub(super) const SERVING_REVISION: HeaderName = HeaderName::from_static("knative-serving-revision");
/// The namespace of that revision.
pub(super) const SERVING_NAMESPACE: HeaderName = HeaderName::from_static("knative-serving-namespace");

/// Signals between Knative's parts: from outside they would hide demand from the autoscaler, skip
/// queue-proxy's breaker or name a revision the route does not.
pub(super) const INTERNAL: [HeaderName; 6] = [
    PROXY_REQUEST,
    KUBELET_PROBE,
    HeaderName::from_static("k-passthrough-lb"),
    HeaderName::from_static("k-original-host"),
    SERVING_REVISION,
    SERVING_NAMESPACE,
];
