//! One accepted connection: TLS if the listener asks for it, then the protocol it speaks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http::HeaderValue;
use net_pingora_routing::Listener;
use pingora_timeout::timeout;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::stream::ClientStream;
use super::worker::WorkerContext;
use super::{http1, http2, proxy_protocol};
use crate::observe::metrics::{ListenerMetrics, Refusal};
use crate::settings::{ListenerSettings, LiveSettings};

/// How HTTP/2 by prior knowledge begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What all requests of a connection share.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// Name of the listener.
    pub(crate) listener: &'static str,
    /// Which rules apply.
    pub(crate) kind: Listener,
    /// Whether the client spoke TLS.
    pub(crate) tls: bool,
    /// When it began.
    pub(crate) since: Instant,
    /// The settings it began with.
    pub(crate) settings: Arc<LiveSettings>,
    /// The other end of the socket.
    pub(crate) peer: SocketAddr,
    /// Its address, as `X-Forwarded-For` tells it.
    pub(crate) forwarded_for: HeaderValue,
}

impl Connection {
    fn new(peer: SocketAddr, listener: &ListenerSettings, settings: Arc<LiveSettings>) -> Self {
        let forwarded_for = HeaderValue::try_from(peer.ip().to_string()).unwrap_or(HeaderValue::from_static("unknown"));
        Self {
            listener: listener.name,
            kind: listener.kind,
            tls: listener.tls,
            since: Instant::now(),
            settings,
            peer,
            forwarded_for,
        }
    }

    /// Whether it should end with the request it serves.
    pub(crate) fn is_old(&self) -> bool {
        self.settings.timeouts.connection_age.is_some_and(|age| self.since.elapsed() >= age)
    }
}

/// What a connection turned out to speak.
enum Spoken {
    Http1,
    Http2,
    Nothing,
}

/// Serves one connection to its end. What only some connections need is boxed: an idle one is small.
pub(super) async fn serve(
    socket: TcpStream,
    peer: SocketAddr,
    listener: &ListenerSettings,
    metrics: &ListenerMetrics,
    worker: &Arc<WorkerContext>,
) {
    if let Err(refusal) = accepted(socket, peer, listener, worker).await {
        metrics.refused(refusal);
    }
}

async fn accepted(
    mut socket: TcpStream,
    peer: SocketAddr,
    listener: &ListenerSettings,
    worker: &Arc<WorkerContext>,
) -> Result<(), Refusal> {
    let settings = worker.settings.load();
    // A dual-stack socket shows IPv4 clients as ::ffff:a.b.c.d.
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let client = if speaks_proxy_protocol(peer, listener, &settings) {
        Box::pin(introduced(&mut socket, peer, &settings)).await?
    } else {
        peer
    };
    let limit = settings.limits.connections_per_address;
    let _place = worker.addresses.take(client.ip(), limit).ok_or(Refusal::Address)?;
    let connection = Arc::new(Connection::new(client, listener, settings));
    if listener.tls {
        return Box::pin(encrypted(socket, connection, worker)).await;
    }
    plain(ClientStream::new(socket), connection, worker).await
}

fn speaks_proxy_protocol(peer: SocketAddr, listener: &ListenerSettings, settings: &LiveSettings) -> bool {
    listener.kind == Listener::External && settings.proxy_protocol.iter().any(|network| network.contains(&peer.ip()))
}

/// The client that a load balancer speaks for; itself, if it says nothing of one.
async fn introduced(socket: &mut TcpStream, peer: SocketAddr, settings: &LiveSettings) -> Result<SocketAddr, Refusal> {
    let header = timeout(settings.timeouts.head, proxy_protocol::read(socket)).await;
    let client = header.map_err(|_| Refusal::Timeout)?.map_err(|error| {
        tracing::debug!(%error, %peer, "no PROXY header");
        Refusal::ProxyHeader
    })?;
    Ok(client.map_or(peer, |client| SocketAddr::new(client.ip().to_canonical(), client.port())))
}

async fn encrypted(socket: TcpStream, connection: Arc<Connection>, worker: &Arc<WorkerContext>) -> Result<(), Refusal> {
    let stream = handshake(socket, &connection, worker).await?;
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    // Boxed, because it is moved from one protocol's future into the next.
    let stream = ClientStream::new(Box::new(stream));
    speak(if h2 { Spoken::Http2 } else { Spoken::Http1 }, stream, connection, worker).await
}

/// A handshake within its deadline, if not too many are in progress already.
async fn handshake(
    socket: TcpStream,
    connection: &Connection,
    worker: &Arc<WorkerContext>,
) -> Result<TlsStream<TcpStream>, Refusal> {
    let settings = &connection.settings;
    let _permit = worker.handshakes.take(settings.limits.handshakes).ok_or(Refusal::Handshakes)?;
    let acceptor = worker.tls.of(connection.kind, &settings.tls).ok_or(Refusal::Handshake)?;
    let handshake = timeout(settings.timeouts.handshake, acceptor.accept(socket)).await;
    handshake.map_err(|_| Refusal::Timeout)?.map_err(|error| {
        tracing::debug!(%error, client = %connection.peer, "TLS handshake failed");
        Refusal::Handshake
    })
}

async fn plain(
    mut stream: ClientStream<TcpStream>,
    connection: Arc<Connection>,
    worker: &Arc<WorkerContext>,
) -> Result<(), Refusal> {
    let timeouts = connection.settings.timeouts;
    let first = timeout(timeouts.idle, worker.unless_draining(stream.fill())).await;
    if !matches!(first.map_err(|_| Refusal::Timeout)?, Some(Ok(read)) if read > 0) {
        return Ok(());
    }
    let spoken = timeout(timeouts.head, sniff(&mut stream)).await.map_err(|_| Refusal::Timeout)?;
    speak(spoken, stream, connection, worker).await
}

async fn speak<T>(
    spoken: Spoken,
    stream: ClientStream<T>,
    connection: Arc<Connection>,
    worker: &Arc<WorkerContext>,
) -> Result<(), Refusal>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
{
    match spoken {
        Spoken::Http1 => Box::pin(http1::serve(stream, connection, worker)).await,
        Spoken::Http2 => return Box::pin(http2::serve(stream, connection, worker)).await,
        Spoken::Nothing => {}
    }
    Ok(())
}

/// Tells HTTP/2 by its preface, byte by byte: a short HTTP/1 request must not wait for more.
async fn sniff(stream: &mut ClientStream<TcpStream>) -> Spoken {
    loop {
        let seen = stream.waiting();
        if seen.starts_with(PREFACE) {
            return Spoken::Http2;
        }
        if !PREFACE.starts_with(seen) {
            return Spoken::Http1;
        }
        if !matches!(stream.fill().await, Ok(read) if read > 0) {
            return Spoken::Nothing;
        }
    }
}
