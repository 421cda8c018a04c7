//! CPU per request beside a bare pingora-proxy, on the same core, in turns.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::accounting::Cpu;
use crate::backends;
use crate::findings::Findings;
use crate::manifests::Folder;
use crate::process::{Process, built, free_address, gateway, pinned};
use crate::tools::{Load, Tool};

const HOST: &str = "cpu-0.example";
const HOSTS: usize = 100;

/// Unused upstream connections each proxy keeps.
const POOL: &str = "512";

/// The core of the proxies, and the one of load and backend.
const PROXY: u8 = 0;
const OTHERS: u8 = 1;

/// CPU of a request, over that of the bare proxy.
const MOST: f64 = 1.1;

/// How often each proxy has its turn, and for how long.
#[derive(Clone, Copy, Debug)]
struct Scale {
    rounds: usize,
    time: Duration,
}

const FULL: Scale = Scale { rounds: 5, time: Duration::from_secs(4) };
const QUICK: Scale = Scale { rounds: 3, time: Duration::from_secs(1) };

/// A proxy that is measured.
struct Proxy {
    process: Process,
    address: SocketAddr,
}

pub(crate) fn run(quick: bool) -> anyhow::Result<Findings> {
    let scale = if quick { QUICK } else { FULL };
    Tool::find("taskset", "util-linux")?;
    let (wrk, h2load) = (Tool::wrk()?.on_core(OTHERS), Tool::h2load()?.on_core(OTHERS));
    let folder = Folder::new()?;
    let backend = backends::fixed(Some(OTHERS))?;
    let (ours, bare) = (start_gateway(&folder, &backend)?, start_bare(&backend)?);

    let mut found = Findings::default();
    let http1 = |at| wrk.run_wrk(&["-t1", "-c64"], HOST, at, scale.time);
    let ratio = compare(&mut found, "HTTP/1.1", &ours, &bare, scale.rounds, http1)?;
    found.bound(ratio <= MOST, format_args!("ratio {ratio:.3}"), "at most 1.1");
    let http2 = |at| h2load.run_h2load(&["-c", "10", "-m", "20"], HOST, at, scale.time);
    let ratio = compare(&mut found, "h2c", &ours, &bare, scale.rounds, http2)?;
    found.figure(format_args!("ratio {ratio:.3}"));
    Ok(found)
}

/// The gateway with routing, metrics and limits, and hosts beside the one that is asked for.
fn start_gateway(folder: &Folder, backend: &Process) -> anyhow::Result<Proxy> {
    folder.service("fixed", backend.address("fixed")?)?;
    for number in 0..HOSTS {
        folder.route(&format!("cpu-{number}.example"), &[("fixed", 100)])?;
    }
    let process = gateway(folder.path(), &["--threads", "1", "--upstream-pool", POOL], Some(PROXY))?;
    Ok(Proxy { address: process.address("external-http")?, process })
}

fn start_bare(backend: &Process) -> anyhow::Result<Proxy> {
    let address = free_address()?;
    let mut command = pinned(&built("examples/bare-pingora")?, Some(PROXY));
    command.args([address.to_string(), backend.address("fixed")?.to_string(), POOL.to_owned()]);
    Ok(Proxy { process: Process::start_at(&mut command, address)?, address })
}

/// Measures both in turns; tells both, and returns the ratio of their medians.
fn compare(
    found: &mut Findings,
    name: &str,
    ours: &Proxy,
    bare: &Proxy,
    rounds: usize,
    load: impl Fn(SocketAddr) -> anyhow::Result<Load>,
) -> anyhow::Result<f64> {
    // A first turn that does not count warms both up.
    measure(ours, &load)?;
    measure(bare, &load)?;
    let (mut ours_costs, mut bare_costs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours_costs.push(measure(ours, &load)?);
        bare_costs.push(measure(bare, &load)?);
    }
    let (ours, bare) = (Spread::of(ours_costs)?, Spread::of(bare_costs)?);
    found.figure(format_args!("{name}: net-pingora {ours}, bare {bare}"));
    Ok(ours.median / bare.median)
}

/// CPU of one request in microseconds.
fn measure(proxy: &Proxy, load: &impl Fn(SocketAddr) -> anyhow::Result<Load>) -> anyhow::Result<f64> {
    let before = Cpu::of(proxy.process.id())?;
    let load = load(proxy.address)?;
    let used = Cpu::of(proxy.process.id())?.since(&before);
    ensure!(load.errors.is_empty(), "load failed: {}", load.errors.join(", "));
    Ok(used.as_secs_f64() * 1e6 / load.requests as f64)
}

/// Costs of several turns, in microseconds.
pub(crate) struct Spread {
    least: f64,
    /// The turn in the middle.
    pub(crate) median: f64,
    most: f64,
}

impl Spread {
    pub(crate) fn of(mut costs: Vec<f64>) -> anyhow::Result<Self> {
        costs.sort_by(f64::total_cmp);
        let at = |index: usize| costs.get(index).copied().context("no turn");
        Ok(Self { least: at(0)?, median: at(costs.len() / 2)?, most: at(costs.len().saturating_sub(1))? })
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} µs a request ({:.2}–{:.2})", self.median, self.least, self.most)
    }
}
