//! A client's connection, and requests of all kinds on it.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::backend::TOLD;
use super::random::{Random, request_body};
use super::replicas::Replica;

const PIECE: usize = 1 << 10;

type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// In its path, and never the same twice.
    pub(super) nonce: u64,
    pub(super) method: Method,
    pub(super) body: Bytes,
    framing: Framing,
}

/// How the end of a request's body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length,
    Chunks,
    /// It never ends.
    Never,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) replica: Arc<Replica>,
    sender: Sender,
    connection: AbortHandle,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

/// A response that was read to its end.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// Who answered, if an endpoint did.
    pub(super) told: Option<String>,
    pub(super) body: Bytes,
}

/// How a request has failed without a whole answer.
#[derive(Debug)]
pub(super) enum Broken {
    /// Nothing of it was sent.
    Unsent(String),
    /// A GOAWAY says that the other end has not begun it (RFC 9113 §6.8).
    LeftOut(String),
    /// No response has begun.
    Unanswered(String),
    /// The response is broken off.
    Cut(String),
    /// It took longer than any request may take.
    Late,
}

impl Plan {
    /// A GET, or sometimes a POST or PUT with a body.
    pub(super) fn any(random: &mut Random) -> Self {
        let nonce = random.next();
        let method = match random.within(0..10) {
            0..=5 => Method::GET,
            6 => Method::PUT,
            _ => Method::POST,
        };
        let body = if method == Method::GET { Bytes::new() } else { request_body(nonce) };
        Self { nonce, method, body, framing: if random.one_of(2) { Framing::Length } else { Framing::Chunks } }
    }

    /// A GET.
    pub(super) fn get(random: &mut Random) -> Self {
        Self { nonce: random.next(), method: Method::GET, body: Bytes::new(), framing: Framing::Length }
    }

    /// The same with a nonce of its own.
    pub(super) fn again(&self, random: &mut Random) -> Self {
        Self { nonce: random.next(), ..self.clone() }
    }

    /// A request that is never sent as a whole.
    pub(super) fn unending(random: &mut Random) -> Self {
        let nonce = random.next();
        Self { nonce, method: Method::POST, body: request_body(nonce), framing: Framing::Never }
    }

    /// Whether it may be sent once more whatever has become of it (RFC 9110 §9.2.2).
    pub(super) fn is_safe(&self) -> bool {
        self.method.is_idempotent()
    }

    fn request(&self, host: &str, protocol: Protocol) -> Request<Body> {
        let mut request = Request::new(self.wire_body());
        *request.method_mut() = self.method.clone();
        let target = match protocol {
            Protocol::Http1 => format!("/{:x}", self.nonce),
            Protocol::Http2 => format!("http://{host}/{:x}", self.nonce),
        };
        *request.uri_mut() = target.parse().unwrap_or_default();
        if protocol == Protocol::Http1
            && let Ok(host) = host.parse()
        {
            request.headers_mut().insert(header::HOST, host);
        }
        request
    }

    fn wire_body(&self) -> Body {
        if self.framing == Framing::Length || self.body.is_empty() {
            return Full::new(self.body.clone()).boxed_unsync();
        }
        let body = self.body.clone();
        let pieces: Vec<_> = body.chunks(PIECE).map(|piece| Ok(Frame::data(body.slice_ref(piece)))).collect();
        let pieces = stream::iter(pieces);
        if self.framing == Framing::Never {
            return BodyExt::boxed_unsync(StreamBody::new(pieces.chain(stream::pending())));
        }
        BodyExt::boxed_unsync(StreamBody::new(pieces))
    }
}

impl Link {
    pub(super) async fn connect(replica: Arc<Replica>, protocol: Protocol) -> Result<Self, Broken> {
        let unsent = |error: &dyn std::fmt::Display| Broken::Unsent(format!("cannot connect: {error}"));
        let stream = TcpStream::connect(replica.address).await.map_err(|error| unsent(&error))?;
        stream.set_nodelay(true).map_err(|error| unsent(&error))?;
        let stream = TokioIo::new(stream);
        // What ends a connection fails its request, which tells.
        let (sender, task) = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(stream).await.map_err(|error| unsent(&error))?;
                (Sender::Http1(sender), tokio::spawn(async move { drop(connection.await) }))
            }
            Protocol::Http2 => {
                let shaken = http2::handshake(TokioExecutor::new(), stream).await;
                let (sender, connection) = shaken.map_err(|error| unsent(&error))?;
                (Sender::Http2(sender), tokio::spawn(async move { drop(connection.await) }))
            }
        };
        Ok(Self { replica, sender, connection: task.abort_handle() })
    }

    /// Another stream of an HTTP/2 connection.
    pub(super) fn another_stream(&self) -> Option<Self> {
        let Sender::Http2(sender) = &self.sender else { return None };
        let (replica, connection) = (Arc::clone(&self.replica), self.connection.clone());
        Some(Self { replica, sender: Sender::Http2(sender.clone()), connection })
    }

    /// Ends it at once, whatever is on its way.
    pub(super) fn cut(self) {
        self.connection.abort();
    }

    /// Whether the gateway has ended it.
    pub(super) fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// Sends a request and reads the whole response.
    pub(super) async fn send(&mut self, plan: &Plan, host: &str) -> Result<Reply, Broken> {
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await.map_err(|error| Broken::Unsent(told(&error)))?;
                sender.try_send_request(plan.request(host, Protocol::Http1)).await
            }
            Sender::Http2(sender) => {
                sender.ready().await.map_err(|error| Broken::Unsent(told(&error)))?;
                sender.try_send_request(plan.request(host, Protocol::Http2)).await
            }
        };
        read(response.map_err(Broken::from)?).await
    }
}

async fn read(response: Response<Incoming>) -> Result<Reply, Broken> {
    let status = response.status();
    let told_by = response.headers().get(TOLD).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = response.into_body().collect().await.map_err(|error| Broken::Cut(told(&error)))?;
    Ok(Reply { status, told: told_by, body: body.to_bytes() })
}

impl From<TrySendError<Request<Body>>> for Broken {
    fn from(mut error: TrySendError<Request<Body>>) -> Self {
        let unsent = error.take_message().is_some();
        let left_out = is_left_out(error.error());
        let error = told(error.error());
        if unsent {
            Self::Unsent(error)
        } else if left_out {
            Self::LeftOut(error)
        } else {
            Self::Unanswered(error)
        }
    }
}

/// Whether a stream came after the last one of a GOAWAY, sent for no error.
fn is_left_out(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_go_away() && cause.is_remote() && cause.reason() == Some(h2::Reason::NO_ERROR))
}

/// An error with its causes.
fn told(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push_str(": ");
        told.push_str(&error.to_string());
        cause = error.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// What comes of a request that is answered by a GOAWAY with this error code.
    async fn sent(code: u8) -> Broken {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let replica = Arc::new(Replica::at(listener.local_addr().unwrap()));
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = Vec::new();
            // Its HEADERS end header and stream.
            while !read.windows(5).any(|bytes| bytes == [1, 5, 0, 0, 0]) {
                assert!(stream.read_buf(&mut read).await.unwrap() > 0);
            }
            let goaway = [&b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0"[..], &[code]].concat();
            stream.write_all(&goaway).await.unwrap();
            stream
        });
        let mut link = Link::connect(replica, Protocol::Http2).await.unwrap();
        let broken = link.send(&Plan::get(&mut Random::new(1, "test")), "a.example").await.unwrap_err();
        drop(answering.await.unwrap());
        broken
    }

    #[tokio::test]
    async fn rfc_9113_6_8_a_goaway_without_an_error_leaves_out_what_came_after_its_last_stream() {
        assert!(matches!(sent(0).await, Broken::LeftOut(_)));
        assert!(matches!(sent(2).await, Broken::Unanswered(_)));
    }
}
