//! How much an HTTP/1 upstream may say before its response begins.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of a response's head, those of interim responses included. Envoy takes 60 KiB.
///
/// A head is kept and parsed anew with every packet until it is whole: what may be long is expensive.
pub(super) const HEAD_BYTES: u32 = 64 * 1024;

/// No head is awaited.
const UNBOUNDED: usize = usize::MAX;

/// Bytes that may still come of a head.
#[derive(Debug)]
pub(crate) struct HeadBound(AtomicUsize);

impl HeadBound {
    /// From now on a head is awaited.
    pub(super) fn begin(&self) {
        self.0.store(HEAD_BYTES as usize, Ordering::Relaxed);
    }

    /// The head is whole.
    pub(super) fn end(&self) {
        self.0.store(UNBOUNDED, Ordering::Relaxed);
    }
}

/// A stream whose reads fail where a head grows too long.
#[derive(Debug)]
pub(super) struct Bounded<T> {
    io: T,
    bound: Arc<HeadBound>,
}

impl<T> Bounded<T> {
    /// The stream, and what says when a head begins and ends.
    pub(super) fn new(io: T) -> (Self, Arc<HeadBound>) {
        let bound = Arc::new(HeadBound(AtomicUsize::new(UNBOUNDED)));
        (Self { io, bound: Arc::clone(&bound) }, bound)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Bounded<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = self.bound.0.load(Ordering::Relaxed);
        if left == 0 {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the head is too long")));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        if left != UNBOUNDED {
            self.bound.0.store(left.saturating_sub(buf.filled().len() - before), Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Bounded<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
