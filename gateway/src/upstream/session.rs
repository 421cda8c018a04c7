//! One request's exchange with an upstream, whichever protocol that speaks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, header};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::HttpTask;
use pingora_core::protocols::http::v1::client::HttpSession as Http1Session;
use pingora_core::protocols::http::v2::client::Http2Session;
use pingora_error::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};

use super::connect::Http1Connection;
use super::head::HeadBound;
use crate::outlet::Outlet;

/// One request's exchange with an upstream.
pub(crate) struct Upstream {
    /// Where its response comes from.
    pub(crate) session: Session,
    /// What was written to it and is not sent.
    pub(crate) outlet: Outlet,
    /// Whether the connection has served requests before.
    pub(crate) reused: bool,
}

/// Pingora's part of an exchange.
pub(crate) enum Session {
    Http1(Http1Session, Arc<HeadBound>),
    Http2(Http2Session),
}

impl Upstream {
    pub(super) fn http1(connection: Http1Connection, patience: Option<Duration>, reused: bool) -> Self {
        let Http1Connection { stream, unsent, bound } = connection;
        let mut session = Http1Session::new(stream);
        session.read_timeout = patience;
        Self { session: Session::Http1(session, bound), outlet: Outlet::Wire(unsent), reused }
    }

    pub(super) fn http2(session: Http2Session, reused: bool) -> Self {
        Self { session: Session::Http2(session), outlet: Outlet::Nothing, reused }
    }

    /// Writes the request's head; `end` when no body follows.
    pub(crate) async fn begin(&mut self, head: Box<RequestHeader>, end: bool) -> Result<()> {
        match &mut self.session {
            Session::Http1(session, bound) => {
                bound.begin();
                session.write_request_header(head).await?;
            }
            Session::Http2(session) => {
                session.write_request_header(head, end)?;
                self.outlet = Outlet::of(session.take_request_body_writer(), end);
            }
        }
        Ok(())
    }

    /// Writes some of the request's body, which nothing keeps waiting.
    pub(crate) async fn send(&mut self, data: Bytes) -> Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        match &mut self.session {
            Session::Http1(session, _) => {
                session.write_body(&data).await?;
                Ok(())
            }
            Session::Http2(_) => self.outlet.send(data, false),
        }
    }

    /// Ends the request's body, once.
    pub(crate) async fn finish(&mut self) -> Result<()> {
        if let Session::Http1(session, _) = &mut self.session {
            session.finish_body().await?;
        } else if matches!(self.outlet, Outlet::Stream(_, false)) {
            self.outlet.send(Bytes::new(), true)?;
        }
        Ok(())
    }

    /// The connection, once nothing of HTTP follows on it; HTTP/2 has none of its own for a request.
    pub(crate) fn into_parts(self) -> Option<(Stream, Outlet)> {
        let Session::Http1(session, _) = self.session else { return None };
        Some((session.into_inner(), self.outlet))
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
    pub(crate) async fn next(&mut self) -> Result<HttpTask> {
        match self {
            Self::Http1(session, bound) => {
                let part = session.read_response_task().await?;
                if let HttpTask::Header(head, _) = &part {
                    check_coding(head)?;
                    if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
                        bound.end();
                    }
                }
                Ok(part)
            }
            Self::Http2(session) => next_of_stream(session).await,
        }
    }
}

/// We ask for no transfer coding (RFC 9110 §10.1.4): one beside `chunked` would reach the client undone.
fn check_coding(head: &ResponseHeader) -> Result<()> {
    let mut codings = head.headers.get_all(header::TRANSFER_ENCODING).iter();
    let plain = codings.next().is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    if plain && codings.next().is_none() {
        return Ok(());
    }
    Error::e_explain(ErrorType::InvalidHTTPHeader, "a transfer coding nobody has asked for")
}

async fn next_of_stream(session: &mut Http2Session) -> Result<HttpTask> {
    if session.response_header().is_none() {
        session.read_response_header().await?;
        let end = session.check_response_end_or_error()?;
        let head = session.response_header().cloned();
        let head = head.ok_or_else(|| Error::explain(ErrorType::H2Error, "no response head"))?;
        if end && promises_a_body(session, head.status, head.headers.get(header::CONTENT_LENGTH)) {
            return Error::e_explain(ErrorType::H2Error, "the response ends before its body");
        }
        return Ok(HttpTask::Header(Box::new(head), end));
    }
    while let Some(data) = session.read_response_body().await? {
        let end = session.check_response_end_or_error()?;
        if end || !data.is_empty() {
            return Ok(HttpTask::Body(Some(data), end));
        }
    }
    Ok(session.read_trailers().await?.map_or(HttpTask::Done, |trailers| HttpTask::Trailer(Some(Box::new(trailers)))))
}

/// Whether a response without DATA should have had some (RFC 9113 §8.1.1), which the `h2` crate lets pass.
fn promises_a_body(session: &Http2Session, status: StatusCode, length: Option<&http::HeaderValue>) -> bool {
    let head_only = session.request_header().is_some_and(|request| request.method == Method::HEAD)
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    !head_only && length.is_some_and(|length| length.as_bytes().iter().any(|&digit| digit != b'0'))
}
