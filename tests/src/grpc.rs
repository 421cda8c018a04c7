//! A gRPC client for `demo.Echo`, unary and the three kinds of streams.

use std::io;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request};
use net_pingora_backends::{Message, frame};

use crate::http2::{Download, Http2, Pending, Upload};

/// A client of one host.
#[derive(Debug)]
pub struct Grpc {
    connection: Http2,
    host: String,
}

/// A call on its way; messages go both ways in any order.
#[derive(Debug)]
pub struct Call {
    upload: Upload,
    pending: Option<Pending>,
    answer: Option<(HeaderMap, Download)>,
    bytes: BytesMut,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Messages that came back.
    pub texts: Vec<String>,
    /// `grpc-status`; `None` when there is none.
    pub status: Option<u16>,
}

impl Grpc {
    /// Connects; `host` is the authority of every call, with or without a port.
    ///
    /// # Errors
    /// When nobody listens there, or it is no HTTP/2 server.
    pub async fn connect(address: SocketAddr, host: &str) -> io::Result<Self> {
        Ok(Self { connection: Http2::connect(address).await?, host: host.to_owned() })
    }

    /// Calls on an open connection.
    pub fn over(connection: Http2, host: &str) -> Self {
        Self { connection, host: host.to_owned() }
    }

    /// Begins a call of a method of `demo.Echo`.
    ///
    /// # Errors
    /// When the connection takes no more streams.
    pub async fn begin(&self, method: &str) -> io::Result<Call> {
        self.begin_within(method, "1H").await
    }

    /// Begins a call with a deadline, like `100m` for 100 ms (gRPC over HTTP2, "Timeout").
    ///
    /// # Errors
    /// When the connection takes no more streams.
    pub async fn begin_within(&self, method: &str, timeout: &str) -> io::Result<Call> {
        let request = Request::post(format!("http://{}/demo.Echo/{method}", self.host))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-timeout", timeout)
            .body(())
            .map_err(io::Error::other)?;
        let (upload, pending) = self.connection.open(request).await?;
        Ok(Call { upload, pending: Some(pending), answer: None, bytes: BytesMut::new() })
    }

    /// Calls a method with all messages at once and reads all that come back.
    ///
    /// # Errors
    /// When the call is broken off.
    pub async fn call(&self, method: &str, texts: &[&str]) -> io::Result<Outcome> {
        let mut call = self.begin(method).await?;
        // The answer may come, and end the stream, before everything is read (RFC 9113 §8.1).
        let _ = call.send_all(texts).await;
        let mut texts = Vec::new();
        while let Some(text) = call.receive().await? {
            texts.push(text);
        }
        Ok(Outcome { texts, status: call.status().await? })
    }
}

impl Call {
    /// Sends a message.
    ///
    /// # Errors
    /// When the call is broken off.
    pub async fn send(&mut self, text: &str) -> io::Result<()> {
        self.upload.send(frame(&Message { text: text.to_owned() })).await
    }

    /// Says that no more messages will be sent.
    ///
    /// # Errors
    /// When the call has ended already.
    pub fn finish(&mut self) -> io::Result<()> {
        self.upload.finish(Bytes::new())
    }

    async fn send_all(&mut self, texts: &[&str]) -> io::Result<()> {
        for text in texts {
            self.send(text).await?;
        }
        self.finish()
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// When the call is broken off, or what comes is no message.
    pub async fn receive(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(message) = Message::cut(&mut self.bytes).map_err(io::Error::other)? {
                return Ok(Some(message.text));
            }
            match self.begun().await?.1.data().await? {
                Some(data) => self.bytes.extend_from_slice(&data),
                None => return Ok(None),
            }
        }
    }

    /// `grpc-status` of the trailers, or of the head where there is nothing else.
    ///
    /// # Errors
    /// When the call is broken off.
    pub async fn status(&mut self) -> io::Result<Option<u16>> {
        let (head, body) = self.begun().await?;
        let trailers = body.trailers().await?;
        let status = trailers.get("grpc-status").or_else(|| head.get("grpc-status"));
        Ok(status.and_then(|status| status.to_str().ok()?.parse().ok()))
    }

    /// The response, waited for if need be.
    async fn begun(&mut self) -> io::Result<(&HeaderMap, &mut Download)> {
        if let Some(pending) = self.pending.take() {
            let (head, body) = pending.answer().await?.into_parts();
            self.answer = Some((head.headers, body));
        }
        let (head, body) = self.answer.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok((head, body))
    }
}
