//! One request on an upstream's connection, and its response.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use http::header::UPGRADE;
use http::{Method, StatusCode, Version, header};
use pingora_error::{Error, ErrorType, OrErr, Result, RetryType};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_timeout::timeout;

use super::body::{Decoder, Encoder};
use super::stream::Stream;
use super::{persistence, response, write};
use crate::part::Part;

/// Bytes of a response's head, those of interim responses included. Envoy takes 60 KiB.
pub(crate) const HEAD_BYTES: u32 = 64 * 1024;

/// How far a response is.
enum State {
    /// A head is awaited, of which, with those of interim responses, so many bytes may still come.
    Head(usize),
    /// The body is.
    Body(Decoder),
}

/// One request on an upstream's connection, and its response.
pub(crate) struct Client {
    stream: Stream,
    /// How long the upstream may say nothing.
    patience: Option<Duration>,
    /// Bytes that are read at once.
    most: usize,
    method: Method,
    upgrade: bool,
    encoder: Encoder,
    state: State,
    persistent: bool,
}

impl Client {
    /// A request on a connection that is used for nothing else.
    pub(crate) fn new(stream: Stream, patience: Option<Duration>) -> Self {
        Self {
            stream,
            patience,
            most: usize::MAX,
            method: Method::GET,
            upgrade: false,
            encoder: Encoder::Done,
            state: State::Head(HEAD_BYTES as usize),
            persistent: true,
        }
    }

    /// From now on, reads at most so many bytes at once.
    pub(crate) fn limit_reads(&mut self, bytes: usize) {
        self.most = bytes;
    }

    /// Writes the request's head.
    ///
    /// # Errors
    /// When the head cannot be told, or the upstream takes no more.
    pub(crate) fn begin(&mut self, head: &RequestHeader) -> Result<()> {
        if write::breaks_line(head.raw_path()) {
            return Error::e_explain(ErrorType::InvalidHTTPHeader, "a target that HTTP/1.1 cannot tell");
        }
        self.method = head.method.clone();
        self.upgrade = head.headers.contains_key(UPGRADE);
        self.encoder = Encoder::of(&head.headers).unwrap_or(Encoder::Done);
        let put = self.stream.keep(|kept| write::request(kept, head));
        put.or_err(ErrorType::WriteError, "the request's head")
    }

    /// Writes some of the request's body, and begins to send it; `end` when it is the last.
    ///
    /// # Errors
    /// When the upstream takes no more.
    pub(crate) async fn send(&mut self, data: &[u8], end: bool) -> Result<()> {
        let sent = async {
            self.encoder.write(&mut self.stream, data).await?;
            match (end, data.is_empty()) {
                (true, _) => self.encoder.finish(&mut self.stream).await,
                (false, false) => self.stream.flush().await,
                (false, true) => Ok(()),
            }
        };
        sent.await.or_err(ErrorType::WriteError, "the request's body")
    }

    /// The next part of the response. May be given up and asked for again.
    ///
    /// # Errors
    /// When the upstream leaves, says nothing for too long, or says what is no response.
    pub(crate) async fn next(&mut self) -> Result<Part> {
        loop {
            if let Some(part) = self.arrived()? {
                return Ok(part);
            }
            let read = self.fill().await?;
            if read == 0 {
                return self.ended();
            }
        }
    }

    /// The next part, if it is there.
    fn arrived(&mut self) -> Result<Option<Part>> {
        match &mut self.state {
            State::Head(left) => {
                let before = self.stream.waiting().len();
                let head = response::take(self.stream.waiting_mut())?;
                // What has come of a head that is not whole counts as well.
                let used = if head.is_some() { before - self.stream.waiting().len() } else { before };
                let Some(rest) = left.checked_sub(used) else {
                    return Error::e_explain(ErrorType::InvalidHTTPHeader, "the head is too long");
                };
                let Some(head) = head else { return Ok(None) };
                *left = rest;
                self.begun(head).map(Some)
            }
            State::Body(body) => {
                let data = body.next(self.stream.waiting_mut());
                let data = data.or_err(ErrorType::InvalidHTTPHeader, "the response's body")?;
                let done = body.is_done();
                Ok(data.map(|data| Part::Body(data, done)).or_else(|| done.then_some(Part::End)))
            }
        }
    }

    fn begun(&mut self, mut head: ResponseHeader) -> Result<Part> {
        let switches = head.status == StatusCode::SWITCHING_PROTOCOLS;
        if head.status.is_informational() && !switches {
            return Ok(Part::Head(Box::new(head), false));
        }
        if switches {
            // What follows is no HTTP any more, or nobody has asked for it.
            self.persistent = false;
            self.state = State::Body(Decoder::Done);
            return Ok(Part::Head(Box::new(head), !self.upgrade));
        }
        self.persistent = persistence::wanted(&head.headers, head.version)
            // RFC 9112 §6.1: who codes by HTTP/1.0 knows not what it does.
            && (head.version == Version::HTTP_11 || !head.headers.contains_key(header::TRANSFER_ENCODING));
        let body = response::body(&mut head, &self.method)?;
        self.persistent &= !matches!(body, Decoder::UntilClose);
        let end = body.is_done();
        self.state = State::Body(body);
        Ok(Part::Head(Box::new(head), end))
    }

    async fn fill(&mut self) -> Result<usize> {
        let certain = if let State::Body(body) = &self.state { body.certain() } else { 0 };
        let (stream, most) = (&mut self.stream, self.most);
        let fill = poll_fn(|cx| stream.poll_fill_body(cx, certain, most));
        let filled = match self.patience {
            Some(patience) => timeout(patience, fill).await,
            None => Ok(fill.await),
        };
        let filled = filled.map_err(|_| Error::explain(ErrorType::ReadTimedout, "the upstream says nothing"))?;
        filled.map_err(|error| self.failed(error))
    }

    /// A connection that was kept may turn out to have ended: of that nothing is said but by the kernel.
    #[expect(clippy::unnecessary_box_returns, reason = "Pingora's errors come boxed")]
    fn failed(&self, error: io::Error) -> Box<Error> {
        let broken = error.raw_os_error().is_some() && self.is_unanswered();
        let mut error = Error::because(ErrorType::ReadError, "the response", error);
        if broken {
            error.retry = RetryType::ReusedOnly;
        }
        error
    }

    fn is_unanswered(&self) -> bool {
        matches!(self.state, State::Head(_))
    }

    fn ended(&mut self) -> Result<Part> {
        if matches!(self.state, State::Body(Decoder::UntilClose)) {
            self.state = State::Body(Decoder::Done);
            return Ok(Part::End);
        }
        let mut error = Error::explain(ErrorType::ConnectionClosed, "before the end of the response");
        if self.is_unanswered() {
            error.retry = RetryType::ReusedOnly;
        }
        Err(error)
    }

    /// The connection, if another request may follow on it.
    pub(crate) fn reuse(self) -> Option<Stream> {
        let whole = matches!(self.state, State::Body(Decoder::Done)) && self.encoder == Encoder::Done;
        // What nobody has asked for belongs to no response.
        (whole && self.persistent && self.stream.waiting().is_empty()).then_some(self.stream)
    }

    /// The connection.
    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }
}
