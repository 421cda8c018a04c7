//! What to do with a request at the activator's own ports: there a request names its revision
//! (`knative.dev/serving` `pkg/activator/handler`).

use http::HeaderName;
use net_pingora_routing::{Decision, Listener, Request, route};
use pingora_http::RequestHeader;
use smallvec::smallvec;

use super::decide::Verdict;
use super::knative::{SERVING_NAMESPACE, SERVING_REVISION};
use super::{headers, probes};
use crate::activator::Activator;
use crate::observe::answers::Reason;

/// Routes a request. Probes are answered before all else: they are neither counted nor held.
pub(super) fn decide(activator: &Activator, request: &mut RequestHeader) -> Verdict {
    if let Some(answered) = probes::of_activator(request) {
        return answered;
    }
    probes::forget_hash(request);
    headers::uncounted(request);
    let named = by_headers(request).or_else(|| by_host(headers::host(request), &activator.shared.domain));
    let Some(host) = named else { return Verdict::Refuse(Reason::UnknownHost) };
    request.remove_header(&SERVING_REVISION);
    request.remove_header(&SERVING_NAMESPACE);
    let asked =
        Request { listener: Listener::Activator, tls: false, host: &host, path: "/", headers: &request.headers };
    match route(&activator.shared.revisions.load(), &asked, 0) {
        Decision::Forward(hop) => Verdict::Forward(smallvec![hop]),
        Decision::Redirect(_) | Decision::NotFound(_) => Verdict::Refuse(Reason::UnknownHost),
    }
}

/// As an ingress names it.
fn by_headers(request: &RequestHeader) -> Option<String> {
    let text = |name: &HeaderName| request.headers.get(name)?.to_str().ok().filter(|text| !text.is_empty());
    Some(format!("{}.{}", text(&SERVING_REVISION)?, text(&SERVING_NAMESPACE)?))
}

/// As a client in the cluster names its Service.
fn by_host(host: &str, domain: &str) -> Option<String> {
    let host = host.split(':').next().unwrap_or(host);
    let mut parts = host.splitn(4, '.');
    let (name, namespace) = (parts.next()?, parts.next()?);
    (parts.next()? == "svc" && parts.next()? == domain).then(|| format!("{name}.{namespace}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_named_by_both_headers_or_by_the_full_name_of_its_service() {
        for (host, revision, namespace, wanted) in [
            ("x.example", "r", "n", Some("r.n")),
            ("r.n.svc.cluster.local", "", "", Some("r.n")),
            ("r.n.svc.cluster.local:80", "", "n", Some("r.n")),
            ("r.n.svc", "", "", None),
            ("r.n.svc.other.local", "", "", None),
            ("r.n.pod.cluster.local", "", "", None),
            ("x.example", "r", "", None),
        ] {
            let mut request = RequestHeader::build("GET", b"/", None).unwrap();
            request.insert_header(SERVING_REVISION, revision).unwrap();
            request.insert_header(SERVING_NAMESPACE, namespace).unwrap();
            let named = by_headers(&request).or_else(|| by_host(host, "cluster.local"));
            assert_eq!(named.as_deref(), wanted, "{host} {revision} {namespace}");
        }
    }
}
