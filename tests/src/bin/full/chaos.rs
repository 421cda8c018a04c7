//! Traffic that checks every answer while endpoints flap, files change, gateways die and clients leave.
//!
//! `CHAOS_SEED` repeats the random numbers of a run, `CHAOS_SECONDS` sets how long it takes.

mod actors;
mod backend;
mod client;
mod figures;
mod ledger;
mod memory;
mod oracle;
mod pipeline;
mod random;
mod replicas;
mod timeline;
mod traffic;
mod websocket;
mod world;

use std::env;
use std::sync::Arc;
use std::thread::{self, sleep};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use self::backend::Backend;
use self::figures::Figures;
use self::memory::Memory;
use self::oracle::{Asked, Verdict};
use self::random::Random;
use self::replicas::Replicas;
use self::traffic::Kind;
use self::world::{RESIDENTS, World};
use crate::findings::{Findings, tell};

const TIME: Duration = Duration::from_mins(30);
const QUICK_TIME: Duration = Duration::from_secs(45);

/// Time between two restarts of a gateway, at least.
const RESTART: Duration = Duration::from_secs(15);
const QUICK_RESTART: Duration = Duration::from_secs(3);

/// How long traffic goes on before the chaos begins.
const WARM_UP: Duration = Duration::from_secs(1);

/// What everybody shares.
#[derive(Debug)]
struct Chaos {
    seed: u64,
    end: Instant,
    world: World,
    replicas: Replicas,
    figures: Figures,
}

pub(crate) fn run(quick: bool) -> anyhow::Result<Findings> {
    let time = set("CHAOS_SECONDS")?.map_or(if quick { QUICK_TIME } else { TIME }, Duration::from_secs);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let seed = set("CHAOS_SEED")?.unwrap_or(now);
    tell(format_args!("chaos of {} s, seed {seed}", time.as_secs()));
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let chaos = Arc::new(Chaos {
        seed,
        end: Instant::now() + time,
        world: World::new()?,
        replicas: Replicas::default(),
        figures: Figures::default(),
    });
    let mut found = Findings::default();
    let memory = play(&chaos, &runtime, if quick { QUICK_RESTART } else { RESTART })?;
    chaos.figures.tell(&mut found);
    memory.judge(&mut found, !quick);
    Ok(found)
}

/// Serves, asks and makes chaos until the time is over; returns the memory of the gateway that stayed.
fn play(chaos: &Arc<Chaos>, runtime: &Runtime, restart: Duration) -> anyhow::Result<Memory> {
    let _inside = runtime.enter();
    let mut backends = start_backends(&chaos.world);
    let folder = chaos.world.folder.path();
    let (steady, _) = chaos.replicas.start(folder)?;
    let mortal = chaos.replicas.start(folder)?;
    let clients = traffic::start(chaos);
    sleep(WARM_UP);
    let memory = thread::scope(|scope| {
        for service in &chaos.world.services {
            scope.spawn(|| chaos.act("flap", actors::flap(chaos, service)));
        }
        let (residents, guests) = chaos.world.hosts.split_at(RESIDENTS.len());
        for host in residents {
            scope.spawn(|| chaos.act("shift", actors::shift(chaos, host)));
        }
        for host in guests {
            scope.spawn(|| chaos.act("visit", actors::visit(chaos, host)));
        }
        scope.spawn(|| chaos.act("litter", actors::litter(chaos)));
        scope.spawn(|| chaos.act("restart", actors::restart(chaos, mortal, restart)));
        Memory::watch(chaos, steady.id())
    })?;
    runtime.block_on(clients.join_all());
    steady.ensure_no_panic()?;
    while let Some(ended) = backends.try_join_next() {
        chaos.figures.fault(format!("a backend has ended: {ended:?}"));
    }
    Ok(memory)
}

fn start_backends(world: &World) -> JoinSet<std::io::Result<()>> {
    let mut backends = JoinSet::new();
    for service in &world.services {
        for number in 0..service.endpoints.len() {
            let (service, ledger) = (Arc::clone(service), Arc::clone(&world.ledger));
            backends.spawn(Backend { service, number, ledger }.run());
        }
    }
    backends
}

impl Chaos {
    fn goes_on(&self) -> bool {
        Instant::now() < self.end
    }

    /// Waits, at most until the end; says whether it goes on.
    fn rest(&self, time: Duration) -> bool {
        sleep(time.min(self.end.saturating_duration_since(Instant::now())));
        self.goes_on()
    }

    /// The random numbers of an actor or client.
    fn random(&self, name: &str) -> Random {
        Random::new(self.seed, name)
    }

    /// An actor that cannot go on has not tested what it should.
    fn act(&self, name: &str, acted: anyhow::Result<()>) {
        if let Err(error) = acted {
            self.figures.fault(format!("{name}: {error:#}"));
        }
    }

    fn note(&self, kind: Kind, asked: &Asked<'_>, verdict: &Verdict) {
        let kind = format!("{kind:?} {}", asked.plan.method);
        let who = || format!("{} {:x} at {}", asked.host.name, asked.plan.nonce, asked.replica.address);
        self.figures.note(&kind, who, asked.sent.elapsed(), verdict);
    }
}

/// A number of the environment.
fn set(name: &str) -> anyhow::Result<Option<u64>> {
    let parse = |value: String| value.parse().with_context(|| format!("{name}={value}: write a whole number"));
    env::var(name).ok().map(parse).transpose()
}
