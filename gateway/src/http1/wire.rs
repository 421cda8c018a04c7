//! Writes that never wait.
//!
//! Who waits for a peer to take bytes cannot read from it meanwhile, and two parties that both wait so never go on. Here
//! what the socket does not take is kept, every read sends on what is kept, and [`Unsent`] tells the exchange when it
//! may bring more.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Writes shorter than this are joined: a head and a short body in one packet.
const JOINED: usize = 2048;

/// The bytes of a connection, plain or TLS.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> ByteStream for T {}

/// A socket that takes every byte at once.
pub(super) struct Wire(Arc<Mutex<Shared>>);

/// What was written to a connection and is not sent.
#[derive(Clone)]
pub(crate) struct Unsent(Arc<Mutex<Shared>>);

/// What a [`Wire`] and its [`Unsent`] share. Both are used by one task: nobody waits for the lock.
struct Shared {
    io: Box<dyn ByteStream>,
    /// Bytes that were written, from `sent` on not yet taken by the socket.
    kept: Vec<u8>,
    sent: usize,
    taken: u64,
    /// Whether the socket's layers may hold bytes of their own.
    dirty: bool,
    /// Whether the peer takes no more bytes. It may still send some.
    broken: bool,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn is_sent(&self) -> bool {
        self.kept.is_empty() && !self.dirty
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

    /// Takes all of `bytes`: a long write goes to the socket at once, as far as that takes it.
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        let mut taken = 0;
        if self.kept.is_empty() && bytes.len() >= JOINED {
            if let Poll::Ready(read) = Pin::new(&mut self.io).poll_write(cx, bytes) {
                taken = self.noticing(read)?;
            }
            self.dirty = true;
        }
        self.kept.extend_from_slice(bytes.get(taken..).unwrap_or_default());
        Ok(())
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
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

    fn check(&self) -> io::Result<()> {
        if self.broken { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
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

impl Wire {
    pub(super) fn new(io: Box<dyn ByteStream>) -> Self {
        let shared = Shared { io, kept: Vec::new(), sent: 0, taken: 0, dirty: false, broken: false };
        Self(Arc::new(Mutex::new(shared)))
    }

    pub(super) fn unsent(&self) -> Unsent {
        Unsent(Arc::clone(&self.0))
    }

    /// Keeps what `put` appends, to be sent with what follows.
    pub(super) fn keep(&self, put: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut shared = lock(&self.0);
        shared.check()?;
        put(&mut shared.kept);
        Ok(())
    }
}

impl Unsent {
    /// Whether there is nothing to wait for.
    pub(crate) fn is_empty(&self) -> bool {
        let shared = lock(&self.0);
        shared.is_sent() && !shared.broken
    }

    /// Bytes the socket has taken since the connection began, of those it did not take at once.
    pub(crate) fn taken(&self) -> u64 {
        lock(&self.0).taken
    }

    /// Sends what the socket takes; ready when nothing is left, or when the peer takes no more.
    pub(crate) fn poll_sent(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).poll_send(cx)
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        // Who waits for the peer has said what he had to say. A peer that takes no more may yet have answered.
        if !shared.is_sent() {
            let _ = shared.poll_send(cx);
        }
        Pin::new(&mut shared.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
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
        let mut wire = Wire::new(Box::new(ours));
        let unsent = wire.unsent();
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
        let mut wire = Wire::new(Box::new(ours));
        let unsent = wire.unsent();
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
    async fn what_a_peer_has_said_is_read_even_if_it_takes_no_more() {
        let (ours, mut theirs) = duplex(64);
        let mut wire = Wire::new(Box::new(ours));
        let unsent = wire.unsent();
        theirs.write_all(b"too much").await.unwrap();
        drop(theirs);
        wire.write_all(&[0; 5000]).await.unwrap_err();
        assert!(poll_fn(|cx| unsent.poll_sent(cx)).await.is_err());
        let mut said = Vec::new();
        wire.read_to_end(&mut said).await.unwrap();
        assert_eq!(said, b"too much");
    }
}
