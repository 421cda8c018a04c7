//! One request on a client's connection, and its response.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::header::DATE;
use http::{HeaderValue, Method, StatusCode, Version};
use pingora_core::protocols::http::date::get_cached_date;
use pingora_error::{Error, ErrorType, OrErr, Result};
use pingora_http::{RequestHeader, ResponseHeader};

use super::body::{Decoder, Encoder};
use super::persistence;
use super::replay::Replay;
use super::scan::Framing;
use super::stream::Stream;
use super::wire::Unsent;
use super::write::{self, Persistence};

/// Bytes of later requests that may wait while one is served; then the client has to.
const PIPELINED: usize = 64 * 1024;

/// One request on a client's connection, and its response.
pub(crate) struct Server {
    stream: Stream,
    request: RequestHeader,
    /// What is still to be read of the request.
    decoder: Decoder,
    /// Whether the request has no body.
    empty: bool,
    /// Whether it asks for a WebSocket.
    websocket: bool,
    /// Bytes of its body that were read.
    read: u64,
    replay: Replay,
    /// The status of the last head that was written.
    told: Option<StatusCode>,
    encoder: Encoder,
    /// Whether another request may follow on the connection.
    persistent: bool,
}

impl Server {
    /// A request whose head was read.
    pub(crate) fn new(stream: Stream, request: RequestHeader, framing: Framing) -> Self {
        let decoder = match framing {
            Framing::Empty | Framing::Upgrade => Decoder::Done,
            Framing::Length(length) => Decoder::of_length(length),
            Framing::Chunked => Decoder::chunked(),
        };
        // Nobody is told a request twice that may do something twice.
        let replay = if request.method.is_idempotent() { Replay::Known(BytesMut::new()) } else { Replay::Lost };
        Self {
            empty: decoder.is_done(),
            websocket: framing == Framing::Upgrade,
            read: 0,
            replay,
            told: None,
            encoder: Encoder::Done,
            persistent: persistence::wanted(&request.headers, request.version),
            stream,
            request,
            decoder,
        }
    }

    /// What was written to the client and is not sent.
    pub(crate) fn unsent(&self) -> Unsent {
        self.stream.unsent()
    }

    /// The request's head.
    pub(crate) fn request(&self) -> &RequestHeader {
        &self.request
    }

    /// The same, to be changed.
    pub(crate) fn request_mut(&mut self) -> &mut RequestHeader {
        &mut self.request
    }

    /// Whether the request asks for a WebSocket: what follows is no HTTP once it is granted.
    pub(crate) fn asks_for_websocket(&self) -> bool {
        self.websocket
    }

    /// Whether the request has no body.
    pub(crate) fn is_body_empty(&self) -> bool {
        self.empty
    }

    /// Whether all of the request was read.
    pub(crate) fn is_body_done(&self) -> bool {
        self.decoder.is_done()
    }

    /// Bytes of the request's body that were read.
    pub(crate) fn body_bytes_read(&self) -> u64 {
        self.read
    }

    /// What was read of the body and may be told once more, unless that is nothing.
    pub(crate) fn replay(&self) -> Option<Bytes> {
        self.replay.known()
    }

    /// Whether the body cannot be told once more.
    pub(crate) fn is_replay_lost(&self) -> bool {
        self.replay.is_lost()
    }

    /// The status of the last head that was written.
    pub(crate) fn told(&self) -> Option<StatusCode> {
        self.told
    }

    /// Ends the connection with this request.
    pub(crate) fn close(&mut self) {
        self.persistent = false;
    }

    /// Whether another request may follow.
    pub(crate) fn is_persistent(&self) -> bool {
        self.persistent
    }

    /// The next part of the request's body; `None` after the last. May be given up and asked for again.
    ///
    /// # Errors
    /// When the client leaves, or frames its body in a way that is none.
    pub(crate) async fn read(&mut self) -> Result<Option<Bytes>> {
        loop {
            let data = self.decoder.next(self.stream.waiting_mut());
            let data = data.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
            if let Some(data) = data.or_err(ErrorType::ReadError, "the request's body")? {
                self.read += data.len() as u64;
                self.replay.add(&data);
                return Ok(Some(data));
            }
            if self.decoder.is_done() {
                return Ok(None);
            }
            let certain = self.decoder.certain();
            let filled = poll_fn(|cx| self.stream.poll_fill_body(cx, certain, usize::MAX)).await;
            if filled.or_err(ErrorType::ReadError, "the request's body")? == 0 {
                return Error::e_explain(ErrorType::ConnectionClosed, "before the end of the request's body");
            }
        }
    }

    /// Reads what nobody needs of the request's body.
    ///
    /// # Errors
    /// When the client leaves, or frames its body in a way that is none.
    pub(crate) async fn drain(&mut self) -> Result<()> {
        while self.read().await?.is_some() {}
        Ok(())
    }

    /// Waits for the client to leave; keeps what it sends meanwhile for the next request.
    pub(crate) async fn left(&mut self) -> Box<Error> {
        match poll_fn(|cx| self.poll_left(cx)).await {
            Ok(()) => Error::explain(ErrorType::ConnectionClosed, "before the end of the response"),
            Err(error) => Error::because(ErrorType::ReadError, "while the client waits", error),
        }
    }

    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let room @ 1.. = PIPELINED.saturating_sub(self.stream.waiting().len()) {
            if ready!(self.stream.poll_fill(cx, room))? == 0 {
                self.persistent = false;
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Pending
    }

    /// Writes the head of a response, be it an interim one.
    ///
    /// # Errors
    /// When the client takes no more.
    pub(crate) fn begin(&mut self, head: &ResponseHeader) -> Result<()> {
        if self.told.is_some_and(|told| !told.is_informational() || told == StatusCode::SWITCHING_PROTOCOLS) {
            return Error::e_explain(ErrorType::InternalError, "a second response");
        }
        self.told = Some(head.status);
        if head.status.is_informational() {
            self.persistent &= head.status != StatusCode::SWITCHING_PROTOCOLS;
            return self.put(head, None, None);
        }
        self.encoder = self.framing(head);
        self.persistent &= self.encoder != Encoder::UntilClose;
        let persistence = match (self.persistent, self.request.version) {
            (false, _) => Persistence::Closed,
            (true, Version::HTTP_10) => Persistence::KeptBy10,
            (true, _) => Persistence::Kept,
        };
        // RFC 9110 §6.6.1: who passes a response on tells when, if nobody has.
        let date = (!head.headers.contains_key(DATE)).then(get_cached_date);
        self.put(head, Some(persistence), date.as_ref().map(HeaderValue::as_bytes))
    }

    fn put(&mut self, head: &ResponseHeader, persistence: Option<Persistence>, date: Option<&[u8]>) -> Result<()> {
        let put = self.stream.keep(|kept| write::response(kept, head, persistence, date));
        put.or_err(ErrorType::WriteError, "the response's head")
    }

    fn framing(&self, head: &ResponseHeader) -> Encoder {
        let no_body = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if no_body || self.request.method == Method::HEAD {
            return Encoder::Done;
        }
        Encoder::of(&head.headers).unwrap_or(Encoder::UntilClose)
    }

    /// Writes some of the response's body; `end` when it is the last, which is begun to be sent at once.
    ///
    /// # Errors
    /// When the client takes no more, or the body is not as long as its head has said.
    pub(crate) async fn send(&mut self, data: &[u8], end: bool) -> Result<()> {
        let sent = async {
            self.encoder.write(&mut self.stream, data).await?;
            if end { self.encoder.finish(&mut self.stream).await } else { Ok(()) }
        };
        sent.await.or_err(ErrorType::WriteError, "the response's body")
    }

    /// The connection.
    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }
}
