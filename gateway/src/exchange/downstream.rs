//! The client's side of an exchange, whichever protocol it speaks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use pingora_core::protocols::http::v2::server::HttpSession as Http2Session;
use pingora_error::{Error, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_timeout::timeout;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::record::Exchanged;
use super::session::Session;
use crate::http1::{Server, Stream};
use crate::outlet::Outlet;
use crate::pace::Pace;

/// Status of a client that left before the answer, as nginx counts it.
const CLIENT_LEFT: u16 = 499;

/// Bytes of responses that a client may leave unsent by one part of each.
const UNSENT: usize = 512 * 1024;

/// Bytes of a part that are worth a read.
const LEAST_PART: usize = 4 * 1024;

/// The client's side of an exchange.
pub(crate) struct Downstream {
    pub(super) session: Session,
    /// What was written to it and is not sent.
    pub(super) outlet: Outlet,
    /// Bytes of the response's body.
    pub(super) sent: u64,
    /// Shared by all streams of an HTTP/2 connection.
    streams: Option<Arc<()>>,
}

impl Downstream {
    /// A request on an HTTP/1 connection, its head read.
    pub(crate) fn http1(session: Server) -> Self {
        let outlet = Outlet::Wire(session.unsent());
        Self { session: Session::Http1(Box::new(session)), outlet, sent: 0, streams: None }
    }

    /// A request on an HTTP/2 stream, all of which hold `streams`.
    pub(crate) fn http2(mut session: Http2Session, streams: Arc<()>) -> Self {
        // Another upstream may have to be told the beginning of the body.
        session.enable_retry_buffering();
        let session = Session::Http2(Box::new(session));
        Self { session, outlet: Outlet::Nothing, sent: 0, streams: Some(streams) }
    }

    /// The request's head.
    pub(super) fn request(&self) -> &RequestHeader {
        self.session.request()
    }

    /// What was said on this side.
    pub(super) fn exchanged(&self) -> Exchanged<'_> {
        let request = self.request();
        Exchanged {
            method: &request.method,
            uri: &request.uri,
            version: request.version,
            status: self.session.told().map_or(CLIENT_LEFT, |status| status.as_u16()),
            bytes_in: self.session.body_bytes_read(),
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
        self.session.told().is_some_and(|told| !told.is_informational() || told == StatusCode::SWITCHING_PROTOCOLS)
    }

    /// Whether reading is what tells that the client has left: on HTTP/1 once its body was read, on an HTTP/2 stream
    /// until the response has begun, whose outlet tells from then on.
    pub(super) fn tells_by_reading(&self) -> bool {
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
        match self.session.read_or_left(false).await {
            Ok(_) => std::future::pending().await,
            Err(error) => error.into_down(),
        }
    }

    /// Writes a response's head; `end` when no body follows.
    pub(super) async fn begin(&mut self, head: Box<ResponseHeader>, end: bool) -> Result<()> {
        match &mut self.session {
            Session::Http1(session) => {
                session.begin(&head)?;
                if end { session.send(&[], true).await } else { Ok(()) }
            }
            Session::Http2(stream) => {
                stream.write_response_header(head, end)?;
                self.outlet = Outlet::of(stream.take_response_body_writer(), end);
                Ok(())
            }
        }
    }

    /// Writes some of the response's body, which nothing keeps waiting; `end` when it is the last.
    pub(super) async fn send(&mut self, data: Bytes, end: bool) -> Result<()> {
        self.sent += data.len() as u64;
        match &mut self.session {
            Session::Http1(session) => session.send(&data, end).await,
            Session::Http2(_) => self.outlet.send(data, end),
        }
    }

    /// Ends the response after its body. HTTP/1 clients are told no trailers.
    pub(super) async fn finish(&mut self, trailers: Option<HeaderMap>) -> Result<()> {
        match trailers {
            Some(trailers) if matches!(self.outlet, Outlet::Stream(..)) => self.outlet.send_trailers(trailers),
            _ => self.send(Bytes::new(), true).await,
        }
    }

    /// After a whole response: the connection, if another request may follow on it. A client takes the response at its
    /// `pace`, and has until `limit` to end a request that nobody needs to its end.
    pub(super) async fn reuse(mut self, pace: Pace, limit: Duration) -> Option<Stream> {
        // A client that asks on without taking answers would have us keep them all.
        self.outlet.drain(pace).await.ok()?;
        let Session::Http1(mut session) = self.session else { return None };
        if session.is_persistent() {
            timeout(limit, session.drain()).await.ok()?.ok()?;
        }
        if session.is_persistent() {
            return Some(session.into_stream());
        }
        end(*session, limit).await;
        None
    }

    /// The connection, once nothing of HTTP follows on it; HTTP/2 has none of its own for a request.
    pub(super) fn into_parts(self) -> Option<(Stream, Outlet)> {
        let Session::Http1(session) = self.session else { return None };
        Some((session.into_stream(), self.outlet))
    }

    /// After a failure: sends what was written, within `limit`, and ends the connection. A response that was
    /// broken off (`whole` is false) must not look complete: its connection just ends.
    pub(super) async fn close(mut self, whole: bool, limit: Duration) {
        let taken = timeout(limit, self.outlet.clear()).await;
        if let Session::Http1(session) = self.session
            && whole
            && matches!(taken, Ok(Ok(())))
        {
            end(*session, limit).await;
        }
    }
}

async fn end(session: Server, limit: Duration) {
    let read = session.is_body_done();
    goodbye(session.into_stream(), read, limit).await;
}

/// Says goodbye, and, unless all of it was `read`, takes what the peer still sends, so that the kernel does not throw
/// our last words away with a reset (RFC 9112 §9.6).
pub(super) async fn goodbye(mut stream: Stream, read: bool, limit: Duration) {
    let goodbye = async {
        // The peer may be gone already; there is nobody to tell.
        let _ = stream.shutdown().await;
        // On the heap: every request and tunnel has room for this future.
        let mut unread = if read { Vec::new() } else { vec![0; 4096] };
        while !read && stream.read(&mut unread).await.is_ok_and(|length| length > 0) {}
    };
    // A peer that has left, or takes nothing, is told nothing.
    let _ = timeout(limit, goodbye).await;
}
