//! A client's byte stream: it gives out one request's bytes and no more, so that every head passes our
//! scanner.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::chunks::ChunkScanner;
use super::frames::{Flooded, FrameScanner};
use super::head::Framing;
use crate::settings::Limits;
use crate::wire::{Unsent, Wire};

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
    /// None before the request is granted, then all of them.
    Granted(Grant),
    /// All of them, as frames of HTTP/2 that are counted.
    Frames(Box<FrameScanner>),
    /// None: the request is complete. That the client leaves is still told.
    Closed,
}

/// Opens a stream once the WebSocket it asks for is granted; what the client has sent before waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grant(Arc<AtomicBool>);

impl Grant {
    /// Lets all bytes pass from now on.
    pub(crate) fn give(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_given(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A client's stream, plain or TLS.
#[derive(Debug)]
pub(super) struct ClientStream<T> {
    io: T,
    waiting: BytesMut,
    gate: Gate,
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> ClientStream<T> {
    /// The same stream with writes that never wait.
    pub(super) fn wired(self) -> (ClientStream<Wire<T>>, Arc<dyn Unsent>) {
        let (io, unsent) = Wire::new(self.io);
        (ClientStream { io, waiting: self.waiting, gate: self.gate }, unsent)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> ClientStream<T> {
    /// Wraps a stream whose gate is open.
    pub(super) fn new(io: T) -> Self {
        Self { io, waiting: BytesMut::new(), gate: Gate::Open }
    }

    /// The same stream, which ends when the client floods it with frames.
    pub(super) fn counted(self, limits: &Limits) -> (Self, Flooded) {
        let flooded = Flooded::default();
        let gate = Gate::Frames(Box::new(FrameScanner::new(limits, flooded.clone())));
        (Self { gate, ..self }, flooded)
    }

    /// Bytes that have arrived and nobody has read.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.waiting
    }

    /// Reads what has arrived, without a buffer while nothing has; 0 when the client has left.
    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// Cuts the head of `length` bytes off and lets the reader have the body that follows it.
    pub(super) fn begin(&mut self, length: usize, framing: Framing) -> BytesMut {
        self.gate = match framing {
            Framing::Empty => Gate::Closed,
            Framing::Length(length) => Gate::Length(length),
            Framing::Chunked => Gate::Chunked(ChunkScanner::default()),
            Framing::Upgrade => Gate::Granted(Grant::default()),
        };
        if length == self.waiting.len() { std::mem::take(&mut self.waiting) } else { self.waiting.split_to(length) }
    }

    /// What the current request asks for.
    pub(super) fn grant(&self) -> Option<Grant> {
        if let Gate::Granted(grant) = &self.gate { Some(grant.clone()) } else { None }
    }

    /// Sends the connection's last bytes and takes what the client still has to say, so that the
    /// kernel does not throw them away with a reset (RFC 9112 §9.6).
    pub(super) async fn send_last(&mut self, bytes: &[u8]) -> io::Result<()> {
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

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); HEAD_READ];
        let mut buf = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf))?;
        self.waiting.extend_from_slice(buf.filled());
        Poll::Ready(Ok(buf.filled().len()))
    }

    /// Reads into `buf` from what is waiting, else from the socket.
    fn poll_bytes(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.waiting.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let length = self.waiting.len().min(buf.remaining());
        buf.put_slice(self.waiting.get(..length).unwrap_or_default());
        self.waiting.advance(length);
        Poll::Ready(Ok(()))
    }

    /// Waits for the client to leave; keeps what it sends meanwhile for the next request.
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.waiting.len() < PIPELINED {
            if ready!(self.poll_fill(cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Pending
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for ClientStream<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.gate.is_closed() {
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
    fn is_closed(&self) -> bool {
        match self {
            Self::Closed => true,
            Self::Granted(grant) => !grant.is_given(),
            Self::Open | Self::Length(_) | Self::Chunked(_) | Self::Frames(_) => false,
        }
    }

    /// Notes bytes that the client was sent.
    fn sent(&mut self, length: usize) {
        if let Self::Frames(scanner) = self {
            scanner.sent(length);
        }
    }

    /// How many of the bytes just read belong to the request; closes after its last one.
    fn pass(&mut self, read: &[u8]) -> io::Result<usize> {
        let (wanted, ended) = match self {
            Self::Open | Self::Granted(_) => (read.len(), false),
            Self::Frames(scanner) => {
                scanner.received(read).map_err(invalid)?;
                (read.len(), false)
            }
            Self::Closed => (0, true),
            Self::Length(left) => {
                let wanted = usize::try_from(*left).unwrap_or(usize::MAX).min(read.len());
                *left -= wanted as u64;
                (wanted, *left == 0)
            }
            Self::Chunked(scanner) => {
                let wanted = scanner.advance(read).map_err(invalid)?;
                (wanted, scanner.done())
            }
        };
        if ended {
            *self = Self::Closed;
        }
        Ok(wanted)
    }
}

/// The client's own framing is at fault.
fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ClientStream<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        self.gate.sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs))?;
        self.gate.sent(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
