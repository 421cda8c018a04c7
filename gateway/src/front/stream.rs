//! A client's byte stream, until its protocol is known.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes of one read.
const READ: usize = 4096;

/// A client's stream, plain or TLS, and what was read of it.
#[derive(Debug)]
pub(super) struct ClientStream<T> {
    io: T,
    waiting: BytesMut,
}

impl<T: AsyncRead + Unpin> ClientStream<T> {
    /// A stream of which nothing was read.
    pub(super) fn new(io: T) -> Self {
        Self { io, waiting: BytesMut::new() }
    }

    /// Bytes that have arrived and nobody has read.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.waiting
    }

    /// Reads what has arrived, without a buffer while nothing has; 0 when the client has left.
    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// The stream, and what was read of it.
    pub(super) fn into_parts(self) -> (T, BytesMut) {
        (self.io, self.waiting)
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); READ];
        let mut buf = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf))?;
        self.waiting.extend_from_slice(buf.filled());
        Poll::Ready(Ok(buf.filled().len()))
    }
}
