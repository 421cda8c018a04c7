//! A client's byte stream as Pingora wants it: it gives out one request's bytes and no more, so that
//! every head passes our scanner, and it joins small writes.

use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufWriter, ReadBuf};

use super::chunks::ChunkScanner;
use super::head::Framing;

/// Bytes of small writes that are joined: a response head and a short body in one packet.
const WRITE_BUFFER: usize = 2048;

/// Bytes of one read of a head.
const HEAD_READ: usize = 4096;

/// Bytes of later requests that may wait while one is served; then the client has to.
const PIPELINED: usize = 64 * 1024;

/// Bytes that are still taken from a client that was refused.
const LINGER: usize = 256 * 1024;

/// How many of the client's bytes the reader may still have.
#[derive(Debug)]
enum Gate {
    /// All of them.
    Open,
    /// So many.
    Length(u64),
    /// Those up to the end of the chunked body.
    Chunked(ChunkScanner),
    /// None: the request is complete. That the client leaves is still told.
    Closed,
}

/// A client's stream, plain or TLS.
pub(super) struct ClientStream<T> {
    io: BufWriter<T>,
    waiting: BytesMut,
    gate: Gate,
    fd: RawFd,
}

impl<T: AsyncRead + AsyncWrite + Unpin> ClientStream<T> {
    /// Wraps a stream whose gate is open; `fd` identifies it among open ones.
    pub(super) fn new(io: T, fd: RawFd) -> Self {
        let io = BufWriter::with_capacity(WRITE_BUFFER, io);
        Self { io, waiting: BytesMut::new(), gate: Gate::Open, fd }
    }

    /// Bytes that have arrived and nobody has read.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.waiting
    }

    /// Reads what has arrived, without a buffer while nothing has; 0 when the client has left.
    pub(super) async fn fill(&mut self) -> std::io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// Cuts the head of `length` bytes off and lets the reader have the body that follows it.
    pub(super) fn begin(&mut self, length: usize, framing: Framing) -> BytesMut {
        self.gate = match framing {
            Framing::Empty => Gate::Closed,
            Framing::Length(length) => Gate::Length(length),
            Framing::Chunked => Gate::Chunked(ChunkScanner::default()),
            Framing::Upgrade => Gate::Open,
        };
        if length == self.waiting.len() { std::mem::take(&mut self.waiting) } else { self.waiting.split_to(length) }
    }

    /// Sends the connection's last bytes and takes what the client still has to say, so that the
    /// kernel does not throw them away with a reset (RFC 9112 §9.6).
    pub(super) async fn send_last(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.shutdown().await?;
        let mut left = LINGER;
        while left > 0 {
            self.waiting.clear();
            match self.fill().await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        Ok(())
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); HEAD_READ];
        let mut buf = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf))?;
        self.waiting.extend_from_slice(buf.filled());
        Poll::Ready(Ok(buf.filled().len()))
    }

    /// Reads into `buf` from what is waiting, else from the socket.
    fn poll_bytes(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if self.waiting.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let length = self.waiting.len().min(buf.remaining());
        buf.put_slice(self.waiting.get(..length).unwrap_or_default());
        self.waiting.advance(length);
        Poll::Ready(Ok(()))
    }

    /// Waits for the client to leave; keeps what it sends meanwhile for the next request.
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        while self.waiting.len() < PIPELINED {
            if ready!(self.poll_fill(cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Pending
    }
}

impl<T> fmt::Debug for ClientStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientStream").field("fd", &self.fd).finish_non_exhaustive()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for ClientStream<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        // Who waits for the client has said what he had to say: a response head must not wait for its body.
        if !self.io.buffer().is_empty() {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        }
        if matches!(self.gate, Gate::Closed) {
            return self.poll_left(cx);
        }
        let before = buf.filled().len();
        ready!(self.poll_bytes(cx, buf))?;
        let read = buf.filled().get(before..).unwrap_or_default();
        let wanted = self.gate.pass(read)?;
        if wanted < read.len() {
            let beyond = read.get(wanted..).unwrap_or_default();
            self.waiting = [beyond, &self.waiting].concat().as_slice().into();
            buf.set_filled(before + wanted);
        }
        Poll::Ready(Ok(()))
    }
}

impl Gate {
    /// How many of the bytes just read belong to the request; closes after its last one.
    fn pass(&mut self, read: &[u8]) -> std::io::Result<usize> {
        let (wanted, ended) = match self {
            Self::Open => (read.len(), false),
            Self::Closed => (0, true),
            Self::Length(left) => {
                let wanted = usize::try_from(*left).unwrap_or(usize::MAX).min(read.len());
                *left -= wanted as u64;
                (wanted, *left == 0)
            }
            Self::Chunked(scanner) => {
                let wanted = scanner.advance(read).map_err(std::io::Error::other)?;
                (wanted, scanner.done())
            }
        };
        if ended {
            *self = Self::Closed;
        }
        Ok(wanted)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ClientStream<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[async_trait]
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Shutdown for ClientStream<T> {
    async fn shutdown(&mut self) {
        // The peer may be gone already; there is nobody to tell.
        let _ = AsyncWriteExt::shutdown(&mut self.io).await;
    }
}

impl<T> UniqueID for ClientStream<T> {
    fn id(&self) -> i32 {
        self.fd
    }
}

impl<T> Ssl for ClientStream<T> {}

impl<T> Peek for ClientStream<T> {}

impl<T> GetTimingDigest for ClientStream<T> {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl<T> GetProxyDigest for ClientStream<T> {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl<T> GetSocketDigest for ClientStream<T> {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}
