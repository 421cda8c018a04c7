//! A backend for bodies: echoes them, measures them, makes them.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use tokio::time::sleep;

use crate::streamed::streamed;
use crate::{Body, discard, feed, query, respond};

/// One piece of a made body.
static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// How long half a body gets to leave before the rest is broken off.
const ON_THE_WIRE: Duration = Duration::from_millis(20);

/// Trailer of a made body.
const X_SIZE: HeaderName = HeaderName::from_static("x-size");

/// Answers by the first part of the path; everything else is echoed with its trailers.
///
/// | Path | Answer |
/// |---|---|
/// | `/bytes/N`, `/chunked/N` | N bytes, with or without `Content-Length`, and a trailer `x-size` |
/// | `/drain` | length of the request's body; with `?sum=1` its [`checksum`] too |
/// | `/status/CODE` | that status, no body |
/// | `/early` | 200 before the body is read, which it never is |
/// | `/close` | breaks off in the middle of the body |
/// | `/reset` | nothing: ends the connection or resets the stream |
pub(crate) async fn answer(request: Request<Incoming>) -> io::Result<Response<Body>> {
    let path = request.uri().path().to_owned();
    let (kind, value) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let made = match (kind, value.parse::<u64>()) {
        ("drain", _) => return Ok(drain(request).await),
        ("early", _) => return Ok(respond(StatusCode::OK, "text/plain", "answered early\n")),
        ("reset", _) => return Err(io::ErrorKind::ConnectionReset.into()),
        ("bytes", Ok(size)) => made(size, true),
        ("chunked", Ok(size)) => made(size, false),
        ("status", Ok(code)) => status(code),
        ("close", _) => broken(),
        ("bytes" | "chunked" | "status", Err(_)) => respond(StatusCode::BAD_REQUEST, "text/plain", "no number\n"),
        _ => return Ok(echo(request)),
    };
    discard(request.into_body());
    Ok(made)
}

/// Adds `bytes` to a checksum; the order of bytes matters.
pub fn checksum(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}

/// Only final statuses are answers.
fn status(code: u64) -> Response<Body> {
    let code = u16::try_from(code).ok().filter(|code| *code >= 200).and_then(|code| StatusCode::from_u16(code).ok());
    respond(code.unwrap_or(StatusCode::BAD_REQUEST), "text/plain", "")
}

fn echo(request: Request<Incoming>) -> Response<Body> {
    let (head, mut incoming) = request.into_parts();
    let (mut sender, body) = streamed(4);
    feed(async move {
        while let Some(frame) = incoming.frame().await {
            let Ok(frame) = frame else { return sender.abort(io::ErrorKind::BrokenPipe).await };
            if sender.send(frame).await.is_err() {
                return;
            }
        }
    });
    let mut response = Response::new(body);
    // HTTP/1.1 sends only the trailers that the head names.
    for name in [CONTENT_TYPE, TRAILER] {
        if let Some(value) = head.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn made(size: u64, known: bool) -> Response<Body> {
    let (mut sender, body) = streamed(4);
    feed(async move {
        let mut left = size;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(PIECE.len()).min(PIECE.len());
            if sender.send_data(Bytes::from_static(&PIECE).slice(..length)).await.is_err() {
                return;
            }
            left -= length as u64;
        }
        let trailers = HeaderMap::from_iter([(X_SIZE, HeaderValue::from(size))]);
        // The client may have left.
        let _ = sender.send(Frame::trailers(trailers)).await;
    });
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    if known {
        headers.insert(CONTENT_LENGTH, size.into());
    } else {
        headers.insert(TRAILER, HeaderValue::from_name(X_SIZE));
    }
    response
}

async fn drain(request: Request<Incoming>) -> Response<Body> {
    let sum = query(&request, "sum").unwrap_or(0_u8) == 1;
    let mut incoming = request.into_body();
    let (mut length, mut total) = (0_u64, 0_u64);
    while let Some(frame) = incoming.frame().await {
        let Ok(frame) = frame else { return respond(StatusCode::BAD_REQUEST, "text/plain", "body broken off\n") };
        if let Some(data) = frame.data_ref() {
            length += data.len() as u64;
            if sum {
                total = checksum(total, data);
            }
        }
    }
    respond(StatusCode::OK, "text/plain", format!("{length} {total}\n"))
}

fn broken() -> Response<Body> {
    let (mut sender, body) = streamed(0);
    feed(async move {
        let _ = sender.send_data(Bytes::from_static(b"half of it")).await;
        sleep(ON_THE_WIRE).await;
        sender.abort(io::ErrorKind::ConnectionReset).await;
    });
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("1000"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_tells_order() {
        assert_ne!(checksum(0, b"ab"), checksum(0, b"ba"));
        assert_eq!(checksum(checksum(0, b"a"), b"b"), checksum(0, b"ab"));
    }
}
