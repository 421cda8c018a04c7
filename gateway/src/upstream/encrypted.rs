//! TLS to upstreams, in front of Pingora's connector.
//!
//! Pingora's own knows no verifier for several names and begins every connection with a full
//! handshake. It takes a stream of ours, but tells kept connections apart by their descriptor: hence
//! a pair of sockets with a relay behind it, in the thread that uses the connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::connectors::L4Connect;
use pingora_core::protocols::l4::socket::SocketAddr as Dialled;
use pingora_core::protocols::l4::stream::Stream;
use pingora_error::{ErrorType, OrErr, Result};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::SockRef;
use tokio::io::{AsyncWriteExt, copy, split};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::keepalive;

/// How long an upstream may take to hear that a connection ends.
const GOODBYE: Duration = Duration::from_secs(5);

/// A way to one address.
#[derive(Debug)]
pub(super) struct Encrypted {
    /// The upstream.
    pub(super) address: SocketAddr,
    /// Whom to believe, and the sessions to resume.
    pub(super) config: Arc<ClientConfig>,
}

#[async_trait]
impl L4Connect for Encrypted {
    async fn connect(&self, _: &Dialled) -> Result<Stream> {
        let socket = self.dial().await.or_err_with(ErrorType::ConnectError, || format!("to {}", self.address))?;
        // An address is not sent as a server name; sessions are kept by it.
        let name = ServerName::IpAddress(self.address.ip().into());
        let encrypted = TlsConnector::from(Arc::clone(&self.config)).connect(name, socket).await;
        let encrypted = encrypted.or_err_with(ErrorType::TLSHandshakeFailure, || format!("with {}", self.address))?;
        let (ours, pingoras) = UnixStream::pair().or_err(ErrorType::InternalError, "a pair of sockets")?;
        tokio::spawn(relay(ours, encrypted));
        Ok(pingoras.into())
    }
}

impl Encrypted {
    async fn dial(&self) -> io::Result<TcpStream> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        SockRef::from(&socket).set_tcp_keepalive(&keepalive::SOCKET)?;
        Ok(socket)
    }
}

/// Until either side ends; Pingora never closes one half alone.
async fn relay(ours: UnixStream, encrypted: TlsStream<TcpStream>) {
    let (mut from_us, mut to_us) = ours.into_split();
    let (mut from_upstream, mut to_upstream) = split(encrypted);
    tokio::select! {
        // What breaks off one side is seen by the other as its end.
        _ = copy(&mut from_us, &mut to_upstream) => {}
        _ = copy(&mut from_upstream, &mut to_us) => {}
    }
    // Pingora sees the end at once, however long the upstream takes to hear of it.
    drop((from_us, to_us));
    let _ = timeout(GOODBYE, to_upstream.shutdown()).await;
}
