//! The head of a response as the client sees it.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, Method, StatusCode, Version};
use pingora_error::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};

use super::hop_by_hop;

/// Makes an upstream's head fit for the client; `end` when no body follows.
///
/// # Errors
/// When the upstream changes to a protocol nobody has asked for.
pub(super) fn for_client(head: &mut ResponseHeader, request: &RequestHeader, websocket: bool, end: bool) -> Result<()> {
    let switches = head.status == StatusCode::SWITCHING_PROTOCOLS;
    if switches && !websocket {
        return Error::e_explain(ErrorType::InvalidHTTPHeader, "101 to a request for nothing else")
            .map_err(Error::into_up);
    }
    head.set_version(Version::HTTP_11);
    if switches {
        return Ok(());
    }
    hop_by_hop::remove_from_response(head);
    if head.status.is_informational() {
        return Ok(());
    }
    // RFC 9112 §6.1: HTTP/1.0 knows no chunks; its body ends with the connection.
    if request.version == Version::HTTP_10 {
        head.remove_header(&TRANSFER_ENCODING);
    } else if !is_head_only(head, request) && !head.headers.contains_key(CONTENT_LENGTH) {
        frame(head, end)?;
    }
    Ok(())
}

/// RFC 9112 §6.3: a body whose length nobody knows is chunked, so that the connection outlives it.
fn frame(head: &mut ResponseHeader, end: bool) -> Result<()> {
    if end {
        head.insert_header(CONTENT_LENGTH, HeaderValue::from_static("0"))
    } else {
        head.insert_header(TRANSFER_ENCODING, HeaderValue::from_static("chunked"))
    }
}

/// RFC 9112 §6.3: responses that have no body, whatever their headers say.
fn is_head_only(head: &ResponseHeader, request: &RequestHeader) -> bool {
    request.method == Method::HEAD || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}
