//! All proxies at one kind of work, in turns.

use std::time::Duration;

use super::contestant::{Contestant, Field, Installed};
use super::figures::{Latency, Memory, Spread, Turn, rate_for_all};
use super::idle;
use super::progress::Progress;
use super::proxies::Kind;
use super::work::Work;

/// The rate of the latencies, as a part of what the slowest can do.
const PART: f64 = 0.5;

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
    pub(crate) turns: Vec<Turn>,
    /// Turns that proved nothing.
    pub(crate) void: usize,
    pub(crate) latencies: Vec<Latency>,
    pub(crate) memory: Memory,
}

impl Row {
    fn new(kind: Kind, field: &Field) -> Self {
        let workers = field.cores.proxy.0.len();
        Self { kind, workers, turns: Vec::new(), void: 0, latencies: Vec::new(), memory: Memory::default() }
    }

    /// A figure of all turns at full speed.
    pub(crate) fn turns(&self, figure: impl Fn(Turn) -> f64) -> Option<Spread> {
        Spread::of(self.turns.iter().map(|turn| figure(*turn)))
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
pub(crate) fn measure(
    field: &Field,
    installed: &[Installed],
    work: Work,
    scale: Scale,
    progress: &Progress,
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome { work, rate: None, rows: Vec::new(), failed: Vec::new() };
    let installed = installed.iter().filter(|installed| installed.kind.does(work));
    if work == Work::Idle {
        for installed in installed {
            progress.tell(&format!("{}: {}", work.name(), installed.kind.name()));
            match idle(field, installed) {
                Ok(memory) => outcome.rows.push(Row { memory, ..Row::new(installed.kind, field) }),
                Err(error) => outcome.failed.push((installed.kind, format!("{error:#}"))),
            }
            field.interrupt.check()?;
        }
        return Ok(outcome);
    }
    let mut contestants = Vec::new();
    for installed in installed {
        progress.tell(&format!("{}: start {}", work.name(), installed.kind.name()));
        match field.start(installed, work) {
            Ok(contestant) => contestants.push(contestant),
            Err(error) => outcome.failed.push((installed.kind, format!("{error:#}"))),
        }
        field.interrupt.check()?;
    }
    outcome.rate = race_all(field, &mut contestants, &mut outcome.failed, scale, work, progress)?;
    for mut contestant in contestants {
        contestant.memory.after = contestant.resident().unwrap_or_default();
        let Contestant { kind, turns, void, latencies, memory, .. } = contestant;
        outcome.rows.push(Row { turns, void, latencies, memory, ..Row::new(kind, field) });
    }
    Ok(outcome)
}

/// Warms all up, and gives them their turns; returns the rate of the latencies.
fn race_all(
    field: &Field,
    contestants: &mut Vec<Contestant>,
    failed: &mut Vec<(Kind, String)>,
    scale: Scale,
    work: Work,
    progress: &Progress,
) -> anyhow::Result<Option<f64>> {
    let mut rates = Vec::new();
    each(field, contestants, failed, |contestant| {
        progress.tell(&format!("{}: warm up {}", work.name(), contestant.kind.name()));
        rates.push(contestant.race(scale.time)?.rate());
        Ok(())
    })?;
    let Some(rate) = rate_for_all(rates, PART) else { return Ok(None) };
    for round in 1..=scale.rounds {
        each(field, contestants, failed, |contestant| {
            let (work, kind) = (work.name(), contestant.kind.name());
            progress.tell(&format!("{work}: round {round} of {}, {kind}", scale.rounds));
            contestant.turn(scale.time, rate)
        })?;
    }
    Ok(Some(rate))
}

/// Does something with each; who fails is out.
fn each(
    field: &Field,
    contestants: &mut Vec<Contestant>,
    failed: &mut Vec<(Kind, String)>,
    mut act: impl FnMut(&mut Contestant) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    contestants.retain_mut(|contestant| {
        let acted = if field.interrupt.check().is_ok() { act(contestant) } else { Ok(()) };
        if let Err(error) = &acted {
            failed.push((contestant.kind, format!("{error:#}")));
        }
        acted.is_ok()
    });
    field.interrupt.check()
}

fn idle(field: &Field, installed: &Installed) -> anyhow::Result<Memory> {
    idle::check_open_files()?;
    let contestant = field.start(installed, Work::Idle)?;
    let after = idle::measure(contestant.address()?, || contestant.resident())?;
    Ok(Memory { after, ..contestant.memory })
}
