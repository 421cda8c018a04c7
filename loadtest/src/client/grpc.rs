//! gRPC over HTTP/2, on messages as bytes (grpc/grpc doc/PROTOCOL-HTTP2.md).

use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};

use super::Client;
use super::http2::{Broken, Connection, Sent, next};
use super::messages::Messages;
use crate::failure::{Failure, Kind};
use crate::record::{Outcome, Stages};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The head of a call.
fn call(connection: &Connection) -> Result<Request<()>, Failure> {
    let mut headers = connection.prepared().plan.request.headers.clone();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.remove(header::ACCEPT_ENCODING);
    connection.request(Method::POST, headers)
}

/// The answer to a call must be one of gRPC, whatever its outcome.
fn accepted(response: Response<RecvStream>) -> Result<(HeaderMap, RecvStream), Failure> {
    let (head, body) = response.into_parts();
    if head.status != StatusCode::OK {
        return Err(Failure::bad(format!("gRPC call answered with status {}", head.status.as_u16())));
    }
    Ok((head.headers, body))
}

/// Judges how a call ended, by its trailers or, where it has no others, its headers.
fn judge(headers: &HeaderMap, trailers: Option<&HeaderMap>) -> Result<(), Failure> {
    let end = trailers.unwrap_or(headers);
    let text = |name| end.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    match text(GRPC_STATUS).as_deref() {
        Some("0") => Ok(()),
        None => Err(Failure::bad("gRPC call ended without grpc-status")),
        Some(status) => {
            let message = text(GRPC_MESSAGE).unwrap_or_default();
            Err(Failure::new(Kind::GrpcStatus, format!("grpc-status {status} {message}").trim_end()))
        }
    }
}

/// Calls with one message each way.
#[derive(Debug)]
pub(crate) struct Unary(Rc<Connection>);

impl Unary {
    pub(crate) fn new(connection: Rc<Connection>) -> Self {
        Self(connection)
    }

    async fn once(&self) -> Result<Outcome, Failure> {
        let mut stages = Stages::default();
        let sent = self.0.send(call(&self.0)?, false, &mut stages).await?;
        let number = sent.number();
        match self.call(sent, stages).await {
            Ok(outcome) => Ok(outcome),
            Err(Error::Call(failure)) => Err(failure),
            Err(Error::Http2(error)) => Err(self.0.broken(Broken::new(error, number)).await),
        }
    }

    async fn call(&self, sent: Sent, mut stages: Stages) -> Result<Outcome, Error> {
        let Sent { response, mut upload, .. } = sent;
        let prepared = self.0.prepared();
        let begin = Instant::now();
        upload.send_data(prepared.message.clone(), true)?;
        let written = Instant::now();
        let (headers, mut body) = accepted(response.await?)?;
        let first = Instant::now();
        let (mut messages, mut bytes) = (Messages::default(), 0);
        while let Some(data) = next(&mut body).await? {
            bytes += data.len() as u64;
            messages.feed(&data)?;
        }
        judge(&headers, body.trailers().await?.as_ref())?;
        if !messages.are_whole() || messages.count() != 1 {
            return Err(Failure::bad(format!("{} messages in answer to a unary call", messages.count())).into());
        }
        (stages.write, stages.wait, stages.read) = (written - begin, first - written, first.elapsed());
        let header = prepared.keep.header.as_ref().and_then(|name| headers.get(name));
        let backend = prepared.backend(header.map(HeaderValue::as_bytes));
        Ok(Outcome { status: 200, bytes, stages, location: None, backend })
    }
}

impl Client for Unary {
    async fn exchange(&mut self) -> Result<Outcome, Failure> {
        match self.once().await {
            Err(failure) if failure.unprocessed => self.once().await,
            outcome => outcome,
        }
    }
}

/// What went wrong: the call, or HTTP/2 below it.
enum Error {
    Call(Failure),
    Http2(h2::Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Call(failure)
    }
}

impl From<h2::Error> for Error {
    fn from(error: h2::Error) -> Self {
        Self::Http2(error)
    }
}

/// Messages and their echoes on a stream that stays open.
#[derive(Debug)]
pub(crate) struct Streaming {
    connection: Rc<Connection>,
    open: Option<Open>,
}

/// An open stream.
#[derive(Debug)]
struct Open {
    upload: SendStream<Bytes>,
    download: Download,
    messages: Messages,
    number: u64,
}

/// The answers' side of a stream, whose head may wait for the first message.
#[derive(Debug)]
enum Download {
    Pending(ResponseFuture),
    Begun(HeaderMap, RecvStream),
}

impl Streaming {
    pub(crate) fn new(connection: Rc<Connection>) -> Self {
        Self { connection, open: None }
    }

    async fn open(&self, stages: &mut Stages) -> Result<Open, Failure> {
        let sent = self.connection.send(call(&self.connection)?, false, stages).await?;
        let number = sent.number();
        let Sent { response, upload, .. } = sent;
        Ok(Open { upload, download: Download::Pending(response), messages: Messages::default(), number })
    }
}

impl Open {
    /// Sends a message and waits for the next one.
    async fn echo(&mut self, message: Bytes, stages: &mut Stages) -> Result<u64, Error> {
        let begin = Instant::now();
        self.upload.send_data(message, false)?;
        let written = Instant::now();
        let answered = self.messages.count();
        let (mut bytes, mut first) = (0, None);
        while self.messages.count() == answered || !self.messages.are_whole() {
            let Some(data) = self.download().await? else {
                self.end().await?;
                return Err(Failure::new(Kind::Closed, "gRPC stream ended before the echo").into());
            };
            first.get_or_insert_with(Instant::now);
            bytes += data.len() as u64;
            self.messages.feed(&data)?;
        }
        let first = first.unwrap_or(written);
        (stages.write, stages.wait, stages.read) = (written - begin, first - written, first.elapsed());
        Ok(bytes)
    }

    async fn download(&mut self) -> Result<Option<Bytes>, Error> {
        if let Download::Pending(response) = &mut self.download {
            let (headers, body) = accepted(response.await?)?;
            self.download = Download::Begun(headers, body);
        }
        match &mut self.download {
            Download::Begun(_, body) => Ok(next(body).await?),
            Download::Pending(_) => Ok(None),
        }
    }

    /// Judges how the stream ended.
    async fn end(&mut self) -> Result<(), Error> {
        match &mut self.download {
            Download::Begun(headers, body) => Ok(judge(headers, body.trailers().await?.as_ref())?),
            Download::Pending(_) => Ok(()),
        }
    }
}

impl Client for Streaming {
    async fn exchange(&mut self) -> Result<Outcome, Failure> {
        let mut stages = Stages::default();
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.open(&mut stages).await?,
        };
        match open.echo(self.connection.prepared().message.clone(), &mut stages).await {
            Ok(bytes) => {
                self.open = Some(open);
                Ok(Outcome { status: 200, bytes, stages, location: None, backend: None })
            }
            Err(Error::Call(failure)) => Err(failure),
            Err(Error::Http2(error)) => Err(self.connection.broken(Broken::new(error, open.number)).await),
        }
    }

    /// Says that there are no more messages; the stream must then end well.
    async fn finish(&mut self) -> Result<(), Failure> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let ended = async {
            open.upload.send_data(Bytes::new(), true)?;
            while open.download().await?.is_some() {}
            open.end().await
        };
        match ended.await {
            Ok(()) => Ok(()),
            Err(Error::Call(failure)) => Err(failure),
            Err(Error::Http2(error)) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_gone_well_only_with_grpc_status_0() {
        let with = |status: &'static str| HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static(status))]);
        let none = HeaderMap::new();
        let kind = |headers: &HeaderMap, trailers: Option<&HeaderMap>| judge(headers, trailers).err().map(|f| f.kind);
        assert_eq!(kind(&none, Some(&with("0"))), None);
        assert_eq!(kind(&with("0"), None), None);
        assert_eq!(kind(&none, Some(&with("13"))), Some(Kind::GrpcStatus));
        assert_eq!(kind(&with("0"), Some(&none)), Some(Kind::BadResponse));
        assert_eq!(kind(&none, None), Some(Kind::BadResponse));
    }
}
