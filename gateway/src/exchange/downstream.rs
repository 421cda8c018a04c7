//! The client's side of an exchange, whichever protocol it speaks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v1::server::HttpSession as Http1Session;
use pingora_core::protocols::http::v2::server::HttpSession as Http2Session;
use pingora_error::{Error, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_timeout::timeout;
use tokio::io::AsyncReadExt;

use super::record::Exchanged;
use crate::front::Grant;
use crate::outlet::Outlet;
use crate::pace::Pace;
use crate::wire::Unsent;

/// Status of a client that left before the answer, as nginx counts it.
const CLIENT_LEFT: u16 = 499;

/// Bytes of responses that a client may leave unsent by one part of each.
const UNSENT: usize = 512 * 1024;

/// Bytes of a part that are worth a read.
const LEAST_PART: usize = 4 * 1024;

/// The client's side of an exchange.
pub(crate) struct Downstream {
    pub(super) session: Box<ServerSession>,
    /// What was written to it and is not sent.
    pub(super) outlet: Outlet,
    /// Bytes of the response's body.
    pub(super) sent: u64,
    /// Shared by all streams of an HTTP/2 connection.
    streams: Option<Arc<()>>,
    /// Given when an upstream agrees to the WebSocket that the request asks for.
    pub(super) grant: Option<Grant>,
}

impl Downstream {
    /// A request on an HTTP/1 connection, its head read.
    pub(crate) fn http1(session: Http1Session, unsent: Arc<dyn Unsent>, grant: Option<Grant>) -> Self {
        Self {
            session: Box::new(ServerSession::H1(session)),
            outlet: Outlet::Wire(unsent),
            sent: 0,
            streams: None,
            grant,
        }
    }

    /// A request on an HTTP/2 stream, all of which hold `streams`.
    pub(crate) fn http2(session: Http2Session, streams: Arc<()>) -> Self {
        Self {
            session: Box::new(ServerSession::H2(session)),
            outlet: Outlet::Nothing,
            sent: 0,
            streams: Some(streams),
            grant: None,
        }
    }

    /// The request's head.
    pub(super) fn request(&self) -> &RequestHeader {
        self.session.req_header()
    }

    /// What was said on this side.
    pub(super) fn exchanged(&self) -> Exchanged<'_> {
        let request = self.request();
        Exchanged {
            method: &request.method,
            uri: &request.uri,
            version: request.version,
            status: self.session.response_written().map_or(CLIENT_LEFT, |response| response.status.as_u16()),
            bytes_in: self.session.body_bytes_read() as u64,
            bytes_out: self.sent,
        }
    }

    /// Bytes of a response that the client may leave unsent by one part of it.
    pub(super) fn share(&self) -> usize {
        let streams = self.streams.as_ref().map_or(1, Arc::strong_count);
        (UNSENT / streams).max(LEAST_PART)
    }

    /// Whether a response has begun that is not merely informational.
    pub(super) fn has_begun(&self) -> bool {
        self.session.response_written().is_some_and(|head| !head.status.is_informational() || head.status == 101)
    }

    /// Whether reading is what tells that the client has left: on HTTP/1 once its body was read, on an HTTP/2 stream
    /// until the response has begun, whose outlet tells from then on.
    pub(super) fn tells_by_reading(&mut self) -> bool {
        match self.outlet {
            Outlet::Wire(_) => self.session.is_body_done(),
            Outlet::Nothing => true,
            Outlet::Stream(..) => false,
        }
    }

    /// Waits for the client to leave. While an HTTP/1 client has more of a body to send, that is not seen.
    pub(super) async fn left(&mut self) -> Box<Error> {
        if !self.tells_by_reading() {
            return std::future::pending().await;
        }
        match self.session.read_body_or_idle(true).await {
            Ok(_) => std::future::pending().await,
            Err(error) => error.into_down(),
        }
    }

    /// Writes a response's head; `end` when no body follows.
    pub(super) async fn begin(&mut self, head: Box<ResponseHeader>, end: bool) -> Result<()> {
        if let ServerSession::H2(stream) = &mut *self.session {
            stream.write_response_header(head, end)?;
            self.outlet = Outlet::of(stream.take_response_body_writer(), end);
            return Ok(());
        }
        self.session.write_response_header(head).await?;
        if end { self.session.write_response_body(Bytes::new(), true).await } else { Ok(()) }
    }

    /// Writes some of the response's body, which nothing keeps waiting; `end` when it is the last.
    pub(super) async fn send(&mut self, data: Bytes, end: bool) -> Result<()> {
        self.sent += data.len() as u64;
        match &mut self.outlet {
            Outlet::Wire(_) => self.session.write_response_body(data, end).await,
            outlet => outlet.send(data, end),
        }
    }

    /// Ends the response after its body. HTTP/1 clients are told no trailers.
    pub(super) async fn finish(&mut self, trailers: Option<HeaderMap>) -> Result<()> {
        match trailers {
            Some(trailers) if matches!(self.outlet, Outlet::Stream(..)) => self.outlet.send_trailers(trailers),
            _ => self.send(Bytes::new(), true).await,
        }
    }

    /// After a whole response: the connection's stream, if another request may follow on it. A client takes the
    /// response at its `pace`, and has until `limit` to end a request that nobody needs to its end.
    pub(super) async fn reuse(mut self, pace: Pace, limit: Duration) -> Option<Stream> {
        // A client that asks on without taking answers would have us keep them all.
        self.outlet.drain(pace).await.ok()?;
        if self.session.get_keepalive().is_some() {
            timeout(limit, self.session.drain_request_body()).await.ok()?.ok()?;
        }
        if self.session.get_keepalive().is_none() {
            self.end(limit).await;
            return None;
        }
        Some(self.session.finish().await.ok()??.into_parts().0)
    }

    /// The connection, once nothing of HTTP follows on it; HTTP/2 has none of its own for a request.
    pub(super) fn into_parts(self) -> Option<(Stream, Outlet)> {
        let ServerSession::H1(session) = *self.session else { return None };
        Some((session.into_inner(), self.outlet))
    }

    /// After a failure: sends what was written, within `limit`, and ends the connection. A response that was
    /// broken off (`whole` is false) must not look complete: its connection just ends.
    pub(super) async fn close(mut self, whole: bool, limit: Duration) {
        let taken = timeout(limit, self.outlet.clear()).await;
        if whole && matches!(taken, Ok(Ok(()))) {
            self.end(limit).await;
        }
    }

    async fn end(mut self, limit: Duration) {
        let read = self.session.is_body_done();
        let ServerSession::H1(session) = *self.session else { return };
        goodbye(session.into_inner(), read, limit).await;
    }
}

/// Says goodbye, and, unless all of it was `read`, takes what the peer still sends, so that the kernel does not throw
/// our last words away with a reset (RFC 9112 §9.6).
pub(super) async fn goodbye(mut stream: Stream, read: bool, limit: Duration) {
    let goodbye = async {
        stream.shutdown().await;
        // On the heap: every request and tunnel has room for this future.
        let mut unread = if read { Vec::new() } else { vec![0; 4096] };
        while !read && stream.read(&mut unread).await.is_ok_and(|length| length > 0) {}
    };
    // A peer that has left, or takes nothing, is told nothing.
    let _ = timeout(limit, goodbye).await;
}
