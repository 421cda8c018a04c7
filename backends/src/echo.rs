//! A backend for bodies: echoes them, measures them, makes them.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Channel};
use hyper::body::{Frame, Incoming};

use crate::{Body, feed, query, respond};

/// Bytes of one piece of a made body.
const PIECE: usize = 64 * 1024;

/// Echoes the body with its trailers; `/bytes/N` and `/chunked/N` make one of N bytes, `/drain`
/// measures one, `/status/CODE` answers with that status, `/close` breaks off in the middle.
pub(crate) async fn answer(request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    match (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) {
        ("bytes", size) => made(size.parse().unwrap_or(0), true),
        ("chunked", size) => made(size.parse().unwrap_or(0), false),
        ("drain", _) => drain(request).await,
        ("status", code) => status(code),
        ("close", _) => broken(),
        _ => echo(request),
    }
}

/// Adds `bytes` to a checksum; the order of bytes matters.
pub fn checksum(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}

fn status(code: &str) -> Response<Body> {
    let code = code.parse::<u16>().ok().and_then(|code| StatusCode::from_u16(code).ok());
    respond(code.filter(|code| code.as_u16() >= 200).unwrap_or(StatusCode::BAD_REQUEST), "text/plain", "")
}

fn echo(request: Request<Incoming>) -> Response<Body> {
    let content_type = request.headers().get(http::header::CONTENT_TYPE).cloned();
    let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(4);
    let mut incoming = request.into_body();
    feed(async move {
        while let Some(frame) = incoming.frame().await {
            let Ok(frame) = frame else { return sender.abort(std::io::ErrorKind::BrokenPipe.into()) };
            if sender.send(frame).await.is_err() {
                return;
            }
        }
    });
    let mut response = Response::new(body.boxed_unsync());
    if let Some(content_type) = content_type {
        response.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
    }
    response
}

fn made(size: u64, known: bool) -> Response<Body> {
    let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(4);
    feed(async move {
        let piece = Bytes::from(vec![b'x'; PIECE]);
        let mut left = size;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            if sender.send_data(piece.slice(..length)).await.is_err() {
                return;
            }
            left -= length as u64;
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("x-size", HeaderValue::from(size));
        // Only HTTP/2 shows them; the client may have left.
        let _ = sender.send(Frame::trailers(trailers)).await;
    });
    let mut response = Response::new(body.boxed_unsync());
    if known {
        response.headers_mut().insert(http::header::CONTENT_LENGTH, size.into());
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
    let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    feed(async move {
        let _ = sender.send_data(Bytes::from_static(b"half of it")).await;
        sender.abort(std::io::ErrorKind::ConnectionReset.into());
    });
    let mut response = Response::new(body.boxed_unsync());
    response.headers_mut().insert(http::header::CONTENT_LENGTH, HeaderValue::from_static("1000"));
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
