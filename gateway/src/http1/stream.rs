//! A connection's bytes: those that were read and not used, then those of the socket.

use std::future::poll_fn;
use std::io;
use std::mem::{MaybeUninit, take};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::wire::{ByteStream, Unsent, Wire};

/// Bytes of one read while nobody knows what will come: on the stack, so that a connection that is silent has none.
const ANY: usize = 16 * 1024;

/// Bytes of one read of a body.
const BODY: usize = 64 * 1024;

/// A connection whose writes never wait.
pub(crate) struct Stream {
    wire: Wire,
    waiting: BytesMut,
}

impl Stream {
    /// The connection, of which some bytes were read.
    pub(crate) fn new(io: Box<dyn ByteStream>, waiting: BytesMut) -> Self {
        Self { wire: Wire::new(io), waiting }
    }

    /// What was written and is not sent.
    pub(crate) fn unsent(&self) -> Unsent {
        self.wire.unsent()
    }

    /// Bytes that have arrived and nobody has used.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.waiting
    }

    /// The same, to be used up from the front.
    pub(super) fn waiting_mut(&mut self) -> &mut BytesMut {
        &mut self.waiting
    }

    /// Uses up so many of the bytes that wait.
    pub(crate) fn split(&mut self, length: usize) -> BytesMut {
        if length == self.waiting.len() { take(&mut self.waiting) } else { self.waiting.split_to(length) }
    }

    /// Reads what has arrived; 0 when the peer says no more.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx, usize::MAX)).await
    }

    /// The same, at most so many bytes.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); ANY];
        let mut buf = ReadBuf::uninit(space.get_mut(..most.clamp(1, ANY)).unwrap_or_default());
        ready!(Pin::new(&mut self.wire).poll_read(cx, &mut buf))?;
        self.waiting.extend_from_slice(buf.filled());
        Poll::Ready(Ok(buf.filled().len()))
    }

    /// The same where at least `certain` bytes are to come: many are read to where they stay.
    pub(super) fn poll_fill_body(
        &mut self,
        cx: &mut Context<'_>,
        certain: u64,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let length = usize::try_from(certain).unwrap_or(usize::MAX).min(BODY).min(most);
        if length <= ANY {
            return self.poll_fill(cx, most);
        }
        // What is left of a buffer is used up: a small part that waits to be sent must not keep a large one.
        let room = self.waiting.capacity() - self.waiting.len();
        if room < ANY {
            self.waiting.reserve(length);
        }
        let mut part = (&mut self.wire).take(length as u64);
        pin!(part.read_buf(&mut self.waiting)).poll(cx)
    }

    /// Keeps what `put` appends, to be sent with what follows.
    pub(super) fn keep(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.wire.keep(put)
    }

    /// Takes all of `bytes`.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        poll_fn(|cx| Pin::new(&mut self.wire).poll_write(cx, bytes)).await.map(drop)
    }

    /// Begins to send what was written.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| Pin::new(&mut self.wire).poll_flush(cx)).await
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.waiting.is_empty() {
            return Pin::new(&mut self.wire).poll_read(cx, buf);
        }
        let length = self.waiting.len().min(buf.remaining());
        buf.put_slice(self.waiting.get(..length).unwrap_or_default());
        self.waiting.advance(length);
        if self.waiting.is_empty() {
            self.waiting = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_read_takes_its_part_and_loses_nothing() {
        let sent: Vec<u8> = (0..100_000u32).map(|at| at.to_le_bytes()[0]).collect();
        let (ours, mut theirs) = duplex(sent.len());
        let mut stream = Stream::new(Box::new(ours), BytesMut::new());
        theirs.write_all(&sent).await.unwrap();
        let mut got = Vec::new();
        for (certain, most, wanted) in [(9, 3, 3), (0, 0, 1), (1 << 40, 20_000, 20_000), (50_000, usize::MAX, 50_000)] {
            let read = poll_fn(|cx| stream.poll_fill_body(cx, certain, most)).await.unwrap();
            assert_eq!(read, wanted, "{certain} {most}");
            got.extend_from_slice(&stream.waiting_mut().split_to(read));
        }
        assert!(sent.starts_with(&got));
    }

    #[tokio::test]
    async fn what_was_read_and_not_used_comes_first() {
        let (ours, mut theirs) = duplex(64);
        let mut stream = Stream::new(Box::new(ours), BytesMut::from("ab"));
        theirs.write_all(b"cd").await.unwrap();
        let mut read = [0; 4];
        stream.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"abcd");
    }
}
