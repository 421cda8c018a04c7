//! A byte stream whose writes never wait.
//!
//! Pingora's HTTP/1 sessions read and write through one `&mut`: whoever waits for a peer to take
//! bytes cannot read from it meanwhile, and two parties that both wait so never go on. Here what
//! the socket does not take is kept, every read sends on what is kept, and an [`Unsent`] tells the
//! exchange when it may bring more.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Writes shorter than this are joined: a head and a short body in one packet.
const JOINED: usize = 2048;

/// A stream that takes every byte at once.
#[derive(Debug)]
pub(crate) struct Wire<T>(Arc<Mutex<Shared<T>>>);

/// What the stream and its [`Unsent`] share. Both are used by one task: nobody waits for the lock.
#[derive(Debug)]
struct Shared<T> {
    io: T,
    /// Bytes that were written, from `sent` on not yet taken by the socket.
    kept: Vec<u8>,
    sent: usize,
    taken: u64,
    /// Whether the stream below may hold bytes of its own.
    dirty: bool,
    /// Whether the peer takes no more bytes. It may still send some.
    broken: bool,
    /// Bytes that are read at once.
    part: usize,
}

/// What was written to a [`Wire`] and is not sent.
pub(crate) trait Unsent: Send + Sync {
    /// Whether there is nothing to wait for.
    fn is_empty(&self) -> bool;

    /// Bytes the socket has taken since the stream began, of those it did not take at once.
    fn taken(&self) -> u64;

    /// From now on, reads so many bytes at once and no more.
    fn limit_reads(&self, bytes: usize);

    /// Sends what the socket takes; ready when nothing is left, or when the peer takes no more.
    fn poll_sent(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Wire<T> {
    /// The stream, and what tells of its unsent bytes.
    pub(crate) fn new(io: T) -> (Self, Arc<dyn Unsent>) {
        let shared = Shared { io, kept: Vec::new(), sent: 0, taken: 0, dirty: false, broken: false, part: usize::MAX };
        let shared = Arc::new(Mutex::new(shared));
        let unsent: Arc<dyn Unsent> = Arc::clone(&shared) as _;
        (Self(shared), unsent)
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Shared<T> {
    fn is_sent(&self) -> bool {
        self.kept.is_empty() && !self.dirty
    }

    /// Keeps bytes for later.
    fn keep(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
    }

    /// Forgets what was sent, and the memory of what was long.
    fn clear(&mut self) {
        self.sent = 0;
        if self.kept.capacity() > JOINED {
            self.kept = Vec::new();
        } else {
            self.kept.clear();
        }
    }
}

impl<T: AsyncWrite + Unpin> Shared<T> {
    /// Takes all of `bytes`: a long write goes to the socket at once, as far as that takes it.
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<()> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if !self.kept.is_empty() || bytes.len() < JOINED {
            self.keep(bytes);
            return Ok(());
        }
        let taken = match Pin::new(&mut self.io).poll_write(cx, bytes) {
            Poll::Ready(taken) => self.noticing(taken)?,
            Poll::Pending => 0,
        };
        self.dirty = true;
        self.keep(bytes.get(taken..).unwrap_or_default());
        Ok(())
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        while self.sent < self.kept.len() {
            let rest = self.kept.get(self.sent..).unwrap_or_default();
            let taken = ready!(Pin::new(&mut self.io).poll_write(cx, rest));
            let taken = self.noticing(taken)?;
            self.dirty = true;
            self.sent += taken;
            self.taken += taken as u64;
        }
        self.clear();
        if self.dirty {
            let flushed = ready!(Pin::new(&mut self.io).poll_flush(cx));
            self.noticing(flushed.map(|()| 1))?;
            self.dirty = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Remembers that the peer takes no more.
    fn noticing(&mut self, taken: io::Result<usize>) -> io::Result<usize> {
        let taken = taken.and_then(|taken| if taken == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(taken) });
        if taken.is_err() {
            self.broken = true;
            self.clear();
        }
        taken
    }
}

impl<T: AsyncWrite + Unpin + Send> Unsent for Mutex<Shared<T>> {
    fn is_empty(&self) -> bool {
        let shared = lock(self);
        shared.is_sent() && !shared.broken
    }

    fn taken(&self) -> u64 {
        lock(self).taken
    }

    fn limit_reads(&self, bytes: usize) {
        lock(self).part = bytes.max(1);
    }

    fn poll_sent(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(self).poll_send(cx)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        // Who waits for the peer has said what he had to say. A peer that takes no more may yet have answered.
        if !shared.is_sent() {
            let _ = shared.poll_send(cx);
        }
        if buf.remaining() <= shared.part {
            return Pin::new(&mut shared.io).poll_read(cx, buf);
        }
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(shared.part));
        ready!(Pin::new(&mut shared.io).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(lock(&self.0).write(cx, buf).map(|()| buf.len()))
    }

    /// Begins to send; [`Unsent`] tells the end.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match lock(&self.0).poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        ready!(shared.poll_send(cx))?;
        Pin::new(&mut shared.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_peer_that_does_not_read_holds_up_no_writer_and_gets_everything_in_order() {
        let (ours, mut theirs) = duplex(64);
        let (mut wire, unsent) = Wire::new(ours);
        let long: Vec<u8> = (0..10_000u32).map(|at| at.to_le_bytes()[0]).collect();
        wire.write_all(b"head").await.unwrap();
        wire.write_all(&long).await.unwrap();
        wire.flush().await.unwrap();
        assert!(!unsent.is_empty());
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).await.map(|_| all)
        });
        poll_fn(|cx| unsent.poll_sent(cx)).await.unwrap();
        assert!(unsent.is_empty());
        wire.shutdown().await.unwrap();
        assert_eq!(reader.await.unwrap().unwrap(), [&b"head"[..], &long].concat());
    }

    #[tokio::test]
    async fn reading_sends_what_is_kept() {
        let (ours, mut theirs) = duplex(64);
        let (mut wire, unsent) = Wire::new(ours);
        wire.write_all(b"question").await.unwrap();
        assert!(!unsent.is_empty());
        let peer = tokio::spawn(async move {
            let mut question = [0; 8];
            theirs.read_exact(&mut question).await?;
            theirs.write_all(b"answer").await
        });
        let mut answer = [0; 6];
        wire.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"answer");
        peer.await.unwrap().unwrap();
        assert!(unsent.is_empty());
    }

    #[tokio::test]
    async fn a_read_takes_its_part_and_loses_nothing() {
        let (ours, mut theirs) = duplex(64);
        let (mut wire, unsent) = Wire::new(ours);
        theirs.write_all(b"abcdefgh").await.unwrap();
        let mut read = [0; 8];
        for (limit, wanted) in [(3, &b"abc"[..]), (1, b"d"), (0, b"e"), (usize::MAX, b"fgh")] {
            unsent.limit_reads(limit);
            let length = wire.read(&mut read).await.unwrap();
            assert_eq!(&read[..length], wanted, "{limit}");
        }
    }

    #[tokio::test]
    async fn what_a_peer_has_said_is_read_even_if_it_takes_no_more() {
        let (ours, mut theirs) = duplex(64);
        let (mut wire, unsent) = Wire::new(ours);
        theirs.write_all(b"too much").await.unwrap();
        drop(theirs);
        wire.write_all(&[0; 5000]).await.unwrap_err();
        assert!(poll_fn(|cx| unsent.poll_sent(cx)).await.is_err());
        let mut said = Vec::new();
        wire.read_to_end(&mut said).await.unwrap();
        assert_eq!(said, b"too much");
    }
}
