//! One request's exchange with an upstream, whichever protocol that speaks.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, header};
use pingora_core::protocols::http::v2::client::Http2Session;
use pingora_error::{Error, ErrorType, Result};
use pingora_http::RequestHeader;

use crate::http1::{Client, Stream};
use crate::outlet::Outlet;
use crate::part::Part;

/// One request's exchange with an upstream.
pub(crate) struct Upstream {
    /// Where its response comes from.
    pub(crate) session: Session,
    /// What was written to it and is not sent.
    pub(crate) outlet: Outlet,
    /// Whether the connection has served requests before.
    pub(crate) reused: bool,
}

/// A request and its response, in the upstream's protocol.
pub(crate) enum Session {
    Http1(Client),
    Http2(Box<Http2Session>),
}

impl Upstream {
    pub(super) fn http1(stream: Stream, patience: Option<Duration>, reused: bool) -> Self {
        let outlet = Outlet::Wire(stream.unsent());
        Self { session: Session::Http1(Client::new(stream, patience)), outlet, reused }
    }

    pub(super) fn http2(session: Http2Session, reused: bool) -> Self {
        Self { session: Session::Http2(Box::new(session)), outlet: Outlet::Nothing, reused }
    }

    /// Writes the request's head; `end` when no body follows.
    pub(crate) fn begin(&mut self, head: Box<RequestHeader>, end: bool) -> Result<()> {
        match &mut self.session {
            Session::Http1(session) => session.begin(&head)?,
            Session::Http2(session) => {
                session.write_request_header(head, end)?;
                self.outlet = Outlet::of(session.take_request_body_writer(), end);
            }
        }
        Ok(())
    }

    /// Writes some of the request's body, which nothing keeps waiting; `end` when it is the last.
    pub(crate) async fn send(&mut self, data: Bytes, end: bool) -> Result<()> {
        match (&mut self.session, &self.outlet) {
            (Session::Http1(session), _) => session.send(&data, end).await,
            // The head may have been all.
            (Session::Http2(_), Outlet::Stream(_, false)) if end || !data.is_empty() => self.outlet.send(data, end),
            (Session::Http2(_), _) => Ok(()),
        }
    }

    /// The connection, once nothing of HTTP follows on it; HTTP/2 has none of its own for a request.
    pub(crate) fn into_parts(self) -> Option<(Stream, Outlet)> {
        let Session::Http1(session) = self.session else { return None };
        Some((session.into_stream(), self.outlet))
    }

    /// Tells the upstream that nobody waits for its response any more.
    pub(crate) fn cancel(&mut self) {
        self.outlet.reset();
    }

    /// Keeps further requests from this connection, which has stopped to answer.
    pub(crate) fn distrust(&self) {
        if let Session::Http2(session) = &self.session {
            session.conn.mark_shutdown();
        }
    }
}

impl Session {
    /// The next part of the response. May be given up and asked for again.
    pub(crate) async fn next(&mut self) -> Result<Part> {
        match self {
            Self::Http1(session) => session.next().await,
            Self::Http2(session) => next_of_stream(session).await,
        }
    }

    /// From now on, so many bytes are read at once; an HTTP/2 stream has a window of its own.
    pub(crate) fn limit_reads(&mut self, bytes: usize) {
        if let Self::Http1(session) = self {
            session.limit_reads(bytes);
        }
    }
}

async fn next_of_stream(session: &mut Http2Session) -> Result<Part> {
    if session.response_header().is_none() {
        session.read_response_header().await?;
        let end = session.check_response_end_or_error()?;
        let head = session.response_header().cloned();
        let head = head.ok_or_else(|| Error::explain(ErrorType::H2Error, "no response head"))?;
        if end && promises_a_body(session, head.status, head.headers.get(header::CONTENT_LENGTH)) {
            return Error::e_explain(ErrorType::H2Error, "the response ends before its body");
        }
        return Ok(Part::Head(Box::new(head), end));
    }
    while let Some(data) = session.read_response_body().await? {
        let end = session.check_response_end_or_error()?;
        if end || !data.is_empty() {
            return Ok(Part::Body(data, end));
        }
    }
    Ok(session.read_trailers().await?.map_or(Part::End, |trailers| Part::Trailers(Box::new(trailers))))
}

/// Whether a response without DATA should have had some (RFC 9113 §8.1.1), which the `h2` crate lets pass.
fn promises_a_body(session: &Http2Session, status: StatusCode, length: Option<&http::HeaderValue>) -> bool {
    let head_only = session.request_header().is_some_and(|request| request.method == Method::HEAD)
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    !head_only && length.is_some_and(|length| length.as_bytes().iter().any(|&digit| digit != b'0'))
}
