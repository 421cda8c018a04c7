//! All kinds of traffic at once, three rounds on one gateway: no error, and memory that does not grow.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use net_pingora_tests::websocket::{Heard, WebSocket};
use tokio::runtime::Runtime;

use crate::accounting::Peak;
use crate::backends;
use crate::findings::Findings;
use crate::manifests::Folder;
use crate::process::{Process, gateway};
use crate::tools::Tool;
use crate::transfer::{download, upload};

const ROUNDS: usize = 3;

/// Peak resident memory in KiB: 150 MB.
const MOST_MEMORY: u64 = 150_000_000 / 1024;

/// What the last round's peak may be of the first one's.
const MOST_GROWTH: f64 = 1.05;

/// WebSockets that shake hands at the same time.
const HANDSHAKES: usize = 20;

/// Hosts, each with the backend of that name.
const HOSTS: [(&str, &str); 3] =
    [("hello.example", "blue"), ("echo.example", "echo"), ("websocket.example", "websocket")];

/// How much of everything.
#[derive(Clone, Copy, Debug)]
struct Scale {
    time: Duration,
    sockets: usize,
    /// Bytes of a body.
    body: u64,
}

const FULL: Scale = Scale { time: Duration::from_secs(30), sockets: 1_000, body: 5 << 30 };
const QUICK: Scale = Scale { time: Duration::from_secs(3), sockets: 100, body: 64 << 20 };

/// The load tools.
struct Tools {
    hey: Tool,
    h2load: Tool,
}

/// What one round came to.
struct Round {
    requests: u64,
    streams: u64,
    /// Peak resident memory in KiB.
    memory: u64,
    errors: Vec<String>,
}

pub(crate) fn run(quick: bool) -> anyhow::Result<Findings> {
    let scale = if quick { QUICK } else { FULL };
    let tools = Tools { hey: Tool::hey()?, h2load: Tool::h2load()? };
    let (folder, backends, runtime) = (Folder::new()?, backends::samples()?, Runtime::new()?);
    for (host, service) in HOSTS {
        folder.service(service, backends.address(service)?)?;
        folder.route(host, &[(service, 100)])?;
    }
    let gateway = gateway(folder.path(), &[], None)?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(round(&gateway, &tools, scale, &runtime)?);
    }
    Ok(judge(&rounds))
}

fn judge(rounds: &[Round]) -> Findings {
    let mut found = Findings::default();
    let sum = |count: fn(&Round) -> u64| rounds.iter().map(count).sum::<u64>();
    found.figure(format_args!("{} requests by hey", sum(|round| round.requests)));
    found.figure(format_args!("{} streams by h2load", sum(|round| round.streams)));
    for (number, round) in (1..).zip(rounds) {
        let megabytes = round.memory as f64 * 1024.0 / 1e6;
        found.bound(round.memory <= MOST_MEMORY, format_args!("round {number} {megabytes:.1} MB"), "at most 150 MB");
    }
    if let [first, .., last] = rounds {
        let growth = last.memory as f64 / first.memory as f64;
        found.bound(growth <= MOST_GROWTH, format_args!("growth {growth:.3}"), "at most 1.05");
    }
    found.no_errors(&rounds.iter().flat_map(|round| round.errors.clone()).collect::<Vec<_>>());
    found
}

/// All traffic at once, beside WebSockets that are silent until the rest has ended.
fn round(gateway: &Process, tools: &Tools, scale: Scale, runtime: &Runtime) -> anyhow::Result<Round> {
    let at = gateway.address("external-http")?;
    let [(hello, _), (echo, _), (websocket, _)] = HOSTS;
    let peak = Peak::start(gateway.id());
    let sockets = runtime.block_on(open(at, websocket, scale.sockets))?;
    let seconds = format!("{}s", scale.time.as_secs());
    let (requests, streams, bodies) = thread::scope(|scope| {
        let hey = scope.spawn(|| tools.hey.run_hey(&["-z", &seconds, "-c", "200"], hello, at, scale.time));
        let h2load = scope.spawn(|| tools.h2load.run_h2load(&["-c", "20", "-m", "50"], hello, at, scale.time));
        let bodies = [scope.spawn(|| upload(at, echo, scale.body)), scope.spawn(|| download(at, echo, scale.body))];
        (hey.join(), h2load.join(), bodies.map(thread::ScopedJoinHandle::join))
    });
    let echoed = runtime.block_on(echo_all(sockets));
    let memory = peak.stop()?;
    let mut errors = Vec::new();
    let panicked = |_| anyhow::anyhow!("a load thread panicked");
    let (requests, streams) = (requests.map_err(panicked)??, streams.map_err(panicked)??);
    for body in bodies {
        errors.extend(body.map_err(panicked)?.err().map(|error| format!("{error:#}")));
    }
    errors.extend(echoed.err().map(|error| format!("{error:#}")));
    errors.extend(requests.errors.into_iter().chain(streams.errors));
    Ok(Round { requests: requests.requests, streams: streams.requests, memory, errors })
}

async fn open(at: SocketAddr, host: &str, count: usize) -> anyhow::Result<Vec<WebSocket>> {
    let opening = stream::iter(0..count).map(|_| WebSocket::open(at, host, "/")).buffer_unordered(HANDSHAKES);
    opening.try_collect().await.context("cannot open a WebSocket")
}

/// Every WebSocket must still echo.
async fn echo_all(sockets: Vec<WebSocket>) -> anyhow::Result<()> {
    for (number, mut socket) in sockets.into_iter().enumerate() {
        let text = format!("still there, {number}?");
        let silent = || format!("WebSocket {number} does not echo");
        socket.say(&text).await.with_context(silent)?;
        let heard = socket.hear().await.with_context(silent)?;
        ensure!(heard == Heard::Text(text), "WebSocket {number} echoes {heard:?}");
    }
    Ok(())
}
