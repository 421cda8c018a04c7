//! All proxies at one kind of work, in turns.

use std::time::{Duration, Instant};

use super::contestant::{Contestant, Field, Installed};
use super::figures::{Memory, rate_for_all};
use super::idle;
use super::outcome::{Outcome, Row};
use super::work::Work;

/// The rate of the latencies, as a part of what the slowest can do.
const PART: f64 = 0.5;

/// Rounds between one start of the proxies and the next. Processes of one program differ by some percent for as long as
/// they run, as by where they lie in memory, so that many must be measured and not one for long.
const ROUNDS_OF_A_HEAT: u32 = 3;

/// What one kind of work takes, unless the number of rounds is given.
const WORK_TAKES: Duration = Duration::from_secs(170);

/// How often, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// As many as there is time for when not given: the fewer proxies, the more rounds.
    pub(crate) rounds: Option<u32>,
    /// Of a turn at full speed.
    pub(crate) time: Duration,
}

impl Scale {
    /// Of a turn at the fixed rate, and of the warm-up. Latencies are known in less time than costs are: a turn has
    /// thousands of them, and one cost.
    pub(crate) fn half(self) -> Duration {
        self.time / 2
    }

    /// About how long so many proxies take at this work.
    pub(crate) fn lasts(self, work: Work, proxies: usize) -> Duration {
        const START: Duration = Duration::from_millis(500);
        const CONNECT: Duration = Duration::from_secs(5);
        let proxies = u32::try_from(proxies).unwrap_or(u32::MAX);
        let take = |rounds: u32| {
            let starts = (START + self.half()) * rounds.div_ceil(ROUNDS_OF_A_HEAT);
            (starts + (self.time + self.half()) * rounds) * proxies
        };
        match self.rounds {
            _ if work == Work::Idle => (START + CONNECT) * proxies,
            None => take(ROUNDS_OF_A_HEAT).max(WORK_TAKES),
            Some(rounds) => take(rounds),
        }
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
        race_all(field, installed, &mut outcome)?;
    }
    Ok(outcome)
}

/// One after the other, since each has thousands of connections.
fn idle_all(field: &Field, installed: &[&Installed], outcome: &mut Outcome) -> anyhow::Result<()> {
    for installed in installed {
        field.progress.tell(&format!("{}: {}", outcome.work.name(), installed.kind.name()));
        match idle(field, installed) {
            Ok(memory) => outcome.rows.push(Row { memory, ..Row::new(installed.kind, field.cores.proxy.0.len()) }),
            Err(error) => outcome.fail(installed.kind, &error),
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

/// As many heats as there are rounds or there is time for.
fn race_all(field: &Field, mut installed: Vec<&Installed>, outcome: &mut Outcome) -> anyhow::Result<()> {
    let (begin, mut left) = (Instant::now(), field.scale.rounds);
    loop {
        let (heat_begin, rounds) = (Instant::now(), left.unwrap_or(ROUNDS_OF_A_HEAT).min(ROUNDS_OF_A_HEAT));
        heat(field, &installed, rounds, outcome)?;
        installed.retain(|installed| outcome.row(installed.kind).is_some());
        left = left.map(|left| left - rounds);
        let time_for_another = begin.elapsed() + heat_begin.elapsed() <= WORK_TAKES;
        if installed.is_empty() || !left.map_or(time_for_another, |left| left > 0) {
            return Ok(());
        }
    }
}

/// Starts all and gives them their turns.
fn heat(field: &Field, installed: &[&Installed], rounds: u32, outcome: &mut Outcome) -> anyhow::Result<()> {
    let (name, before) = (outcome.work.name(), outcome.rounds());
    let mut contestants = start_all(field, installed, outcome)?;
    let Some(rate) = outcome.rate else { return Ok(()) };
    for round in (before + 1..).take(rounds as usize) {
        // All at full speed, as close together as can be, so that what slows the machine for a while slows all.
        each(field, &mut contestants, outcome, |contestant| {
            field.progress.tell(&format!("{name}: round {round}, {}", contestant.kind.name()));
            contestant.take_turn(field.scale.time)
        })?;
        each(field, &mut contestants, outcome, |contestant| {
            field.progress.tell(&format!("{name}: round {round}, latencies of {}", contestant.kind.name()));
            contestant.take_latencies(field.scale.half(), rate)
        })?;
    }
    each(field, &mut contestants, outcome, |contestant| {
        contestant.memory.after = contestant.resident()?;
        Ok(())
    })?;
    for contestant in contestants {
        outcome.add(contestant, field.cores.proxy.0.len());
    }
    Ok(())
}

/// Starts all and warms them up; the first time it shows the rate of the latencies.
fn start_all(field: &Field, installed: &[&Installed], outcome: &mut Outcome) -> anyhow::Result<Vec<Contestant>> {
    let name = outcome.work.name();
    let mut contestants = Vec::new();
    for installed in installed {
        field.progress.tell(&format!("{name}: start {}", installed.kind.name()));
        match field.start(installed, outcome.work) {
            Ok(contestant) => contestants.push(contestant),
            Err(error) => outcome.fail(installed.kind, &error),
        }
        field.interrupt.check()?;
    }
    let mut rates = Vec::new();
    each(field, &mut contestants, outcome, |contestant| {
        field.progress.tell(&format!("{name}: warm up {}", contestant.kind.name()));
        rates.push(contestant.race(field.scale.half())?.rate());
        Ok(())
    })?;
    outcome.rate = outcome.rate.or_else(|| rate_for_all(rates, PART));
    Ok(contestants)
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
            outcome.fail(contestant.kind, error);
        }
        acted.is_ok()
    });
    field.interrupt.check()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_comparison_takes_less_than_twelve_minutes() {
        let scale = Scale { rounds: None, time: Duration::from_millis(750) };
        let all: Duration = Work::QUICK.iter().map(|work| scale.lasts(*work, 6)).sum();
        assert!(all < Duration::from_mins(12), "{all:?}");
    }

    #[test]
    fn turns_that_are_long_have_one_heat_that_takes_what_it_takes() {
        let scale = Scale { rounds: None, time: Duration::from_mins(1) };
        assert_eq!(scale.lasts(Work::H1, 2), Duration::from_secs(2 * (3 * 90 + 30) + 1));
    }

    #[test]
    fn rounds_that_are_given_take_their_turns_and_the_starts_between_them() {
        let scale = |rounds| Scale { rounds: Some(rounds), time: Duration::from_secs(2) };
        for (rounds, seconds) in [(1, 4.5), (3, 10.5), (4, 15.0)] {
            let lasts = scale(rounds).lasts(Work::H1, 2).as_secs_f64();
            assert!((lasts - 2.0 * seconds).abs() < 1e-9, "{rounds}: {lasts}");
        }
    }
}
