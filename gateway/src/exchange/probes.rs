//! Knative's probes: requests that ask about the network, and not for an answer of the application
//! (`knative.dev/networking` `pkg/http/probe/handler.go`).

use http::HeaderValue;
use http::header::USER_AGENT;
use net_pingora_routing::Path;
use pingora_http::RequestHeader;

use super::decide::Verdict;
use super::knative::{KUBELET_PROBE, NETWORK_HASH, NETWORK_PROBE};
use crate::observe::answers::Reason;

/// What a probe is told by us.
#[derive(Debug)]
pub(super) enum ProbeAnswer {
    /// All is well.
    Nothing,
    /// The hash it asked for.
    Hash(HeaderValue),
    /// Who answers.
    Activator,
}

/// Whether a request is a probe.
pub(super) fn is_probe(request: &RequestHeader) -> bool {
    network_probe(request).is_some()
}

/// The answer to a probe of a route whose pods are not there; a hash that it leaves to us is the KIngress's.
pub(super) fn of_route(request: &RequestHeader, path: &Path) -> Verdict {
    match network_probe(request) {
        Some(b"probe") => hash(request, |asked| if asked == "override" { path.ingress.hash.clone() } else { asked }),
        _ => Verdict::Refuse(Reason::BadRequest),
    }
}

/// The answer of Knative's activator, if the request is a probe (`knative.dev/serving` `cmd/activator/main.go`).
pub(super) fn of_activator(request: &RequestHeader) -> Option<Verdict> {
    if is_of_kubelet(request) {
        return Some(Verdict::Probed(ProbeAnswer::Nothing));
    }
    Some(match network_probe(request)? {
        b"probe" => hash(request, |asked| asked),
        b"activator" => Verdict::Probed(ProbeAnswer::Activator),
        _ => Verdict::Refuse(Reason::BadRequest),
    })
}

/// Only probes may tell a hash.
pub(super) fn forget_hash(request: &mut RequestHeader) {
    request.remove_header(&NETWORK_HASH);
}

fn network_probe(request: &RequestHeader) -> Option<&[u8]> {
    request.headers.get(NETWORK_PROBE).map(HeaderValue::as_bytes).filter(|probe| !probe.is_empty())
}

fn hash(request: &RequestHeader, told: impl FnOnce(HeaderValue) -> HeaderValue) -> Verdict {
    match request.headers.get(NETWORK_HASH).filter(|hash| !hash.is_empty()) {
        Some(asked) => Verdict::Probed(ProbeAnswer::Hash(told(asked.clone()))),
        None => Verdict::Refuse(Reason::BadRequest),
    }
}

fn is_of_kubelet(request: &RequestHeader) -> bool {
    let agent = request.headers.get(USER_AGENT);
    agent.is_some_and(|agent| agent.as_bytes().starts_with(b"kube-probe/"))
        || request.headers.contains_key(KUBELET_PROBE)
}
