//! An HTTP/2 connection's byte stream, which is read slower, or ends, when the client floods it with frames.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::frames::{Flooded, FrameScanner};
use super::stream::ClientStream;
use crate::settings::Limits;

/// Bytes that are read at once of a client that cancels too much: some ten requests.
const SIP: usize = 512;

/// A client's stream whose frames are counted.
#[derive(Debug)]
pub(super) struct Scanned<T> {
    io: T,
    /// Bytes that were read while the protocol was not known.
    waiting: BytesMut,
    frames: Box<FrameScanner>,
    /// Until its end nothing is read.
    pause: Option<Pin<Box<Sleep>>>,
}

impl<T: AsyncRead + Unpin> Scanned<T> {
    /// The same stream, and whether it was flooded.
    pub(super) fn new(stream: ClientStream<T>, limits: &Limits) -> (Self, Flooded) {
        let (io, waiting) = stream.into_parts();
        let flooded = Flooded::default();
        let frames = Box::new(FrameScanner::new(limits, flooded.clone()));
        (Self { io, waiting, frames, pause: None }, flooded)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Scanned<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let before = buf.filled().len();
        if !self.waiting.is_empty() {
            let length = self.waiting.len().min(buf.remaining());
            buf.put_slice(&self.waiting.split_to(length));
            if self.waiting.is_empty() {
                self.waiting = BytesMut::new();
            }
        } else if self.frames.is_slowed() {
            let mut sip = ReadBuf::new(buf.initialize_unfilled_to(SIP.min(buf.remaining())));
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut sip))?;
            let length = sip.filled().len();
            buf.advance(length);
        } else {
            ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        }
        let read = buf.filled().get(before..).unwrap_or_default();
        let received = self.frames.received(read);
        self.pause = self.frames.pause().map(|pause| Box::pin(sleep(pause)));
        Poll::Ready(received.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Scanned<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        self.frames.sent(written);
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
        self.frames.sent(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
