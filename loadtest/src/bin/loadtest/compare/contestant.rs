//! A proxy that runs, and how it is loaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use net_pingora_loadtest::{Arrivals, End, Load, Plan, Report, run};

use super::account::{Cpu, busy, resident};
use super::backend::Backend;
use super::certificate::{self, Certificate};
use super::cores::{Cores, List};
use super::figures::{Latency, Memory, Turn};
use super::interrupt::Interrupt;
use super::process::{Process, free_address};
use super::progress::Progress;
use super::proxies::{Kind, Setup};
use super::rounds::Scale;
use super::work::Work;

/// How long a proxy may take until it answers.
const START: Duration = Duration::from_mins(1);

/// How often it is asked whether it does.
const PAUSE: Duration = Duration::from_millis(50);

/// A proxy that is installed.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    pub(crate) kind: Kind,
    pub(crate) program: PathBuf,
}

/// What all proxies of a comparison have around them.
pub(crate) struct Field {
    pub(crate) cores: Cores,
    pub(crate) backend: Backend,
    pub(crate) certificate: Certificate,
    /// Holds a folder for each proxy.
    pub(crate) folder: PathBuf,
    pub(crate) scale: Scale,
    pub(crate) progress: Progress,
    pub(crate) interrupt: Interrupt,
}

/// A proxy that is being measured.
pub(crate) struct Contestant {
    pub(crate) kind: Kind,
    /// One a round; none where it proves nothing.
    pub(crate) turns: Vec<Option<Turn>>,
    pub(crate) latencies: Vec<Latency>,
    pub(crate) memory: Memory,
    process: Process,
    plan: Plan,
    cores: List,
    interrupt: Interrupt,
    /// Its files, which go with it.
    _folder: Files,
}

/// A folder that is removed when dropped.
struct Files(PathBuf);

impl Drop for Files {
    fn drop(&mut self) {
        // What remains is removed with the folder it is in.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Field {
    /// Starts a proxy and waits for its first answer.
    pub(crate) fn start(&self, installed: &Installed, work: Work) -> anyhow::Result<Contestant> {
        let Installed { kind, program } = installed;
        let folder = Files(self.folder.join(format!("{}-{}", kind.name().replace(' ', "-"), work.name())));
        fs::create_dir(&folder.0)?;
        certificate::write(&folder.0, &self.certificate)?;
        let (listen, backend) = (free_address()?, self.backend.address(work, *kind)?);
        let threads = self.cores.proxy.0.len();
        let setup = Setup { work, listen, backend, threads, folder: &folder.0 };
        let command = kind.configure(program, &setup)?;
        let process = Process::start(&command, &self.cores.proxy, &log(&folder.0))?;
        let plan = work.plan(listen, self.cores.client_threads())?;
        let mut contestant = Contestant {
            kind: *kind,
            turns: Vec::new(),
            latencies: Vec::new(),
            memory: Memory::default(),
            process,
            plan,
            cores: self.cores.proxy.clone(),
            interrupt: self.interrupt.clone(),
            _folder: folder,
        };
        contestant.wait()?;
        contestant.memory.before = contestant.resident()?;
        Ok(contestant)
    }
}

fn log(folder: &Path) -> PathBuf {
    folder.join("errors.log")
}

impl Contestant {
    /// Waits until a request is answered.
    fn wait(&mut self) -> anyhow::Result<()> {
        let begin = Instant::now();
        loop {
            self.process.runs()?;
            let report = self.load(Load::Closed { each: None }, End::Requests(1), 1)?;
            let Some(problem) = problem(&report) else { return Ok(()) };
            if begin.elapsed() > START {
                bail!("no answer after {START:?}: {problem}; {}", self.process.errors());
            }
            sleep(PAUSE);
        }
    }

    /// As many requests as can be; what they cost.
    pub(crate) fn race(&self, time: Duration) -> anyhow::Result<Turn> {
        let (before, busy_before) = (Cpu::of(self.process.id())?, busy(&self.cores)?);
        let report = self.load(Load::Closed { each: None }, End::After(time), self.plan.connections)?;
        let cpu = Cpu::of(self.process.id())?.since(&before);
        let others = busy(&self.cores)?.saturating_sub(busy_before).saturating_sub(cpu);
        judge(&report)?;
        Ok(Turn { cpu, others, requests: report.answered(), time: report.elapsed })
    }

    /// A race of which the figures are kept.
    pub(crate) fn take_turn(&mut self, time: Duration) -> anyhow::Result<()> {
        let turn = self.race(time)?;
        self.turns.push(Some(turn).filter(|turn| !turn.is_void(self.cores.0.len())));
        Ok(())
    }

    /// Latencies at a rate.
    pub(crate) fn take_latencies(&mut self, time: Duration, rate: f64) -> anyhow::Result<()> {
        let pace = Load::Open { rate, arrivals: Arrivals::Constant };
        let report = self.load(pace, End::After(time), self.plan.connections)?;
        judge(&report)?;
        let milliseconds = |percent| report.percentile(percent).as_secs_f64() * 1e3;
        self.latencies.push(Latency { p50: milliseconds(50.0), p99: milliseconds(99.0), p999: milliseconds(99.9) });
        Ok(())
    }

    /// Its resident memory now, in bytes.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        resident(self.process.id())
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> anyhow::Result<&str> {
        self.plan.connect.as_deref().context("no address")
    }

    fn load(&self, load: Load, end: End, connections: usize) -> anyhow::Result<Report> {
        let plan = Plan { load, end, connections, ..self.plan.clone() };
        let report = run(plan, self.interrupt.stop(), |_| ())?;
        self.interrupt.check()?;
        Ok(report)
    }
}

/// One error spoils the figures of all others.
fn judge(report: &Report) -> anyhow::Result<()> {
    let problem = problem(report).unwrap_or_default();
    ensure!(problem.is_empty(), "{} of {} requests failed: {problem}", report.errors(), report.requests());
    Ok(())
}

/// What went wrong, if anything did.
fn problem(report: &Report) -> Option<String> {
    let status = report.statuses.range(400..).next().map(|(status, _)| format!("answered with {status}"));
    let none = || (report.answered() == 0).then(|| "no answer".to_owned());
    report.messages.keys().next().cloned().or(status).or_else(none)
}
