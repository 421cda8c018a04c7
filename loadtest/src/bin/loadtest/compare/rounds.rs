//! All proxies at one kind of work, in turns.

use std::time::Duration;

use super::contestant::{Contestant, Field, Installed};
use super::figures::{Latency, Memory, Spread, Turn, rate_for_all};
use super::idle;
use super::proxies::Kind;
use super::work::Work;

/// The rate of the latencies, as a part of what the slowest can do.
const PART: f64 = 0.5;

/// The part of its cores from which on the proxy, and not the client, bounds requests a second.
const FULL: f64 = 0.95;

/// How often, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) rounds: u32,
    /// Of either half of a turn, and of the warm-up.
    pub(crate) time: Duration,
}

impl Scale {
    /// How long so many proxies take at this work, started and stopped.
    pub(crate) fn lasts(self, work: Work, proxies: usize) -> Duration {
        const START: Duration = Duration::from_secs(1);
        const CONNECT: Duration = Duration::from_secs(5);
        let each = if work == Work::Idle { START + CONNECT } else { START + self.time * (1 + 2 * self.rounds) };
        each * u32::try_from(proxies).unwrap_or(u32::MAX)
    }
}

/// What one kind of work came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) work: Work,
    /// Requests a second of all, where latencies were measured.
    pub(crate) rate: Option<f64>,
    pub(crate) rows: Vec<Row>,
    /// Proxies that failed, and how.
    pub(crate) failed: Vec<(Kind, String)>,
}

/// What it came to with one proxy.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    /// Its workers, each with a core.
    pub(crate) workers: usize,
    /// One a round; none where it proves nothing.
    pub(crate) turns: Vec<Option<Turn>>,
    pub(crate) latencies: Vec<Latency>,
    pub(crate) memory: Memory,
}

impl Row {
    fn new(kind: Kind, field: &Field) -> Self {
        let workers = field.cores.proxy.0.len();
        Self { kind, workers, turns: Vec::new(), latencies: Vec::new(), memory: Memory::default() }
    }

    /// A figure of all turns at full speed.
    pub(crate) fn turns(&self, figure: impl Fn(Turn) -> f64) -> Option<Spread> {
        Spread::of(self.turns.iter().flatten().map(|turn| figure(*turn)))
    }

    /// Turns that proved nothing.
    pub(crate) fn void(&self) -> usize {
        self.turns.iter().filter(|turn| turn.is_none()).count()
    }

    /// A figure over that of another: the median of the ratios of all rounds, in each of which both had the machine
    /// in the same mood.
    pub(crate) fn ratio(&self, to: &Self, figure: impl Fn(Turn) -> f64) -> Option<f64> {
        let rounds = self.turns.iter().zip(&to.turns).filter_map(|(ours, theirs)| ours.zip(*theirs));
        Some(Spread::of(rounds.map(|(ours, theirs)| figure(ours) / figure(theirs)))?.median)
    }

    /// The part of its cores that was in use at full speed.
    pub(crate) fn busy(&self) -> Option<f64> {
        self.turns(|turn| turn.busy(self.workers)).map(|spread| spread.median)
    }

    /// Whether something else than the proxy was the bound at full speed.
    pub(crate) fn had_time_left(&self) -> bool {
        self.busy().is_some_and(|busy| busy < FULL)
    }

    /// A latency of all turns at the fixed rate, in milliseconds.
    pub(crate) fn latency(&self, figure: impl Fn(&Latency) -> f64) -> Option<Spread> {
        Spread::of(self.latencies.iter().map(figure))
    }
}

impl Outcome {
    pub(crate) fn row(&self, kind: Kind) -> Option<&Row> {
        self.rows.iter().find(|row| row.kind == kind)
    }
}

/// Measures all that take part.
///
/// # Errors
/// When it is interrupted; a proxy that fails is in the outcome.
pub(crate) fn measure(field: &Field, installed: &[Installed], work: Work) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome { work, rate: None, rows: Vec::new(), failed: Vec::new() };
    let installed: Vec<&Installed> = installed.iter().filter(|one| one.kind.does(work)).collect();
    if work == Work::Idle {
        idle_all(field, &installed, &mut outcome)?;
    } else {
        race_all(field, &installed, &mut outcome)?;
    }
    Ok(outcome)
}

/// One after the other, since each has thousands of connections.
fn idle_all(field: &Field, installed: &[&Installed], outcome: &mut Outcome) -> anyhow::Result<()> {
    for installed in installed {
        field.progress.tell(&format!("{}: {}", outcome.work.name(), installed.kind.name()));
        match idle(field, installed) {
            Ok(memory) => outcome.rows.push(Row { memory, ..Row::new(installed.kind, field) }),
            Err(error) => outcome.failed.push((installed.kind, format!("{error:#}"))),
        }
        field.interrupt.check()?;
    }
    Ok(())
}

fn idle(field: &Field, installed: &Installed) -> anyhow::Result<Memory> {
    idle::check_open_files()?;
    let contestant = field.start(installed, Work::Idle)?;
    let after = idle::measure(contestant.address()?, || contestant.resident())?;
    Ok(Memory { after, ..contestant.memory })
}

/// Starts all, warms them up, and gives them their turns.
fn race_all(field: &Field, installed: &[&Installed], outcome: &mut Outcome) -> anyhow::Result<()> {
    let (scale, name) = (field.scale, outcome.work.name());
    let tell = |what: &str, kind: Kind| field.progress.tell(&format!("{name}: {what} {}", kind.name()));
    let mut contestants = Vec::new();
    for installed in installed {
        tell("start", installed.kind);
        match field.start(installed, outcome.work) {
            Ok(contestant) => contestants.push(contestant),
            Err(error) => outcome.failed.push((installed.kind, format!("{error:#}"))),
        }
        field.interrupt.check()?;
    }
    let mut rates = Vec::new();
    each(field, &mut contestants, outcome, |contestant| {
        tell("warm up", contestant.kind);
        rates.push(contestant.race(scale.time)?.rate());
        Ok(())
    })?;
    outcome.rate = rate_for_all(rates, PART);
    let Some(rate) = outcome.rate else { return Ok(()) };
    for round in 1..=scale.rounds {
        // First halves of all, as close together as can be: what they cost is compared round by round.
        each(field, &mut contestants, outcome, |contestant| {
            tell(&format!("round {round} of {},", scale.rounds), contestant.kind);
            contestant.first_half(scale.time)
        })?;
        each(field, &mut contestants, outcome, |contestant| {
            tell(&format!("round {round} of {}, latencies of", scale.rounds), contestant.kind);
            contestant.second_half(scale.time, rate)
        })?;
    }
    each(field, &mut contestants, outcome, |contestant| {
        contestant.memory.after = contestant.resident()?;
        Ok(())
    })?;
    for Contestant { kind, turns, latencies, memory, .. } in contestants {
        outcome.rows.push(Row { turns, latencies, memory, ..Row::new(kind, field) });
    }
    Ok(())
}

/// Does something with each; who fails is out.
fn each(
    field: &Field,
    contestants: &mut Vec<Contestant>,
    outcome: &mut Outcome,
    mut act: impl FnMut(&mut Contestant) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    contestants.retain_mut(|contestant| {
        let acted = field.interrupt.check().and_then(|()| act(contestant));
        if let Err(error) = &acted {
            outcome.failed.push((contestant.kind, format!("{error:#}")));
        }
        acted.is_ok()
    });
    field.interrupt.check()
}
