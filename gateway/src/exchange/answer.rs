//! What the gateway says when it answers itself.

use http::{HeaderValue, StatusCode, header};
use pingora_core::protocols::http::ServerSession;
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

use crate::observe::answers::Reason;

/// The text of an answer: a general reason and the id by which the log tells the exact one.
pub(crate) fn body(reason: Reason, request_id: &str) -> String {
    format!("net-pingora: {} {} (request id {request_id})\n", reason.status(), reason.text())
}

/// Whether the client speaks gRPC and wants its status in gRPC's way.
fn is_grpc(request: &RequestHeader) -> bool {
    let content_type = request.headers.get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Writes the answer; no response has begun yet.
pub(super) async fn write(
    session: &mut Session,
    reason: Reason,
    request_id: &str,
    location: Option<&str>,
) -> pingora_error::Result<()> {
    if is_grpc(session.req_header()) && location.is_none() {
        return head_only(session, grpc_head(reason, request_id)?).await;
    }
    let text = body(reason, request_id);
    let mut head = ResponseHeader::build(status(reason), Some(5))?;
    head.insert_header(header::CONTENT_TYPE, "text/plain; charset=utf-8")?;
    head.insert_header(header::CONTENT_LENGTH, text.len())?;
    if let Some(location) = location.and_then(|location| HeaderValue::try_from(location).ok()) {
        head.insert_header(header::LOCATION, location)?;
    }
    if session.req_header().method == http::Method::HEAD {
        return head_only(session, head).await;
    }
    session.write_response_header(Box::new(head), false).await?;
    session.write_response_body(Some(text.into()), true).await
}

/// Ends the response with its head: on HTTP/2 in the same frame, as gRPC demands of trailers-only.
async fn head_only(session: &mut Session, head: ResponseHeader) -> pingora_error::Result<()> {
    if let ServerSession::H2(stream) = &mut *session.downstream_session {
        return stream.write_response_header(Box::new(head), true);
    }
    session.write_response_header(Box::new(head), true).await
}

/// A trailers-only response (gRPC over HTTP2, "Responses").
fn grpc_head(reason: Reason, request_id: &str) -> pingora_error::Result<ResponseHeader> {
    let mut head = ResponseHeader::build(StatusCode::OK, Some(3))?;
    head.insert_header(header::CONTENT_TYPE, "application/grpc")?;
    head.insert_header("grpc-status", reason.grpc_status().to_string())?;
    // The text has no byte that gRPC's percent-encoding would have to escape.
    let message = format!("net-pingora: {} (request id {request_id})", reason.text());
    head.insert_header("grpc-message", message)?;
    Ok(head)
}

fn status(reason: Reason) -> StatusCode {
    StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
