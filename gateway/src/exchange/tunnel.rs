//! A connection whose parties speak something else than HTTP: bytes in both directions.
//!
//! The sessions, and what the request needed, are gone: most tunnels are silent most of the time.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Uri, Version};
use pingora_error::{Error, ErrorType, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;
use tokio::time::Instant;

use super::context::Context;
use super::downstream::{Downstream, goodbye};
use super::pump::{TURN, until};
use super::record::{Exchanged, record};
use crate::http1::Stream;
use crate::observe::Observer;
use crate::outlet::Outlet;
use crate::pace::{Pace, Waiting};
use crate::upstream::Upstream;

/// Bytes that are carried at once.
const PART: usize = 16 * 1024;

/// A client's connection joined to an upstream's.
pub(crate) struct Tunnel {
    client: End,
    upstream: End,
    asked: (Method, Uri, Version),
    ctx: Context,
    observer: Arc<Observer>,
}

/// One end of a tunnel.
struct End {
    /// Takes every byte at once, see [`crate::wire`].
    stream: Stream,
    /// What was written to it and is not sent.
    outlet: Outlet,
    late: Waiting,
    /// Bytes that came from it.
    brought: u64,
}

impl Tunnel {
    /// Joins the ends of a request that asked for it, when the upstream has agreed.
    pub(super) fn new(down: Downstream, up: Upstream, mut ctx: Context, observer: &Arc<Observer>) -> Option<Box<Self>> {
        let request = down.request();
        // Parts of the request's head would keep all of its buffer.
        let uri = Uri::from_maybe_shared(Bytes::from(request.uri.to_string())).unwrap_or_default();
        for header in [&mut ctx.host, &mut ctx.request_id] {
            *header = HeaderValue::from_bytes(header.as_bytes()).unwrap_or(HeaderValue::from_static(""));
        }
        let asked = (request.method.clone(), uri, request.version);
        let (client, upstream) = (End::new(down.into_parts()?), End::new(up.into_parts()?));
        Some(Box::new(Self { client, upstream, asked, ctx, observer: Arc::clone(observer) }))
    }

    /// Carries bytes until a party leaves, and then to the other one what was said before.
    pub(crate) async fn run(mut self: Box<Self>) {
        let carried = self.carry().await;
        self.record();
        match carried {
            Ok(()) => (*self).close().await,
            Err(error) => tracing::debug!(%error, "tunnel broken off"),
        }
    }

    async fn carry(&mut self) -> Result<()> {
        let mut turn = 0;
        loop {
            if turn >= TURN {
                turn = 0;
                yield_now().await;
            }
            let deadline = self.deadline();
            let carried = tokio::select! {
                carried = poll_fn(|cx| poll_carry(&mut self.client, &mut self.upstream, cx)) => carried,
                () = until(deadline), if deadline.is_some() => return self.stalled(),
            };
            if carried == 0 {
                return Ok(());
            }
            turn += carried;
        }
    }

    /// When a party that is to take something will have been too slow.
    fn deadline(&mut self) -> Option<Instant> {
        let pace = self.ctx.connection.settings.pace();
        let ends = [&mut self.client, &mut self.upstream];
        ends.into_iter().filter_map(|end| end.deadline(pace)).min()
    }

    fn stalled(&mut self) -> Result<()> {
        if self.client.outlet.is_clear() {
            return Error::e_explain(ErrorType::WriteTimedout, "the upstream takes too little").map_err(Error::into_up);
        }
        self.observer.metrics.stalled_clients.inc();
        Error::e_explain(ErrorType::WriteTimedout, "the client takes too little").map_err(Error::into_down)
    }

    fn record(&self) {
        let (method, uri, version) = &self.asked;
        let exchanged = Exchanged {
            method,
            uri,
            version: *version,
            status: StatusCode::SWITCHING_PROTOCOLS.as_u16(),
            bytes_in: self.client.brought,
            bytes_out: self.upstream.brought,
        };
        record(&self.observer, &self.ctx, &exchanged);
    }

    async fn close(self) {
        let Self { client, upstream, ctx, .. } = self;
        let settings = &ctx.connection.settings;
        let (pace, limit) = (settings.pace(), settings.timeouts.head);
        tokio::join!(client.close(pace, limit), upstream.close(pace, limit));
    }
}

/// Carries what has come, in both directions; 0 when a party has left.
fn poll_carry(client: &mut End, upstream: &mut End, cx: &mut task::Context<'_>) -> Poll<usize> {
    match (client.poll_bring(upstream, cx), upstream.poll_bring(client, cx)) {
        (Poll::Ready(0), _) | (_, Poll::Ready(0)) => Poll::Ready(0),
        (Poll::Ready(up), Poll::Ready(down)) => Poll::Ready(up + down),
        (Poll::Pending, either) | (either, Poll::Pending) => either,
    }
}

impl End {
    fn new((stream, outlet): (Stream, Outlet)) -> Self {
        Self { stream, outlet, late: Waiting::default(), brought: 0 }
    }

    /// Brings a part of what has come from this end to the other one, if that takes more; 0 when this party has left.
    fn poll_bring(&mut self, to: &mut Self, cx: &mut task::Context<'_>) -> Poll<usize> {
        // A party that takes no more may yet have said something: that it has left is read from it.
        if ready!(to.outlet.poll_clear(cx)).is_err() {
            return Poll::Pending;
        }
        let mut space = [MaybeUninit::uninit(); PART];
        let mut part = ReadBuf::uninit(&mut space);
        // A connection that is broken has ended as well.
        let _ = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part));
        if !part.filled().is_empty() {
            self.brought += part.filled().len() as u64;
            // Every byte is taken at once; the outlet tells what has become of it.
            let _ = ready!(Pin::new(&mut to.stream).poll_write(cx, part.filled()));
            let _ = ready!(Pin::new(&mut to.stream).poll_flush(cx));
        }
        Poll::Ready(part.filled().len())
    }

    fn deadline(&mut self, pace: Pace) -> Option<Instant> {
        let waited_for = !self.outlet.is_clear();
        self.late.until(waited_for, self.outlet.taken(), pace)
    }

    async fn close(mut self, pace: Pace, limit: Duration) {
        if self.outlet.drain(pace).await.is_ok() {
            goodbye(self.stream, false, limit).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use bytes::BytesMut;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, join};

    use super::*;
    use crate::http1::ByteStream;

    fn end(io: impl ByteStream + 'static) -> End {
        let stream = Stream::new(Box::new(io), BytesMut::new());
        let outlet = Outlet::Wire(stream.unsent());
        End::new((stream, outlet))
    }

    #[tokio::test]
    async fn what_a_party_has_said_is_carried_even_if_it_takes_no_more() {
        const LAST: usize = 10 * PART;
        let (ours, mut talkative) = duplex(64);
        let (broken, gone) = duplex(64);
        drop(gone);
        let (mut client, mut upstream) = (end(ours), end(join(Cursor::new(vec![b'x'; LAST]), broken)));
        let client_talks_and_listens = tokio::spawn(async move {
            talkative.write_all(&[b'?'; 40]).await.unwrap();
            let mut heard = vec![0; LAST];
            talkative.read_exact(&mut heard).await.map(|_| talkative)
        });
        while poll_fn(|cx| poll_carry(&mut client, &mut upstream, cx)).await > 0 {}
        client.outlet.clear().await.unwrap();
        client_talks_and_listens.await.unwrap().unwrap();
        assert_eq!(upstream.brought, LAST as u64);
    }
}
