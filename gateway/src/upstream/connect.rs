//! New connections to upstreams, plain or TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::connectors::http::v2::{ConnectionRef, H2HandshakeSettings, handshake};
use pingora_core::protocols::Stream;
use pingora_error::{Error, ErrorType, OrErr, Result};
use pingora_timeout::timeout;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::choose::Choice;
use crate::io::Io;
use crate::keepalive;
use crate::wire::{Unsent, Wire};

/// Streams on one upstream HTTP/2 connection.
const STREAMS: u32 = 100;

/// Bytes an upstream may send on one stream before the client has taken them.
const STREAM_WINDOW: u32 = 128 * 1024;

/// All streams' windows together: a client that does not read holds up its own stream only.
const CONNECTION_WINDOW: u32 = STREAMS * STREAM_WINDOW;

/// An HTTP/1 connection: its bytes, and those that are still to be sent.
pub(super) type Http1Connection = (Stream, Arc<dyn Unsent>);

/// Connects for HTTP/1, within `limit` from the first packet to the end of a TLS handshake.
pub(super) async fn http1(choice: &Choice, limit: Duration) -> Result<Http1Connection> {
    within(limit, async {
        let socket = dial(choice.endpoint.address).await?;
        let Some(encryption) = &choice.encryption else { return Ok(wired(socket)) };
        Ok(wired(encrypted(socket, choice.endpoint.address, &encryption.http1).await?))
    })
    .await
}

/// The same for HTTP/2, its handshake included.
pub(super) async fn http2(choice: &Choice, limit: Duration) -> Result<ConnectionRef> {
    within(limit, async {
        let socket = dial(choice.endpoint.address).await?;
        let stream: Stream = match &choice.encryption {
            None => Box::new(Io(socket)),
            Some(encryption) => Box::new(Io(encrypted(socket, choice.endpoint.address, &encryption.http2).await?)),
        };
        let mut settings = H2HandshakeSettings::new();
        settings.max_streams = STREAMS as usize;
        settings.stream_window_size = Some(STREAM_WINDOW);
        settings.connection_window_size = Some(CONNECTION_WINDOW);
        handshake(stream, settings).await
    })
    .await
}

fn wired<T>(stream: T) -> Http1Connection
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (wire, unsent) = Wire::new(stream);
    (Box::new(Io(wire)), unsent)
}

async fn within<T>(limit: Duration, connecting: impl Future<Output = Result<T>>) -> Result<T> {
    match timeout(limit, connecting).await {
        Ok(connected) => connected.map_err(Error::into_up),
        Err(_) => Err(Error::explain(ErrorType::ConnectTimedout, format!("no connection after {limit:?}")).into_up()),
    }
}

async fn dial(address: SocketAddr) -> Result<TcpStream> {
    let dialled: io::Result<TcpStream> = async {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        SockRef::from(&socket).set_tcp_keepalive(&keepalive::SOCKET)?;
        Ok(socket)
    }
    .await;
    dialled.or_err_with(ErrorType::ConnectError, || format!("to {address}"))
}

async fn encrypted(socket: TcpStream, address: SocketAddr, config: &Arc<ClientConfig>) -> Result<TlsStream<TcpStream>> {
    // An address is not sent as a server name; sessions are kept by it.
    let name = ServerName::IpAddress(address.ip().into());
    let encrypted = TlsConnector::from(Arc::clone(config)).connect(name, socket).await;
    encrypted.or_err_with(ErrorType::TLSHandshakeFailure, || format!("with {address}"))
}
