//! An HTTP/2 client by prior knowledge: streams that a test opens, feeds and reads step by step.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::raw::PATIENCE;

/// What a client of HTTP/2 sends first: the preface and its SETTINGS (RFC 9113 §3.4).
pub const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A connection; closed when dropped.
#[derive(Debug)]
pub struct Http2 {
    sender: SendRequest<Bytes>,
    task: JoinHandle<()>,
}

/// The body of a request, on its way.
#[derive(Debug)]
pub struct Upload(SendStream<Bytes>);

/// A response that has not begun yet.
#[derive(Debug)]
pub struct Pending(ResponseFuture);

/// The body of a response, on its way.
#[derive(Debug)]
pub struct Download(RecvStream);

impl Http2 {
    /// Connects and shakes hands.
    ///
    /// # Errors
    /// When nobody listens there, or it is no HTTP/2 server.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Self::over(stream).await
    }

    /// Shakes hands on an open stream.
    ///
    /// # Errors
    /// When the other side is no HTTP/2 server.
    pub async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> io::Result<Self> {
        let (sender, connection) = patient(h2::client::handshake(stream)).await?;
        // What ends the connection ends its streams, which tell the test.
        let task = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, task })
    }

    /// Sends the head of a request and leaves its body open.
    ///
    /// # Errors
    /// When the connection takes no more streams.
    pub async fn open(&self, request: Request<()>) -> io::Result<(Upload, Pending)> {
        self.begin(request, false).await
    }

    /// Sends a whole request and reads the whole response with its trailers.
    ///
    /// # Errors
    /// When the response is broken off.
    pub async fn send(&self, request: Request<Bytes>) -> io::Result<(Response<Bytes>, HeaderMap)> {
        let (head, body) = request.into_parts();
        let (mut upload, pending) = self.begin(Request::from_parts(head, ()), body.is_empty()).await?;
        if !body.is_empty() {
            // The answer may come, and end the stream, before the body is read (RFC 9113 §8.1).
            let _ = upload.finish(body);
        }
        let (head, mut download) = pending.answer().await?.into_parts();
        let mut read = Vec::new();
        while let Some(data) = download.data().await? {
            read.extend_from_slice(&data);
        }
        Ok((Response::from_parts(head, read.into()), download.trailers().await?))
    }

    async fn begin(&self, request: Request<()>, bodiless: bool) -> io::Result<(Upload, Pending)> {
        let mut sender = patient(self.sender.clone().ready()).await?;
        let (response, upload) = sender.send_request(request, bodiless).map_err(io::Error::other)?;
        Ok((Upload(upload), Pending(response)))
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upload {
    /// Sends `data` as fast as the other side takes it.
    ///
    /// # Errors
    /// When the other side has ended the stream, or takes nothing for a while.
    pub async fn send(&mut self, mut data: Bytes) -> io::Result<()> {
        while !data.is_empty() {
            self.0.reserve_capacity(data.len());
            let room = poll_fn(|context| self.0.poll_capacity(context));
            let room = patient(async { room.await.unwrap_or_else(|| Err(Reason::STREAM_CLOSED.into())) }).await?;
            let piece = data.split_to(room.min(data.len()));
            self.0.send_data(piece, false).map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Ends the body with `data`, which may be empty.
    ///
    /// # Errors
    /// When the stream has ended already.
    pub fn finish(&mut self, data: Bytes) -> io::Result<()> {
        self.0.send_data(data, true).map_err(io::Error::other)
    }

    /// Ends the body with trailers.
    ///
    /// # Errors
    /// When the stream has ended already.
    pub fn finish_with(&mut self, trailers: HeaderMap) -> io::Result<()> {
        self.0.send_trailers(trailers).map_err(io::Error::other)
    }

    /// Breaks the stream off, as a client that goes away.
    pub fn reset(&mut self, reason: Reason) {
        self.0.send_reset(reason);
    }
}

impl Pending {
    /// The head of the response, its body still to be read.
    ///
    /// # Errors
    /// When the stream ends before it.
    pub async fn answer(self) -> io::Result<Response<Download>> {
        Ok(patient(self.0).await?.map(Download))
    }
}

impl Download {
    /// The next piece of the body, never an empty one; `None` at its end.
    ///
    /// # Errors
    /// When the body is broken off.
    pub async fn data(&mut self) -> io::Result<Option<Bytes>> {
        while let Some(data) = patient(async { self.0.data().await.transpose() }).await? {
            self.0.flow_control().release_capacity(data.len()).map_err(io::Error::other)?;
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// What came after the body.
    ///
    /// # Errors
    /// When the stream is broken off.
    pub async fn trailers(&mut self) -> io::Result<HeaderMap> {
        Ok(patient(self.0.trailers()).await?.unwrap_or_default())
    }
}

/// Why the other side has reset the stream, or left the connection.
pub fn reason(error: &io::Error) -> Option<Reason> {
    error.get_ref()?.downcast_ref::<h2::Error>()?.reason()
}

async fn patient<T>(step: impl Future<Output = Result<T, h2::Error>>) -> io::Result<T> {
    timeout(PATIENCE, step).await?.map_err(io::Error::other)
}

/// The HEADERS frame of a GET: :method GET, :scheme http, :path /, :authority a (RFC 7541 §6).
#[must_use]
pub fn get_frame(stream: u32) -> Vec<u8> {
    [&[0, 0, 6, 1, 5][..], &stream.to_be_bytes(), b"\x82\x86\x84\x41\x01a"].concat()
}
