//! Which headers a request gets, keeps and loses on its way.

use std::fmt::Write;

use http::header::{EXPECT, HOST};
use http::{HeaderName, HeaderValue, Version};
use net_pingora_routing::{Listener, Path, Split};
use pingora_error::Result;
use pingora_http::RequestHeader;

use super::decide::rewrite_host;
use crate::front::Connection;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NETWORK_HASH: HeaderName = HeaderName::from_static("k-network-hash");

/// Knative's own signals: from outside they would hide demand from the autoscaler, skip
/// queue-proxy's breaker or name a revision the route does not.
const INTERNAL: [HeaderName; 6] = [
    HeaderName::from_static("k-proxy-request"),
    HeaderName::from_static("k-kubelet-probe"),
    HeaderName::from_static("k-passthrough-lb"),
    HeaderName::from_static("k-original-host"),
    HeaderName::from_static("knative-serving-revision"),
    HeaderName::from_static("knative-serving-namespace"),
];

/// The host a request asks for: `:authority`, or the Host header.
pub(super) fn host(request: &RequestHeader) -> &str {
    if let Some(authority) = request.uri.authority() {
        return authority.as_str();
    }
    request.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// Removes what a client may not say and adds what it cannot know; returns the request's id.
pub(super) fn from_client(
    request: &mut RequestHeader,
    connection: &Connection,
    trusted_hops: usize,
) -> Result<HeaderValue> {
    let external = connection.kind == Listener::External;
    if external {
        for name in &INTERNAL {
            request.remove_header(name);
        }
    }
    let trusted = !external || trusted_hops > 0;
    let kept_hops = if external { trusted_hops } else { usize::MAX };
    forwarded_for(request, connection, kept_hops)?;
    if !trusted || !request.headers.contains_key(FORWARDED_PROTO) {
        let scheme = HeaderValue::from_static(if connection.tls { "https" } else { "http" });
        request.insert_header(FORWARDED_PROTO, scheme)?;
    }
    if (!trusted || !request.headers.contains_key(FORWARDED_HOST))
        && let Ok(host) = HeaderValue::from_str(host(request))
    {
        request.insert_header(FORWARDED_HOST, host)?;
    }
    // Pingora cannot pass 1xx to an HTTP/2 client: it must not be left waiting for one.
    if request.version == Version::HTTP_2 {
        request.remove_header(&EXPECT);
    }
    match request.headers.get(REQUEST_ID) {
        Some(id) if trusted => Ok(id.clone()),
        _ => {
            let id = HeaderValue::try_from(request_id()).unwrap_or(HeaderValue::from_static(""));
            request.insert_header(REQUEST_ID, id.clone())?;
            Ok(id)
        }
    }
}

/// Appends the peer to what the nearest `kept` hops have said; older entries are not believed.
fn forwarded_for(request: &mut RequestHeader, connection: &Connection, kept: usize) -> Result<()> {
    let peer = &connection.forwarded_for;
    let mut said: Vec<&str> = Vec::new();
    if kept > 0 {
        let values = request.headers.get_all(FORWARDED_FOR).iter();
        said.extend(values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim));
    }
    if said.is_empty() {
        return request.insert_header(FORWARDED_FOR, peer.clone());
    }
    let mut list = said.split_off(said.len().saturating_sub(kept)).join(", ");
    let _ = write!(list, ", {}", connection.peer.ip());
    let list = HeaderValue::try_from(list).unwrap_or_else(|_| peer.clone());
    request.insert_header(FORWARDED_FOR, list)
}

/// Sets what the path and split append, overwriting what the client sent; the path's win. Answers
/// `K-Network-Hash: override` with the KIngress's hash.
pub(super) fn of_route(request: &mut RequestHeader, path: &Path, split: &Split) -> Result<()> {
    if request.headers.get(NETWORK_HASH).is_some_and(|value| value == "override") {
        request.insert_header(NETWORK_HASH, path.ingress.hash.clone())?;
    }
    for (name, value) in split.append_headers.iter().chain(&path.append_headers) {
        request.insert_header(name.clone(), value.clone())?;
    }
    rewrite_host(request, path)
}

/// A new request id: a version 4 UUID (RFC 9562 §5.4). It names a request, it guards nothing.
pub(crate) fn request_id() -> String {
    let random = fastrand::u128(..);
    let bits = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let part = |range| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}
