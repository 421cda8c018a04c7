//! One attack on a fresh gateway: what the good, memory and connections are like meanwhile and afterwards.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::attack::{Attack, Order};
use super::good::{Answers, Good};
use super::stage::Stage;
use super::{MOST_LEFT, OTHERS};
use crate::accounting::Peak;
use crate::process::this_program;

/// Good traffic before it counts.
const WARM_UP: Duration = Duration::from_secs(1);

/// How often connections are counted.
const LOOK: Duration = Duration::from_secs(1);

/// How long an attacker may take to end.
const GRACE: Duration = Duration::from_secs(15);

/// How long the gateway may take until all is as before.
const SETTLE: Duration = Duration::from_secs(20);

/// Connections of clients that may be there afterwards and were not before: the good replace theirs.
const MORE_CLIENTS: usize = 20;

/// What an attack came to.
#[derive(Debug)]
pub(crate) struct Siege {
    /// Of requests that were due while it went on, and afterwards.
    pub(crate) answers: Answers,
    pub(crate) later: Answers,
    /// Bytes by which the gateway's memory grew at most.
    pub(crate) grown: u64,
    /// Bytes by which it was larger in the end.
    pub(crate) left: u64,
    /// Connections to endpoints, at most.
    pub(crate) upstreams: usize,
    /// Connections in the end, from clients and to endpoints.
    pub(crate) connections: usize,
    /// How long after the attack everything was as before, if it was.
    pub(crate) back: Option<Duration>,
    /// What the attacker says.
    pub(crate) said: String,
}

/// An attacker in a process of its own; killed when dropped.
struct Attacker(Child);

pub(crate) fn warm_up(good: &Good) -> anyhow::Result<()> {
    let answers = good.ask(WARM_UP)?;
    ensure!(answers.failed() == 0, "before the attack: {}", answers.reasons());
    Ok(())
}

pub(crate) fn besiege(attack: Attack, time: Duration) -> anyhow::Result<Siege> {
    let stage = Stage::start()?;
    let good = Good::connect(stage.at)?;
    warm_up(&good)?;
    let (memory, clients) = (stage.resident()?, stage.sockets()?.clients);
    let peak = Peak::start(stage.gateway());
    let attacker = Attacker::start(&Order { attack, at: stage.at, time })?;
    let (answers, upstreams) = watched(&stage, || good.ask(time))?;
    let said = attacker.finish()?;
    let grown = (peak.stop()? * 1024).saturating_sub(memory);

    let end = Instant::now();
    let (mut later, mut back, mut left, mut connections) = (Answers::default(), None, 0, 0);
    while back.is_none() && end.elapsed() < SETTLE {
        // The good go on, and must be served.
        later.add(good.ask(LOOK)?);
        let sockets = stage.sockets()?;
        left = stage.resident()?.saturating_sub(memory);
        connections = sockets.clients + sockets.upstreams;
        let as_before = sockets.clients <= clients + MORE_CLIENTS && sockets.upstreams <= OTHERS && left <= MOST_LEFT;
        back = as_before.then(|| end.elapsed());
    }
    stage.ensure_no_panic()?;
    Ok(Siege { answers, later, grown, left, upstreams, connections, back, said })
}

/// Does `work`, and tells the most connections that the gateway has to endpoints meanwhile.
fn watched<T>(stage: &Stage, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, usize)> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                most = most.max(stage.sockets()?.upstreams);
                thread::sleep(LOOK);
            }
            anyhow::Ok(most)
        });
        let worked = work();
        done.store(true, Ordering::Relaxed);
        let most = watcher.join().ok().context("the watcher panicked")??;
        Ok((worked?, most))
    })
}

impl Attacker {
    fn start(order: &Order) -> anyhow::Result<Self> {
        let mut command = Command::new(this_program());
        Ok(Self(command.args(["--attack", &order.to_string()]).stdout(Stdio::piped()).spawn()?))
    }

    /// Waits for its end; returns what it says.
    fn finish(mut self) -> anyhow::Result<String> {
        let start = Instant::now();
        while self.0.try_wait()?.is_none() {
            ensure!(start.elapsed() < GRACE, "the attacker does not end");
            thread::sleep(Duration::from_millis(20));
        }
        let mut said = String::new();
        self.0.stdout.take().context("no output")?.read_to_string(&mut said)?;
        ensure!(!said.is_empty(), "the attacker has failed");
        Ok(said.trim_end().to_owned())
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
