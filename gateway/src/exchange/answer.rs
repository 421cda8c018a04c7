//! What the gateway says when it answers itself.

use http::{HeaderValue, StatusCode, header};
use pingora_http::{RequestHeader, ResponseHeader};

use super::downstream::Downstream;
use super::probes::ProbeAnswer;
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
    down: &mut Downstream,
    reason: Reason,
    request_id: &str,
    location: Option<&str>,
) -> pingora_error::Result<()> {
    if is_grpc(down.request()) && location.is_none() {
        return down.begin(Box::new(grpc_head(reason, request_id)?), true).await;
    }
    let text = body(reason, request_id);
    let mut head = ResponseHeader::build(status(reason), Some(5))?;
    head.insert_header(header::CONTENT_TYPE, "text/plain; charset=utf-8")?;
    head.insert_header(header::CONTENT_LENGTH, text.len())?;
    if let Some(location) = location.and_then(|location| HeaderValue::try_from(location).ok()) {
        head.insert_header(header::LOCATION, location)?;
    }
    if down.request().method == http::Method::HEAD {
        return down.begin(Box::new(head), true).await;
    }
    down.begin(Box::new(head), false).await?;
    down.send(text.into(), true).await
}

/// Writes the answer to a probe, as Knative's activator answers it.
pub(super) async fn probed(down: &mut Downstream, told: ProbeAnswer) -> pingora_error::Result<()> {
    let mut head = ResponseHeader::build(StatusCode::OK, Some(2))?;
    let body = if matches!(told, ProbeAnswer::Activator) { "activator" } else { "" };
    if let ProbeAnswer::Hash(hash) = told {
        head.insert_header("K-Network-Hash", hash)?;
    }
    head.insert_header(header::CONTENT_LENGTH, body.len())?;
    if body.is_empty() || down.request().method == http::Method::HEAD {
        return down.begin(Box::new(head), true).await;
    }
    down.begin(Box::new(head), false).await?;
    down.send(body.into(), true).await
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
