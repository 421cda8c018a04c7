//! The head of a request as its upstream sees it.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderValue, Version};
use net_pingora_routing::Protocol;
use pingora_error::{Error, ErrorType, OrErr, Result};
use pingora_http::RequestHeader;

use super::context::Context;
use super::downstream::Downstream;
use super::headers::{self, Trust};
use super::{hop_by_hop, via};
use crate::upstream::Choice;

/// Headers that most requests get on their way: four that tell who asks, two of Knative's that name the revision.
const ADDED: usize = 6;

/// What an upstream is told first.
pub(super) struct Outgoing {
    pub(super) head: Box<RequestHeader>,
    /// Whether no body follows.
    pub(super) empty: bool,
    /// Whether the client waits for a word of ours before it sends the body.
    pub(super) waits: bool,
}

impl Outgoing {
    /// The head for the endpoint that was chosen.
    ///
    /// # Errors
    /// When the client's head cannot be told to this upstream.
    pub(super) fn new(down: &mut Downstream, ctx: &Context, choice: &Choice) -> Result<Self> {
        let empty = down.session.is_body_empty();
        let mut parts = down.request().as_owned_parts();
        let headers = &mut parts.headers;
        headers
            .try_reserve(ADDED)
            .or_err(ErrorType::InvalidHTTPHeader, "too many headers")
            .map_err(Error::into_down)?;
        // HTTP/2 has no headers for one hop only but `TE: trailers`, which gRPC asks for from end to end.
        if parts.version != Version::HTTP_2 || ctx.protocol != Protocol::Http2 {
            hop_by_hop::remove_from_request(headers, down.session.asks_for_websocket()).map_err(Error::into_down)?;
        }
        headers::forwarded(headers, &ctx.connection, Trust::of(&ctx.connection), &ctx.host, &ctx.request_id);
        if let Some(hop) = ctx.last_hop()
            && let Some(split) = hop.split()
        {
            headers::of_route(&mut parts, &hop.path, split)?;
            if choice.is_passed_on() {
                headers::passed_on(&mut parts.headers, &split.backend.key)?;
            }
        }
        if ctx.under_way.is_some() {
            headers::counted(&mut parts.headers);
        }
        if choice.is_named() {
            via::mark(&mut parts.headers);
        }
        let mut waits = false;
        match ctx.protocol {
            Protocol::Http1 => for_http1(&mut parts, empty)?,
            Protocol::Http2 => {
                waits = parts.headers.remove(EXPECT).is_some();
                for_http2(&mut parts, choice.encryption.is_some())?;
            }
        }
        Ok(Self { head: Box::new(RequestHeader::from(parts)), empty, waits })
    }
}

/// RFC 9112 §3.2.1: the target in origin form, the authority in Host; a body without a length is chunked.
fn for_http1(head: &mut Parts, empty: bool) -> Result<()> {
    head.version = Version::HTTP_11;
    if let Some(authority) = head.uri.authority() {
        let host = HeaderValue::from_str(authority.as_str());
        let host =
            host.or_err(ErrorType::InvalidHTTPHeader, "an authority that is no header").map_err(Error::into_down)?;
        head.headers.insert(HOST, host);
        head.uri = Uri::from(target(head));
    }
    if !empty && !head.headers.contains_key(CONTENT_LENGTH) {
        head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    Ok(())
}

/// RFC 9113 §8.3.1: scheme, authority and path are fields of their own, and Host is none.
fn for_http2(head: &mut Parts, encrypted: bool) -> Result<()> {
    head.version = Version::HTTP_2;
    let host = head.headers.remove(HOST).map(|host| Bytes::copy_from_slice(host.as_bytes()));
    let authority = match head.uri.authority() {
        Some(authority) => authority.clone(),
        None => Authority::from_maybe_shared(host.unwrap_or_default())
            .or_err(ErrorType::InvalidHTTPHeader, "a host that is no authority")
            .map_err(Error::into_down)?,
    };
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if encrypted { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(authority);
    parts.path_and_query = Some(target(head));
    let uri = Uri::from_parts(parts).or_err(ErrorType::InvalidHTTPHeader, "no target").map_err(Error::into_down)?;
    head.uri = uri;
    Ok(())
}

fn target(head: &Parts) -> PathAndQuery {
    head.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"))
}
