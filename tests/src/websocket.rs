//! A WebSocket client.

use std::fmt;
use std::net::SocketAddr;

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::raw::PATIENCE;

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket(WebSocketStream<Box<dyn Io>>);

/// A stream of any kind.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Io for T {}

/// What the other side says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message.
    Text(String),
    /// A close with this code; 1005 where it has none (RFC 6455 §7.1.5).
    Close(u16),
}

impl WebSocket {
    /// Connects to `address` and asks for the upgrade of `path` at `host`.
    ///
    /// # Errors
    /// When nobody listens there or the upgrade is refused: [`Error::Http`] has the answer.
    pub async fn open(address: SocketAddr, host: &str, path: &str) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Self::over(Box::new(stream), host, path).await
    }

    /// Asks for the upgrade on an open stream.
    ///
    /// # Errors
    /// When the upgrade is refused: [`Error::Http`] has the answer.
    pub async fn over(stream: Box<dyn Io>, host: &str, path: &str) -> Result<Self, Error> {
        let shaken = tokio_tungstenite::client_async(format!("ws://{host}{path}"), stream);
        let (socket, _) = timeout(PATIENCE, shaken).await.map_err(std::io::Error::from)??;
        Ok(Self(socket))
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn say(&mut self, text: &str) -> Result<(), Error> {
        self.0.send(Message::text(text)).await
    }

    /// Sends a close.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn close(&mut self, code: u16) -> Result<(), Error> {
        self.0.close(Some(CloseFrame { code: code.into(), reason: "".into() })).await
    }

    /// The next message or close; pings are answered on the way.
    ///
    /// # Errors
    /// When the connection ends without a close, or nothing comes for a while.
    pub async fn hear(&mut self) -> Result<Heard, Error> {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.map_err(std::io::Error::from)?;
            match message.ok_or(Error::ConnectionClosed)?? {
                Message::Text(text) => return Ok(Heard::Text(text.to_string())),
                Message::Close(frame) => return Ok(Heard::Close(frame.map_or(1005, |frame| frame.code.into()))),
                _ => {}
            }
        }
    }
}
