//! The bodies of an exchange: both directions at once, each as fast as its receiver takes it.

use bytes::Bytes;
use futures::FutureExt;
use http::header::CONTENT_LENGTH;
use http::{StatusCode, Version};
use pingora_error::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::context::Context;
use super::downstream::Downstream;
use super::response;
use crate::pace::Waiting;
use crate::part::Part;
use crate::upstream::Upstream;

/// An exchange whose request head was sent.
pub(super) struct Pump<'a> {
    down: &'a mut Downstream,
    up: &'a mut Upstream,
    ctx: &'a mut Context,
    draining: &'a watch::Receiver<bool>,
    sending: Sending,
    /// Whether the whole response was passed on.
    responded: bool,
    /// Whether the upstream has agreed to speak something else than HTTP from now on, and the client was told.
    switched: bool,
    late: Late,
    /// Bytes carried since others had their turn.
    turn: usize,
}

/// Bytes after which others have their turn: nobody's large body may keep a worker.
pub(super) const TURN: usize = 256 * 1024;

/// Since when each party is waited for.
#[derive(Default)]
struct Late {
    /// The client, for more of a body whose length it has told.
    body: Waiting,
    /// The client, to take more of the response.
    client: Waiting,
    /// The upstream, to take more of the request.
    upstream: Waiting,
}

/// How far the request's body is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// The client may send more.
    Open,
    /// All of it was written to the upstream.
    Ended,
    /// The upstream takes no more of it. It may yet have answered.
    Refused,
}

/// How an exchange has ended.
pub(super) enum End {
    /// The upstream is fit for another request.
    Reusable,
    /// It is not.
    Spent,
    /// What follows is no HTTP any more.
    Switched,
}

/// What happens next.
enum Event {
    Request(Result<Option<Bytes>>),
    Response(Result<Part>),
    ClientTookMore(Result<()>),
    UpstreamTookMore(Result<()>),
    TooSlow(Box<Error>),
}

/// Who was too slow.
#[derive(Clone, Copy)]
enum Slow {
    Body,
    Client,
    Upstream,
}

impl Slow {
    #[expect(clippy::unnecessary_box_returns, reason = "Pingora's errors come boxed")]
    fn error(self) -> Box<Error> {
        match self {
            Self::Body => Error::explain(ErrorType::ReadTimedout, "the client brings too little").into_down(),
            Self::Client => Error::explain(ErrorType::WriteTimedout, "the client takes too little").into_down(),
            Self::Upstream => Error::explain(ErrorType::WriteTimedout, "the upstream takes too little").into_up(),
        }
    }
}

pub(super) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl<'a> Pump<'a> {
    pub(super) fn new(
        down: &'a mut Downstream,
        up: &'a mut Upstream,
        ctx: &'a mut Context,
        draining: &'a watch::Receiver<bool>,
    ) -> Self {
        Self {
            down,
            up,
            ctx,
            draining,
            sending: Sending::Open,
            responded: false,
            switched: false,
            late: Late::default(),
            turn: 0,
        }
    }

    /// Carries both bodies until the response has ended. Nobody needs what is missing of the request then, as Envoy
    /// has it.
    pub(super) async fn run(mut self) -> Result<End> {
        // An earlier attempt may have read some of the body.
        let known = self.down.session.replay();
        let ended = self.down.session.is_body_done();
        self.send(known.unwrap_or_default(), ended).await;
        // What has come of the body along with the head leaves along with it.
        if self.sending == Sending::Open
            && let Some(part) = self.down.session.read_or_left(true).now_or_never()
        {
            self.pass(part.map_err(Error::into_down)?).await;
        }
        while !self.responded && !self.switched {
            if self.turn >= TURN {
                self.turn = 0;
                yield_now().await;
            }
            match self.next().await {
                Event::Response(part) => self.receive(part).await?,
                Event::Request(part) => self.pass(part.map_err(Error::into_down)?).await,
                Event::ClientTookMore(taken) => taken.map_err(Error::into_down)?,
                Event::UpstreamTookMore(taken) => self.note(taken, false),
                Event::TooSlow(error) => return Err(error),
            }
        }
        Ok(match (self.responded, self.switched) {
            (true, false) if self.sending == Sending::Ended => End::Reusable,
            (true, _) => End::Spent,
            (false, _) => End::Switched,
        })
    }

    /// Waits for whatever happens first. A party is asked for more only when the other one can take it.
    async fn next(&mut self) -> Event {
        let open = self.sending == Sending::Open;
        let refused = self.sending == Sending::Refused;
        let (client_takes, upstream_takes) = (self.down.outlet.is_clear(), self.up.outlet.is_clear());
        let listens = if open { upstream_takes } else { self.down.tells_by_reading() };
        self.up.session.limit_reads(self.down.share());
        let (deadline, who) = self.deadline(open && listens, client_takes, upstream_takes || refused);
        tokio::select! {
            part = self.up.session.next(), if client_takes => Event::Response(part),
            part = self.down.session.read_or_left(open), if listens => Event::Request(part),
            taken = self.down.outlet.watch(!client_takes) => Event::ClientTookMore(taken),
            taken = self.up.outlet.clear(), if !upstream_takes && !refused => Event::UpstreamTookMore(taken),
            () = until(deadline), if deadline.is_some() => Event::TooSlow(who.error()),
        }
    }

    /// When the first party that is waited for will have been too slow, and which.
    fn deadline(&mut self, reads: bool, client_takes: bool, upstream_takes: bool) -> (Option<Instant>, Slow) {
        // Nearly always nobody is waited for but the upstream, to answer.
        let reads = reads && self.down.request().headers.contains_key(CONTENT_LENGTH);
        if !reads && client_takes && upstream_takes {
            self.late = Late::default();
            return (None, Slow::Client);
        }
        let pace = self.ctx.connection.settings.pace();
        let (down, up) = (self.down.outlet.taken(), self.up.outlet.taken());
        let read = self.down.session.body_bytes_read();
        let waits = [
            (self.late.body.until(reads, read, pace), Slow::Body),
            (self.late.client.until(!client_takes, down, pace), Slow::Client),
            (self.late.upstream.until(!upstream_takes, up, pace), Slow::Upstream),
        ];
        let first = waits.into_iter().filter_map(|(until, who)| Some((until?, who))).min_by_key(|&(until, _)| until);
        first.map_or((None, Slow::Client), |(until, who)| (Some(until), who))
    }

    /// Passes a part of the request's body on.
    async fn pass(&mut self, part: Option<Bytes>) {
        let ended = part.is_none() || self.down.session.is_body_done();
        self.send(part.unwrap_or_default(), ended).await;
    }

    async fn send(&mut self, data: Bytes, ended: bool) {
        self.turn += data.len();
        let sent = self.up.send(data, ended).await;
        self.note(sent, ended);
    }

    fn note(&mut self, sent: Result<()>, ended: bool) {
        match sent {
            Ok(()) if ended => self.sending = Sending::Ended,
            Ok(()) => {}
            Err(error) => {
                tracing::debug!(%error, "the upstream takes no more of the request");
                self.sending = Sending::Refused;
            }
        }
    }

    /// Passes a part of the response on, and with a head what has come along with it: both leave in one packet.
    async fn receive(&mut self, part: Result<Part>) -> Result<()> {
        let part = part.map_err(Error::into_up)?;
        let is_head = matches!(part, Part::Head(..));
        self.deliver(part).await?;
        if is_head
            && !self.responded
            && !self.switched
            && self.down.outlet.has_window()
            && let Some(next) = self.up.session.next().now_or_never()
        {
            self.deliver(next.map_err(Error::into_up)?).await?;
        }
        Ok(())
    }

    /// Passes a part of the response on.
    async fn deliver(&mut self, part: Part) -> Result<()> {
        let end = part.is_end();
        let delivered = match part {
            Part::Head(head, end) => return self.deliver_head(head, end).await,
            Part::Body(data, _) => {
                self.turn += data.len();
                self.down.send(data, end).await
            }
            Part::Trailers(trailers) => self.down.finish(Some(*trailers)).await,
            Part::End => self.down.finish(None).await,
        };
        self.responded = end;
        delivered.map_err(Error::into_down)
    }

    async fn deliver_head(&mut self, mut head: Box<ResponseHeader>, end: bool) -> Result<()> {
        self.ctx.responded.get_or_insert_with(std::time::Instant::now);
        let request = self.down.request();
        response::for_client(&mut head, request, self.down.session.asks_for_websocket(), end)?;
        let switches = head.status == StatusCode::SWITCHING_PROTOCOLS;
        let interim = head.status.is_informational() && !switches;
        // RFC 9110 §15.2: HTTP/1.0 knows no interim responses.
        if interim && request.version == Version::HTTP_10 {
            return Ok(());
        }
        if *self.draining.borrow() {
            self.down.session.close();
        }
        self.responded = end && !interim;
        self.down.begin(head, self.responded).await.map_err(Error::into_down)?;
        self.switched = switches;
        Ok(())
    }
}
