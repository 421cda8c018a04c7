//! What a kind of work came to.

use super::contestant::Contestant;
use super::figures::{Latency, Memory, Spread, Turn};
use super::proxies::Kind;
use super::work::Work;

/// The part of its cores from which on the proxy, and not the client, bounds requests a second.
const FULL: f64 = 0.95;

/// A turn is slow, not by the proxy but by the machine, above that of which a quarter is faster, times this. Neighbours on
/// the same hardware slow a machine for seconds or minutes, each proxy by something else.
const SLOWED: f64 = 1.15;

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
    /// One a round.
    pub(crate) latencies: Vec<Latency>,
    pub(crate) memory: Memory,
}

impl Row {
    pub(crate) fn new(kind: Kind, workers: usize) -> Self {
        let memory = Memory::default();
        Self { kind, workers, turns: Vec::new(), latencies: Vec::new(), memory }
    }

    /// A figure of the turns at full speed.
    pub(crate) fn turns(&self, figure: impl Fn(Turn) -> f64) -> Option<Spread> {
        spread(self.turns.iter().flatten(), |turn| turn.cost(), |turn| figure(*turn))
    }

    /// Turns that proved nothing.
    pub(crate) fn void(&self) -> usize {
        self.turns.iter().filter(|turn| turn.is_none()).count()
    }

    /// Turns that the machine slowed.
    pub(crate) fn slowed(&self) -> usize {
        let costs = || self.turns.iter().flatten().map(|turn| turn.cost());
        bound(costs()).map_or(0, |bound| costs().filter(|cost| *cost > bound).count())
    }

    /// A figure over that of another.
    pub(crate) fn ratio(&self, to: &Self, figure: impl Fn(Turn) -> f64) -> Option<f64> {
        Some(self.turns(&figure)?.median / to.turns(&figure)?.median)
    }

    /// The part of its cores that was in use at full speed.
    pub(crate) fn busy(&self) -> Option<f64> {
        self.turns(|turn| turn.busy(self.workers)).map(|spread| spread.median)
    }

    /// Whether something else than the proxy was the bound at full speed.
    pub(crate) fn had_time_left(&self) -> bool {
        self.busy().is_some_and(|busy| busy < FULL)
    }

    /// A latency of the turns at the fixed rate, in milliseconds.
    pub(crate) fn latency(&self, figure: impl Fn(&Latency) -> f64) -> Option<Spread> {
        spread(self.latencies.iter(), |latency| latency.p50, figure)
    }
}

/// The median of the turns that the machine did not slow, by what `slowness` tells of them; the least and the most of
/// all.
fn spread<'a, T: 'a>(
    turns: impl Iterator<Item = &'a T> + Clone,
    slowness: impl Fn(&T) -> f64,
    figure: impl Fn(&T) -> f64,
) -> Option<Spread> {
    let bound = bound(turns.clone().map(&slowness))?;
    let steady = turns.clone().filter(|turn| slowness(turn) <= bound).map(&figure);
    Some(Spread { median: Spread::of(steady)?.median, ..Spread::of(turns.map(&figure))? })
}

/// Where it begins to be slow.
fn bound(slowness: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = slowness.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 4).map(|calmest| calmest * SLOWED)
}

impl Outcome {
    pub(crate) fn row(&self, kind: Kind) -> Option<&Row> {
        self.rows.iter().find(|row| row.kind == kind)
    }

    /// A proxy that is out from now on, with all its figures.
    pub(crate) fn fail(&mut self, kind: Kind, error: &anyhow::Error) {
        self.rows.retain(|row| row.kind != kind);
        self.failed.push((kind, format!("{error:#}")));
    }

    /// What a process came to, after those of the same proxy before it. Of their memory the most counts.
    pub(crate) fn add(&mut self, process: Contestant, workers: usize) {
        let Contestant { kind, turns, latencies, memory, .. } = process;
        let Some(row) = self.rows.iter_mut().find(|row| row.kind == kind) else {
            return self.rows.push(Row { turns, latencies, memory, ..Row::new(kind, workers) });
        };
        row.turns.extend(turns);
        row.latencies.extend(latencies);
        row.memory = row.memory.most(memory);
    }

    /// Turns that each proxy had.
    pub(crate) fn rounds(&self) -> usize {
        self.rows.first().map_or(0, |row| row.turns.len())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A proxy whose turns cost so many microseconds a request.
    fn row(kind: Kind, costs: &[u64]) -> Row {
        let turn = |cost: &u64| Turn {
            cpu: Duration::from_micros(1000 * cost),
            others: Duration::ZERO,
            requests: 1000,
            time: Duration::from_micros(1000 * cost),
        };
        Row { turns: costs.iter().map(|cost| Some(turn(cost))).collect(), ..Row::new(kind, 1) }
    }

    #[test]
    fn figures_are_medians_of_turns_that_the_machine_did_not_slow() {
        let ours = row(Kind::NetPingora, &[100, 160, 101, 180, 130, 170, 99, 150]);
        let envoy = row(Kind::Envoy, &[300, 310, 600, 301, 299, 300]);
        for (row, median, least, most, slowed) in [(&ours, 100.0, 99.0, 180.0, 5), (&envoy, 300.0, 299.0, 600.0, 1)] {
            let cost = row.turns(Turn::cost).unwrap();
            let close = |one: f64, other: f64| (one - other).abs() < 1e-6;
            assert!(close(cost.median, median) && close(cost.least, least) && close(cost.most, most), "{cost:?}");
            assert_eq!(row.slowed(), slowed);
        }
        assert!((envoy.ratio(&ours, Turn::cost).unwrap() - 3.0).abs() < 1e-9);
        assert_eq!((row(Kind::Relay, &[]).turns(Turn::cost), row(Kind::Relay, &[]).slowed()), (None, 0));
    }
}
