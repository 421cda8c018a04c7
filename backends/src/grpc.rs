//! A gRPC backend: service `demo.Echo` of examples/echo.proto, on HTTP/2's own frames.

mod message;

use std::future::pending;
use std::time::Duration;

use bytes::BytesMut;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use tokio::time::sleep;

use self::message::LARGEST;
pub use self::message::{BadMessage, Message, frame};
use crate::streamed::{Gone, Sender, streamed};
use crate::{Body, feed, respond};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Messages of a server stream.
const STREAMED: usize = 5;

/// How a call that fails ends (grpc/grpc doc/statuscodes.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Cancelled = 1,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
}

/// A client that has left reads no more.
impl From<Gone> for Failure {
    fn from(_: Gone) -> Self {
        Self::Cancelled
    }
}

impl From<BadMessage> for Failure {
    fn from(bad: BadMessage) -> Self {
        match bad {
            BadMessage::Compressed => Self::Unimplemented,
            BadMessage::TooLarge(_) => Self::ResourceExhausted,
            BadMessage::Encoding(_) => Self::InvalidArgument,
        }
    }
}

/// Answers one call.
pub(crate) fn answer(request: Request<Incoming>) -> Response<Body> {
    let content_type = request.headers().get(CONTENT_TYPE);
    if !content_type.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        return respond(StatusCode::UNSUPPORTED_MEDIA_TYPE, "text/plain", "this backend speaks gRPC\n");
    }
    let (sender, body) = streamed(4);
    feed(serve(request, sender));
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

async fn serve(request: Request<Incoming>, mut sender: Sender) {
    let (head, incoming) = request.into_parts();
    let timeout = head.headers.get(GRPC_TIMEOUT).and_then(|text| timeout(text.to_str().ok()?));
    let outcome = tokio::select! {
        outcome = call(head.uri.path(), Messages::new(incoming), &mut sender) => outcome,
        () = passed(timeout) => Err(Failure::DeadlineExceeded),
    };
    let status = outcome.err().map_or(0, |failure| failure as u16);
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from(status))]);
    // The client may have left.
    let _ = sender.send(Frame::trailers(trailers)).await;
}

async fn call(method: &str, messages: Messages, sender: &mut Sender) -> Result<(), Failure> {
    match method {
        "/demo.Echo/Unary" => unary(messages, sender).await,
        "/demo.Echo/ServerStream" => repeat(messages, sender).await,
        "/demo.Echo/ClientStream" => join(messages, sender).await,
        "/demo.Echo/BidiStream" => each(messages, sender).await,
        "/demo.Echo/Fail" => Err(Failure::PermissionDenied),
        "/demo.Echo/Wait" => pending().await,
        _ => Err(Failure::Unimplemented),
    }
}

/// `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP2, "Timeout").
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u32 = digits.parse().ok()?;
    let unit = match unit {
        "H" => Duration::from_hours(1),
        "M" => Duration::from_mins(1),
        "S" => Duration::from_secs(1),
        "m" => Duration::from_millis(1),
        "u" => Duration::from_micros(1),
        "n" => Duration::from_nanos(1),
        _ => return None,
    };
    unit.checked_mul(count)
}

/// Resolves when the deadline has passed; never without one.
async fn passed(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => sleep(timeout).await,
        None => pending().await,
    }
}

/// Reads messages one by one.
struct Messages {
    incoming: Incoming,
    bytes: BytesMut,
}

impl Messages {
    fn new(incoming: Incoming) -> Self {
        Self { incoming, bytes: BytesMut::new() }
    }

    /// The next message; `None` at the end.
    async fn next(&mut self) -> Result<Option<Message>, Failure> {
        loop {
            if let Some(message) = Message::cut(&mut self.bytes)? {
                return Ok(Some(message));
            }
            let Some(frame) = self.incoming.frame().await else { return Ok(None) };
            if let Ok(data) = frame.map_err(|_| Failure::Cancelled)?.into_data() {
                self.bytes.extend_from_slice(&data);
            }
        }
    }

    /// The message of a call that has one.
    async fn only(&mut self) -> Result<Message, Failure> {
        self.next().await?.ok_or(Failure::InvalidArgument)
    }
}

async fn unary(mut messages: Messages, sender: &mut Sender) -> Result<(), Failure> {
    Ok(sender.send_data(frame(&messages.only().await?)).await?)
}

async fn repeat(mut messages: Messages, sender: &mut Sender) -> Result<(), Failure> {
    let message = messages.only().await?;
    for number in 1..=STREAMED {
        let text = format!("{} {number}", message.text);
        sender.send_data(frame(&Message { text })).await?;
    }
    Ok(())
}

async fn join(mut messages: Messages, sender: &mut Sender) -> Result<(), Failure> {
    let mut joined = String::new();
    while let Some(message) = messages.next().await? {
        if joined.len() + message.text.len() >= LARGEST {
            return Err(Failure::ResourceExhausted);
        }
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(&message.text);
    }
    Ok(sender.send_data(frame(&Message { text: joined })).await?)
}

async fn each(mut messages: Messages, sender: &mut Sender) -> Result<(), Failure> {
    while let Some(message) = messages.next().await? {
        sender.send_data(frame(&message)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_number_and_a_unit() {
        for (text, wanted) in [
            ("2H", Some(Duration::from_hours(2))),
            ("3M", Some(Duration::from_mins(3))),
            ("10S", Some(Duration::from_secs(10))),
            ("250m", Some(Duration::from_millis(250))),
            ("7u", Some(Duration::from_micros(7))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("10", None),
            ("S", None),
            ("", None),
            ("1\u{e9}", None),
        ] {
            assert_eq!(timeout(text), wanted, "{text}");
        }
    }
}
