//! What a worker does: takes a request whose time has come, has it answered, takes it down.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use crate::client::http1::Http1;
use crate::client::{Client, Local};
use crate::failure::{Failure, Kind};
use crate::pace::{Queue, Seat, Timer};
use crate::prepared::Prepared;
use crate::record::{Outcome, Recorder};

/// Redirects of one request at most, as in hey.
const REDIRECTS: usize = 10;

/// What the workers of a thread share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) local: Rc<Local>,
    pub(crate) recorder: RefCell<Recorder>,
    /// Requests left to begin.
    pub(crate) left: Cell<u64>,
    /// When the last request may begin.
    pub(crate) end: Option<Instant>,
}

/// When a worker's requests begin.
#[derive(Debug)]
pub(crate) enum Pace {
    /// One after the other, but not faster than this.
    Closed(Option<Ticks>),
    /// As they are due.
    Open(Rc<Queue>, Rc<Seat>),
}

/// Times at a distance; those that are missed are left out.
#[derive(Debug)]
pub(crate) struct Ticks {
    timer: Timer,
    every: Duration,
    next: Instant,
}

impl Ticks {
    /// The first one comes after `every`, as in hey.
    pub(crate) fn new(every: Duration) -> std::io::Result<Self> {
        Ok(Self { timer: Timer::new()?, every, next: Instant::now() + every })
    }

    async fn tick(&mut self) -> std::io::Result<()> {
        self.timer.until(self.next).await?;
        self.next = (self.next + self.every).max(Instant::now());
        Ok(())
    }
}

impl Pace {
    /// When the next request begins, by the plan; `None` at the end.
    async fn next(&mut self, shared: &Shared) -> Option<Instant> {
        match self {
            Self::Open(queue, seat) => queue.pop(seat).await,
            Self::Closed(ticks) => {
                shared.left.set(shared.left.get().checked_sub(1)?);
                if let Some(ticks) = ticks {
                    ticks.tick().await.ok()?;
                }
                let now = Instant::now();
                shared.end.is_none_or(|end| now < end).then_some(now)
            }
        }
    }
}

/// Sends requests until there are no more.
pub(crate) async fn work<C: Client>(mut client: C, mut pace: Pace, shared: &Shared) {
    let mut follower = Follower::default();
    let mut patience = Patience::default();
    if let Pace::Open(queue, _) = &pace {
        queue.arrived();
    }
    while let Some(began) = pace.next(shared).await {
        let exchange = async {
            let outcome = client.exchange().await?;
            if outcome.location.is_some() { follower.follow(outcome, shared).await } else { Ok(outcome) }
        };
        let outcome = match shared.prepared.plan.timeout {
            None => exchange.await,
            Some(timeout) => patience.within(began + timeout, exchange).await.unwrap_or_else(|| Err(too_late(timeout))),
        };
        shared.recorder.borrow_mut().record(began, Instant::now(), outcome);
    }
    if let Err(failure) = Patience::default().within(Instant::now() + FINISH, client.finish()).await.unwrap_or(Ok(())) {
        shared.recorder.borrow_mut().ended(failure);
    }
}

/// How long the end of what stays open is waited for.
const FINISH: Duration = Duration::from_secs(1);

fn too_late(timeout: Duration) -> Failure {
    Failure::new(Kind::Timeout, format!("no answer within {timeout:?}"))
}

/// Ends requests that take too long. Its timer is set anew only when it fires, not for every request.
#[derive(Default)]
struct Patience(Option<Pin<Box<Sleep>>>);

impl Patience {
    /// What `future` comes to, or `None` when it has not by `deadline`.
    async fn within<F: Future>(&mut self, deadline: Instant, future: F) -> Option<F::Output> {
        // A request of an open loop may have waited for too long already.
        if Instant::now() >= deadline {
            return None;
        }
        let mut future = pin!(future);
        let sleep = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            loop {
                ready!(sleep.as_mut().poll(context));
                if Instant::now() >= deadline {
                    return Poll::Ready(None);
                }
                sleep.as_mut().reset(deadline.into());
            }
        })
        .await
    }
}

/// Follows redirects over HTTP/1.1; the connection of the last one is kept for the next request.
#[derive(Default)]
struct Follower(Vec<(String, Http1)>);

impl Follower {
    async fn follow(&mut self, mut outcome: Outcome, shared: &Shared) -> Result<Outcome, Failure> {
        let mut prepared = Arc::clone(&shared.prepared);
        for hop in 0..REDIRECTS {
            let Some(location) = outcome.location.take().filter(|_| is_redirect(outcome.status)) else {
                return Ok(outcome);
            };
            if self.0.get(hop).is_none_or(|(known, _)| *known != location) {
                let bad = |why: String| Failure::bad(format!("redirect to {location}: {why}"));
                let target = prepared.plan.target.redirected(&location).map_err(|error| bad(error.to_string()))?;
                let next = prepared.redirected(target, outcome.status).map_err(|error| bad(error.to_string()))?;
                self.0.truncate(hop);
                self.0.push((location, Http1::new(Arc::new(next), Rc::clone(&shared.local))));
            }
            let Some((_, client)) = self.0.get_mut(hop) else { return Ok(outcome) };
            prepared = client.prepared();
            let mut answered = client.exchange().await?;
            answered.bytes += outcome.bytes;
            answered.stages = outcome.stages.then(answered.stages);
            outcome = answered;
        }
        Err(Failure::bad(format!("more than {REDIRECTS} redirects")))
    }
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}
