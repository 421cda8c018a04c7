//! A connection of a good client: one request at a time.

use std::net::SocketAddr;

use anyhow::ensure;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::stage::GOOD;

type Nothing = Empty<Bytes>;

/// Bytes of the backend's answer.
const ANSWER: usize = 100;

/// What a client speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Client {
    sender: Sender,
    /// Requests that were answered.
    pub(crate) answered: u32,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Nothing>),
    Http2(http2::SendRequest<Nothing>),
}

impl Client {
    pub(crate) async fn connect(at: SocketAddr, protocol: Protocol) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(at).await?;
        stream.set_nodelay(true)?;
        let stream = TokioIo::new(stream);
        // What ends a connection fails its request, which tells.
        let sender = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(stream).await?;
                tokio::spawn(async move { drop(connection.await) });
                Sender::Http1(sender)
            }
            Protocol::Http2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
                tokio::spawn(async move { drop(connection.await) });
                Sender::Http2(sender)
            }
        };
        Ok(Self { sender, answered: 0 })
    }

    /// Whether the gateway has ended it.
    pub(crate) fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// Sends a request, which must be answered in full.
    pub(crate) async fn ask(&mut self) -> anyhow::Result<()> {
        let response = self.send().await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(status == StatusCode::OK, "answered {status}: {}", String::from_utf8_lossy(&body));
        ensure!(body.len() == ANSWER, "answered with {} bytes", body.len());
        self.answered += 1;
        Ok(())
    }

    async fn send(&mut self) -> anyhow::Result<Response<Incoming>> {
        Ok(match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(Request::get("/").header(header::HOST, GOOD).body(Empty::new())?).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(Request::get(format!("http://{GOOD}/")).body(Empty::new())?).await?
            }
        })
    }
}
