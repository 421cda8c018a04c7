//! New connections to upstreams, plain or TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use pingora_core::connectors::http::v2::ConnectionRef;
use pingora_core::protocols::Digest;
use pingora_core::protocols::http::v2::client::drive_connection;
use pingora_error::{Error, ErrorType, OrErr, Result};
use pingora_timeout::timeout;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::choose::Choice;
use super::socket::Socket;
use crate::http1::{ByteStream, HEAD_BYTES, Stream};
use crate::keepalive;
use crate::observe::metrics::ConnectFailure;
use crate::permit::Files;
use crate::settings::Timeouts;

/// Streams on one upstream HTTP/2 connection.
const STREAMS: u32 = 100;

/// Bytes an upstream may send on one stream before the client has taken them.
const STREAM_WINDOW: u32 = 128 * 1024;

/// All streams' windows together: a client that does not read holds up its own stream only.
const CONNECTION_WINDOW: u32 = STREAMS * STREAM_WINDOW;

/// Bytes of a frame that an upstream is asked to send at once.
const FRAME: u32 = 64 * 1024;

/// So long Linux waits by itself, about, until it gives up a peer that acknowledges nothing.
const LONGEST_STALL: Duration = Duration::from_mins(15);

/// Files of this process, and of the machine, are used up: the same numbers on every Unix.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// Connects for HTTP/1, within the deadline from the first packet to the end of a TLS handshake.
pub(super) async fn http1(choice: &Choice, timeouts: &Timeouts, files: &Files) -> Result<Stream> {
    within(timeouts.connect, async {
        let socket = dial(choice.endpoint.address, timeouts.stall, files).await?;
        let Some(encryption) = &choice.encryption else { return Ok(wired(socket)) };
        Ok(wired(encrypted(socket, choice.endpoint.address, &encryption.http1).await?))
    })
    .await
}

/// The same for HTTP/2, its handshake included.
pub(super) async fn http2(choice: &Choice, timeouts: &Timeouts, files: &Files) -> Result<ConnectionRef> {
    within(timeouts.connect, async {
        let socket = dial(choice.endpoint.address, timeouts.stall, files).await?;
        let Some(encryption) = &choice.encryption else { return handshake(socket).await };
        handshake(encrypted(socket, choice.endpoint.address, &encryption.http2).await?).await
    })
    .await
}

/// Whose fault a connect was, and what kind of.
pub(crate) fn failure(error: &Error) -> ConnectFailure {
    match error.etype() {
        ErrorType::BindError => ConnectFailure::Ports,
        ErrorType::SocketError => ConnectFailure::Files,
        ErrorType::ConnectTimedout => ConnectFailure::Timeout,
        ErrorType::TLSHandshakeFailure => ConnectFailure::Tls,
        _ => ConnectFailure::Refused,
    }
}

fn wired(io: impl ByteStream + 'static) -> Stream {
    Stream::new(Box::new(io), BytesMut::new())
}

/// Begins HTTP/2. Pingora's own handshake sets no bound on heads: the `h2` crate then takes 16 MiB.
async fn handshake<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: T) -> Result<ConnectionRef> {
    let begun = h2::client::Builder::new()
        .enable_push(false)
        .initial_max_send_streams(STREAMS as usize)
        .max_frame_size(FRAME)
        .max_header_list_size(HEAD_BYTES)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .handshake(stream)
        .await;
    let (sender, connection) = begun.or_err(ErrorType::HandshakeError, "during the HTTP/2 handshake")?;
    let (closed, is_closed) = watch::channel(false);
    // Neither is of use: no pings are sent, and nobody asks a connection who it is.
    let (timed_out, id) = (Arc::default(), 0);
    tokio::spawn(drive_connection(connection, id, closed, None, Arc::clone(&timed_out)));
    Ok(ConnectionRef::new(sender, is_closed, timed_out, id, STREAMS as usize, Digest::default()))
}

async fn within<T>(limit: Duration, connecting: impl Future<Output = Result<T>>) -> Result<T> {
    match timeout(limit, connecting).await {
        Ok(connected) => connected.map_err(Error::into_up),
        Err(_) => Err(Error::explain(ErrorType::ConnectTimedout, format!("no connection after {limit:?}")).into_up()),
    }
}

async fn dial(address: SocketAddr, stall: Duration, files: &Files) -> Result<Socket> {
    let file =
        files.take().ok_or_else(|| Error::explain(ErrorType::SocketError, "as many files are open as may be"))?;
    let dialled = TcpStream::connect(address).await.and_then(|socket| prepare(&socket, stall).map(|()| socket));
    let dialled = dialled.map(|socket| Socket::new(socket, file));
    dialled.map_err(|error| Error::because(kind(&error), format!("to {address}"), error))
}

/// A socket is given up when its peer has acknowledged nothing for the time of `stall` (RFC 5482): a machine that is
/// gone says nothing.
fn prepare(socket: &TcpStream, stall: Duration) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let options = SockRef::from(socket);
    options.set_tcp_keepalive(&keepalive::SOCKET)?;
    #[cfg(target_os = "linux")]
    options.set_tcp_user_timeout(Some(stall.min(LONGEST_STALL)))?;
    Ok(())
}

/// Tells what is used up in this machine from what endpoints do.
fn kind(error: &io::Error) -> ErrorType {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse, _) => ErrorType::BindError,
        (io::ErrorKind::OutOfMemory, _) | (_, Some(EMFILE | ENFILE)) => ErrorType::SocketError,
        (io::ErrorKind::TimedOut, _) => ErrorType::ConnectTimedout,
        _ => ErrorType::ConnectError,
    }
}

async fn encrypted(socket: Socket, address: SocketAddr, config: &Arc<ClientConfig>) -> Result<TlsStream<Socket>> {
    // An address is not sent as a server name; sessions are kept by it.
    let name = ServerName::IpAddress(address.ip().into());
    let encrypted = TlsConnector::from(Arc::clone(config)).connect(name, socket).await;
    encrypted.or_err_with(ErrorType::TLSHandshakeFailure, || format!("with {address}"))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn what_is_used_up_here_is_told_from_what_endpoints_do() {
        for (code, wanted) in [
            (23, ConnectFailure::Files),
            (24, ConnectFailure::Files),
            (12, ConnectFailure::Files),
            (98, ConnectFailure::Ports),
            (99, ConnectFailure::Ports),
            (101, ConnectFailure::Refused),
            (104, ConnectFailure::Refused),
            (110, ConnectFailure::Timeout),
            (111, ConnectFailure::Refused),
            (113, ConnectFailure::Refused),
        ] {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(failure(&Error::because(kind(&error), "to an endpoint", error)), wanted, "{code}");
        }
    }

    #[tokio::test]
    async fn rfc_5482_a_peer_that_acknowledges_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (stall, wanted) in [(Duration::from_secs(7), Duration::from_secs(7)), (Duration::MAX, LONGEST_STALL)] {
            let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            prepare(&socket, stall).unwrap();
            assert_eq!(SockRef::from(&socket).tcp_user_timeout().unwrap(), Some(wanted));
        }
    }
}
