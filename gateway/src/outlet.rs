//! Where bytes leave: a party of an exchange takes all that is brought, and tells when it may be more.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http::HeaderMap;
use pingora_error::{Error, ErrorType, OrErr, Result};
use tokio::time::timeout_at;

use crate::http1::Unsent;
use crate::pace::{Pace, Waiting};

/// Where bytes leave.
pub(crate) enum Outlet {
    /// An HTTP/1 connection.
    Wire(Unsent),
    /// An HTTP/2 stream, and whether its last byte was brought.
    Stream(SendStream<Bytes>, bool),
    /// Nowhere: there is nothing to send, or not yet.
    Nothing,
}

impl Outlet {
    /// The outlet of a stream whose head was sent; `ended` if that was all.
    pub(crate) fn of(stream: Option<SendStream<Bytes>>, ended: bool) -> Self {
        stream.map_or(Self::Nothing, |stream| Self::Stream(stream, ended))
    }

    /// Whether more may be brought at once.
    pub(crate) fn is_clear(&mut self) -> bool {
        match self {
            Self::Wire(unsent) => unsent.is_empty(),
            Self::Stream(_, true) | Self::Nothing => true,
            Self::Stream(stream, false) => {
                stream.reserve_capacity(1);
                stream.capacity() > 0
            }
        }
    }

    /// Whether the peer lets bytes be sent at all: the zero window of an HTTP/2 stream does not.
    pub(crate) fn has_window(&mut self) -> bool {
        matches!(self, Self::Wire(_)) || self.is_clear()
    }

    /// Waits until more may be brought; an error when nothing is taken any more.
    pub(crate) async fn clear(&mut self) -> Result<()> {
        poll_fn(|cx| self.poll_clear(cx)).await
    }

    /// Bytes taken so far, of those that had to wait; an HTTP/2 stream does not tell.
    pub(crate) fn taken(&self) -> u64 {
        if let Self::Wire(unsent) = self { unsent.taken() } else { 0 }
    }

    /// Waits until everything is taken, or the peer is too slow.
    pub(crate) async fn drain(&mut self, pace: Pace) -> Result<()> {
        let mut waiting = Waiting::default();
        while !self.is_clear() {
            let Some(until) = waiting.until(true, self.taken(), pace) else { return self.clear().await };
            match timeout_at(until, self.clear()).await {
                Ok(taken) => return taken,
                Err(_) if waiting.until(true, self.taken(), pace) > Some(until) => {}
                Err(_) => return Error::e_explain(ErrorType::WriteTimedout, "the peer takes too little"),
            }
        }
        Ok(())
    }

    /// Waits until the peer gives the stream up, or, if `full`, until more may be brought.
    pub(crate) async fn watch(&mut self, full: bool) -> Result<()> {
        poll_fn(|cx| {
            if let Self::Stream(stream, _) = self
                && let Poll::Ready(reset) = stream.poll_reset(cx)
            {
                let reason = reset.or_err(ErrorType::H2Error, "while sending")?;
                return Poll::Ready(Error::e_explain(ErrorType::H2Error, format!("given up by the peer: {reason}")));
            }
            if full { self.poll_clear(cx) } else { Poll::Pending }
        })
        .await
    }

    pub(crate) fn poll_clear(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match self {
            Self::Wire(unsent) => unsent.poll_sent(cx).map(|sent| sent.or_err(ErrorType::WriteError, "while sending")),
            Self::Stream(stream, false) => match ready!(stream.poll_capacity(cx)) {
                Some(capacity) => Poll::Ready(capacity.map(drop).or_err(ErrorType::H2Error, "while sending")),
                None => Poll::Ready(Error::e_explain(ErrorType::H2Error, "the stream takes no more")),
            },
            Self::Stream(_, true) | Self::Nothing => Poll::Ready(Ok(())),
        }
    }

    /// Brings bytes to a stream; `end` when they are the last.
    pub(crate) fn send(&mut self, data: Bytes, end: bool) -> Result<()> {
        match self {
            Self::Stream(stream, ended) => {
                *ended = end;
                stream.send_data(data, end).or_err(ErrorType::WriteError, "while sending")
            }
            Self::Wire(_) | Self::Nothing => Ok(()),
        }
    }

    /// Ends a stream with trailers.
    pub(crate) fn send_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        match self {
            Self::Stream(stream, ended) => {
                *ended = true;
                stream.send_trailers(trailers).or_err(ErrorType::WriteError, "while sending")
            }
            Self::Wire(_) | Self::Nothing => Ok(()),
        }
    }

    /// Breaks a stream off.
    pub(crate) fn reset(&mut self) {
        if let Self::Stream(stream, _) = self {
            stream.send_reset(Reason::CANCEL);
        }
    }
}
