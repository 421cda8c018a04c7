//! A client's request and the way to answer it, in whichever protocol.

use bytes::Bytes;
use http::StatusCode;
use pingora_core::protocols::http::v2::server::HttpSession as Http2Session;
use pingora_error::Result;
use pingora_http::{RequestHeader, ResponseHeader};

use crate::http1::Server;

/// A client's request and the way to answer it.
pub(super) enum Session {
    Http1(Box<Server>),
    Http2(Box<Http2Session>),
}

impl Session {
    /// The request's head.
    pub(super) fn request(&self) -> &RequestHeader {
        match self {
            Self::Http1(session) => session.request(),
            Self::Http2(session) => session.req_header(),
        }
    }

    /// The same, to be changed.
    pub(super) fn request_mut(&mut self) -> &mut RequestHeader {
        match self {
            Self::Http1(session) => session.request_mut(),
            Self::Http2(session) => session.req_header_mut(),
        }
    }

    /// Whether the request asks for a WebSocket.
    pub(super) fn asks_for_websocket(&self) -> bool {
        matches!(self, Self::Http1(session) if session.asks_for_websocket())
    }

    /// Whether the request has no body.
    pub(super) fn is_body_empty(&self) -> bool {
        match self {
            Self::Http1(session) => session.is_body_empty(),
            Self::Http2(session) => session.is_body_empty(),
        }
    }

    /// Whether all of the request was read.
    pub(super) fn is_body_done(&self) -> bool {
        match self {
            Self::Http1(session) => session.is_body_done(),
            Self::Http2(session) => session.is_body_done(),
        }
    }

    /// Bytes of the request's body that were read.
    pub(super) fn body_bytes_read(&self) -> u64 {
        match self {
            Self::Http1(session) => session.body_bytes_read(),
            Self::Http2(session) => session.body_bytes_read() as u64,
        }
    }

    /// What was read of the body and may be told once more, unless that is nothing.
    pub(super) fn replay(&self) -> Option<Bytes> {
        match self {
            Self::Http1(session) => session.replay(),
            Self::Http2(session) => session.get_retry_buffer(),
        }
    }

    /// Whether the body cannot be told once more.
    pub(super) fn is_replay_lost(&self) -> bool {
        match self {
            Self::Http1(session) => session.is_replay_lost(),
            Self::Http2(session) => session.retry_buffer_truncated(),
        }
    }

    /// The status of the last head that was written.
    pub(super) fn told(&self) -> Option<StatusCode> {
        match self {
            Self::Http1(session) => session.told(),
            Self::Http2(session) => session.response_written().map(|head| head.status),
        }
    }

    /// Ends an HTTP/1 connection with this request. One of HTTP/2 has other streams.
    pub(super) fn close(&mut self) {
        if let Self::Http1(session) = self {
            session.close();
        }
    }

    /// The next part of the request's body, `None` after the last; if nothing of it is expected, waits for the client
    /// to leave. May be given up and asked for again.
    ///
    /// # Errors
    /// When the client leaves, or sends what is no body.
    pub(super) async fn read_or_left(&mut self, expected: bool) -> Result<Option<Bytes>> {
        match self {
            Self::Http1(session) if expected && !session.is_body_done() => session.read().await,
            Self::Http1(session) => Err(session.left().await),
            Self::Http2(session) => session.read_body_or_idle(!expected).await,
        }
    }

    /// Lets a client go on that waits for a word before it sends its body.
    ///
    /// # Errors
    /// When the client has left.
    pub(super) fn write_continue(&mut self) -> Result<()> {
        let head = ResponseHeader::build_no_case(StatusCode::CONTINUE, Some(0))?;
        match self {
            Self::Http1(session) if session.told().is_none() => session.begin(&head),
            Self::Http2(session) if session.response_written().is_none() => {
                session.write_response_header(Box::new(head), false)
            }
            Self::Http1(_) | Self::Http2(_) => Ok(()),
        }
    }
}
