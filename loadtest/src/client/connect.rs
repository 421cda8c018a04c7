//! Opens connections: TCP, through a proxy if asked to, and TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::failure::{Failure, Kind};
use crate::prepared::Route;

/// Bytes of a proxy's answer to CONNECT at most.
const PROXY_HEAD: usize = 16 << 10;

/// An open connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// An open connection, and what it took.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) stream: Stream,
    pub(crate) resolve: Duration,
    pub(crate) connect: Duration,
}

/// Connects.
pub(crate) async fn connect(route: &Route) -> Result<Connected, Failure> {
    let begin = Instant::now();
    let (host, port) = &route.address;
    let addresses = resolve(host, *port).await?;
    let resolved = Instant::now();
    let mut tcp = tcp(&addresses).await?;
    if let Some(to) = &route.tunnel {
        tunnel(&mut tcp, to).await?;
    }
    let stream = match &route.tls {
        None => Stream::Plain(tcp),
        Some((config, name)) => {
            let connector = TlsConnector::from(std::sync::Arc::clone(config));
            let shaken = connector.connect(name.clone(), tcp).await;
            Stream::Tls(Box::new(shaken.map_err(|error| Failure::new(Kind::Tls, format!("TLS: {error}")))?))
        }
    };
    let resolve = if host.parse::<IpAddr>().is_ok() { Duration::ZERO } else { resolved - begin };
    Ok(Connected { stream, resolve, connect: begin.elapsed() })
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    let found = lookup_host((host, port)).await;
    let found = found.map_err(|error| Failure::new(Kind::Resolve, format!("look up {host}: {error}")))?;
    Ok(found.collect())
}

/// The first address that answers.
async fn tcp(addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
    let mut failure = Failure::new(Kind::Resolve, "the host has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Slower without it, not wrong.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => failure = Failure::connect(&address.to_string(), &error),
        }
    }
    Err(failure)
}

/// Asks a proxy for a connection to `to` (RFC 9110 §9.3.6).
async fn tunnel(stream: &mut TcpStream, to: &str) -> Result<(), Failure> {
    let failed = |why: String| Failure::new(Kind::Connect, format!("proxy: {why}"));
    let request = format!("CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head is the server's.
    while !head.ends_with(b"\r\n\r\n") && head.len() < PROXY_HEAD {
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head);
    let line = text.lines().next().unwrap_or_default();
    match line.split(' ').nth(1) {
        Some(code) if code.starts_with('2') => Ok(()),
        _ => Err(failed(line.to_owned())),
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
