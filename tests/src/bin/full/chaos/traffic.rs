//! Clients of many kinds, each of whose answers is judged.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::client::{Broken, Link, Plan, Protocol, Reply};
use super::oracle::{Asked, Verdict};
use super::random::Random;
use super::{Chaos, pipeline, websocket};

/// Longer than any answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How often a client sends a request that is cut again and again.
const MOST_TRIES: usize = 4;

/// A kind of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Keeps its HTTP/1.1 connection.
    Kept,
    /// Connects for every request.
    Fresh,
    /// Has many streams on an HTTP/2 connection.
    Streams,
    /// Sends requests before the last one is answered.
    Pipeline,
    /// Talks to a WebSocket.
    WebSocket,
    /// Cuts its connection before it is answered.
    Cutter,
}

/// How many of each there are, and the milliseconds that each rests.
const CLIENTS: [(Kind, usize, Range<u64>); 6] = [
    (Kind::Kept, 12, 0..60),
    (Kind::Fresh, 6, 0..80),
    (Kind::Streams, 4, 0..160),
    (Kind::Pipeline, 4, 0..250),
    (Kind::WebSocket, 6, 0..60),
    (Kind::Cutter, 4, 0..200),
];

/// Streams that one client opens at once.
const STREAMS: Range<u64> = 1..16;

/// Uses of a connection: gateways that have come back are to get their share.
const USES: Range<u64> = 10..200;

/// All clients, until the chaos is over.
pub(super) fn start(chaos: &Arc<Chaos>) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for (kind, count, rest) in CLIENTS {
        for number in 0..count {
            let random = chaos.random(&format!("{kind:?} {number}"));
            clients.spawn(client(Arc::clone(chaos), kind, rest.clone(), random));
        }
    }
    clients
}

async fn client(chaos: Arc<Chaos>, kind: Kind, rest: Range<u64>, mut random: Random) {
    let (mut link, mut uses) = (None, 0);
    while chaos.goes_on() {
        sleep(random.millis(rest.clone())).await;
        if uses == 0 {
            (link, uses) = (None, random.within(USES));
        }
        uses -= 1;
        match kind {
            Kind::Kept => link = exchange(&chaos, kind, &mut random, link).await,
            Kind::Fresh => drop(exchange(&chaos, kind, &mut random, None).await),
            Kind::Streams => link = streams(&chaos, &mut random, link).await,
            Kind::Pipeline => pipeline::ask(&chaos, &mut random).await,
            Kind::WebSocket => websocket::converse(&chaos, &mut random, rest.clone()).await,
            Kind::Cutter => cut(&chaos, &mut random).await,
        }
    }
}

/// Sends requests at once on one connection, and returns it if it is good for more.
async fn streams(chaos: &Chaos, random: &mut Random, link: Option<Link>) -> Option<Link> {
    let link = match link {
        Some(link) => link,
        None => exchange(chaos, Kind::Streams, random, None).await?,
    };
    let asking = (0..random.within(STREAMS)).map(|_| {
        let (mut random, stream) = (Random::new(random.next(), "stream"), link.another_stream());
        async move { drop(exchange(chaos, Kind::Streams, &mut random, stream).await) }
    });
    join_all(asking).await;
    (!link.is_closed()).then_some(link)
}

/// Sends a request until it is answered; returns its connection if it is good for more.
async fn exchange(chaos: &Chaos, kind: Kind, random: &mut Random, link: Option<Link>) -> Option<Link> {
    let host = random.pick(&chaos.world.hosts)?;
    let protocol = if kind == Kind::Streams { Protocol::Http2 } else { Protocol::Http1 };
    let mut plan = Plan::any(random);
    // HTTP/1.1 loses a POST that meets the end of a kept connection: who sends one stays away from what drains.
    let risky = |link: &Link| protocol == Protocol::Http1 && !plan.is_safe() && link.replica.is_leaving();
    let mut link = link.filter(|link| !link.is_closed() && !risky(link));
    for _ in 0..MOST_TRIES {
        let replica = link.as_ref().map(|link| Arc::clone(&link.replica)).or_else(|| chaos.replicas.pick(random))?;
        let (sent, kept) = (Instant::now(), link.is_some());
        let asked = Asked { host, plan: &plan, replica: &replica, protocol, kept, sent };
        let (outcome, left) = attempt(&asked, link.take()).await;
        let verdict = asked.judge(&chaos.world, outcome);
        chaos.note(kind, &asked, &verdict);
        if !matches!(verdict, Verdict::Repeat(_)) {
            return left;
        }
        plan = plan.again(random);
    }
    chaos.figures.fault(format!("a request of {} was cut {MOST_TRIES} times", host.name));
    None
}

/// Sends a request once; with its outcome comes the connection if it is good for more.
async fn attempt(asked: &Asked<'_>, link: Option<Link>) -> (Result<Reply, Broken>, Option<Link>) {
    let mut link = match link {
        Some(link) => link,
        None => match Link::connect(Arc::clone(asked.replica), asked.protocol).await {
            Ok(link) => link,
            Err(broken) => return (Err(broken), None),
        },
    };
    match timeout(PATIENCE, link.send(asked.plan, &asked.host.name)).await {
        Ok(Ok(reply)) => (Ok(reply), Some(link)),
        Ok(Err(broken)) => (Err(broken), None),
        Err(_) => (Err(Broken::Late), None),
    }
}

/// Sends a request and cuts the connection before it is answered, or before it is sent as a whole.
async fn cut(chaos: &Chaos, random: &mut Random) {
    let (Some(host), Some(replica)) = (random.pick(&chaos.world.hosts), chaos.replicas.pick(random)) else { return };
    let protocol = if random.one_of(2) { Protocol::Http1 } else { Protocol::Http2 };
    let plan = if random.one_of(2) { Plan::any(random) } else { Plan::unending(random) };
    let Ok(mut link) = Link::connect(replica, protocol).await else { return };
    // Whatever it says meanwhile: nobody listens.
    let _ = timeout(random.millis(0..30), link.send(&plan, &host.name)).await;
    link.cut();
    chaos.figures.event("client cut its connection");
    chaos.world.ledger.take(plan.nonce);
}
