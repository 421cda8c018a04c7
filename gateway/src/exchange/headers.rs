//! Which headers a request gets, keeps and loses on its way.

use std::fmt::Write;

use http::header::{EXPECT, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use net_pingora_routing::{BackendKey, Listener, Path, Split};
use pingora_error::{ErrorType, OrErr, Result};
use pingora_http::RequestHeader;

use super::knative::{INTERNAL, NETWORK_HASH, PROXY_REQUEST, SERVING_NAMESPACE, SERVING_REVISION};
use crate::front::Connection;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The host a request asks for: `:authority`, or the Host header.
pub(super) fn host(request: &RequestHeader) -> &str {
    if let Some(authority) = request.uri.authority() {
        return authority.as_str();
    }
    request.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// The same as a value: shared with the request's own where it has one.
pub(super) fn host_value(request: &RequestHeader) -> HeaderValue {
    let none = HeaderValue::from_static("");
    match request.uri.authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()).unwrap_or(none),
        None => request.headers.get(HOST).filter(|host| host.to_str().is_ok()).cloned().unwrap_or(none),
    }
}

/// Removes what a client may not say, before anything is decided by it.
pub(super) fn strip(request: &mut RequestHeader, connection: &Connection) {
    // Few requests have one: a pass over their names costs less than a look-up of each of ours.
    if connection.kind == Listener::External && request.headers.keys().any(is_internal) {
        for name in &INTERNAL {
            request.remove_header(name);
        }
    }
    // Pingora cannot pass 1xx to an HTTP/2 client: it must not be left waiting for one.
    if request.version == Version::HTTP_2 {
        request.remove_header(&EXPECT);
    }
}

fn is_internal(name: &HeaderName) -> bool {
    name.as_str().starts_with('k') && INTERNAL.contains(name)
}

/// Nobody else tells queue-proxy whether the autoscaler hears of a request from us.
pub(super) fn uncounted(request: &mut RequestHeader) {
    request.remove_header(&PROXY_REQUEST);
}

/// Tells another replica which revision's pods a request is for, as Knative's activator is told. A KIngress of Knative's
/// does so itself, one of somebody else's may not.
pub(super) fn passed_on(headers: &mut HeaderMap, backend: &BackendKey) -> Result<()> {
    for (name, value) in [(SERVING_REVISION, &backend.service), (SERVING_NAMESPACE, &backend.namespace)] {
        let value = HeaderValue::from_str(value).or_err(ErrorType::InvalidHTTPHeader, "a revision without a name")?;
        headers.insert(name, value);
    }
    Ok(())
}

/// Tells queue-proxy that the autoscaler hears of the request from us.
pub(super) fn counted(headers: &mut HeaderMap) {
    headers.insert(PROXY_REQUEST, HeaderValue::from_static("activator"));
}

/// How much of what a request says of its way here is believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trust {
    /// Entries of `X-Forwarded-For`, from the last one on.
    hops: usize,
}

impl Trust {
    /// In-cluster clients are believed; others as far as hops before us are trusted.
    pub(super) fn of(connection: &Connection) -> Self {
        let trusted = connection.settings.trusted_hops;
        Self { hops: if connection.kind == Listener::External { trusted } else { usize::MAX } }
    }

    /// Whether the last hop is trusted.
    fn last_hop(self) -> bool {
        self.hops > 0
    }

    /// The request's id: the last hop's if it is trusted and gives one, otherwise a new one.
    pub(super) fn request_id(self, request: &RequestHeader) -> HeaderValue {
        let theirs = request.headers.get(REQUEST_ID).filter(|_| self.last_hop());
        theirs.cloned().unwrap_or_else(new_request_id)
    }
}

/// Tells the upstream what only we know: who the client is, and what it asked for.
pub(super) fn forwarded(
    headers: &mut HeaderMap,
    connection: &Connection,
    trust: Trust,
    host: &HeaderValue,
    request_id: &HeaderValue,
) {
    forwarded_for(headers, connection, trust.hops);
    if !trust.last_hop() || !headers.contains_key(FORWARDED_PROTO) {
        let scheme = HeaderValue::from_static(if connection.tls { "https" } else { "http" });
        headers.insert(FORWARDED_PROTO, scheme);
    }
    if !trust.last_hop() || !headers.contains_key(FORWARDED_HOST) {
        headers.insert(FORWARDED_HOST, host.clone());
    }
    headers.insert(REQUEST_ID, request_id.clone());
}

/// Appends the peer to what the nearest `kept` hops have said; older entries are not believed.
fn forwarded_for(headers: &mut HeaderMap, connection: &Connection, kept: usize) {
    let peer = &connection.forwarded_for;
    let mut said: Vec<&str> = Vec::new();
    if kept > 0 {
        let values = headers.get_all(FORWARDED_FOR).iter();
        said.extend(values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim));
    }
    if said.is_empty() {
        headers.insert(FORWARDED_FOR, peer.clone());
        return;
    }
    let mut list = said.split_off(said.len().saturating_sub(kept)).join(", ");
    let _ = write!(list, ", {}", connection.peer.ip());
    let list = HeaderValue::try_from(list).unwrap_or_else(|_| peer.clone());
    headers.insert(FORWARDED_FOR, list);
}

/// Sets what the path and split append, overwriting what the client sent; the path's win. Answers
/// `K-Network-Hash: override` with the KIngress's hash.
///
/// # Errors
/// When these are more than a head can hold.
pub(super) fn of_route(request: &mut Parts, path: &Path, split: &Split) -> Result<()> {
    let headers = &mut request.headers;
    if headers.get(NETWORK_HASH).is_some_and(|value| value == "override") {
        headers.insert(NETWORK_HASH, path.ingress.hash.clone());
    }
    for (name, value) in split.append_headers.iter().chain(&*path.append_headers) {
        let inserted = headers.try_insert(name.clone(), value.clone());
        inserted.or_err(ErrorType::InvalidHTTPHeader, "a route appends too many headers")?;
    }
    if let Some(host) = &path.rewrite_host {
        rewrite_host(request, host);
    }
    Ok(())
}

/// Gives the upstream another Host.
fn rewrite_host(request: &mut Parts, host: &HeaderValue) {
    request.headers.insert(HOST, host.clone());
    if request.uri.authority().is_none() {
        return;
    }
    let mut uri = request.uri.clone().into_parts();
    uri.authority = http::uri::Authority::try_from(host.as_bytes()).ok();
    if let Ok(uri) = http::Uri::from_parts(uri) {
        request.uri = uri;
    }
}

/// A new request id: a version 4 UUID (RFC 9562 §5.4). It names a request, it guards nothing.
pub(crate) fn new_request_id() -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let random = fastrand::u128(..);
    let bits = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let mut left = 32;
    let text: [u8; 36] = std::array::from_fn(|at| {
        if matches!(at, 8 | 13 | 18 | 23) {
            return b'-';
        }
        left -= 1;
        DIGITS.get((bits >> (4 * left)) as usize & 0xf).copied().unwrap_or_default()
    });
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_version_4_uuid() {
        let ids = [new_request_id(), new_request_id()].map(|id| id.to_str().unwrap().to_owned());
        assert_ne!(ids[0], ids[1]);
        for id in ids {
            let parts: Vec<_> = id.split('-').collect();
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
            assert!(parts.concat().bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
            assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{id}");
        }
    }
}
