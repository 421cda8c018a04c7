//! What turns come to.

use std::time::Duration;

/// How far measured time may lie above what the cores have, for the inexactness of both clocks.
const TOLERANCE: f64 = 1.02;

/// One proxy at full speed for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Turn {
    /// Time of the proxy on its cores.
    pub(crate) cpu: Duration,
    /// Time of anything else on them.
    pub(crate) others: Duration,
    pub(crate) requests: u64,
    /// How long it took.
    pub(crate) time: Duration,
}

impl Turn {
    /// Microseconds on a core for each request.
    pub(crate) fn cost(self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / count(self.requests)
    }

    /// Requests a second.
    pub(crate) fn rate(self) -> f64 {
        count(self.requests) / self.time.as_secs_f64()
    }

    /// The part of so many cores that was in use: requests a second times time on a core for each.
    pub(crate) fn busy(self, cores: usize) -> f64 {
        self.rate() * self.cost() / 1e6 / count(cores as u64)
    }

    /// The part of so many cores that others used.
    pub(crate) fn disturbed(self, cores: usize) -> f64 {
        self.others.as_secs_f64() / self.time.as_secs_f64() / count(cores as u64)
    }

    /// Whether it proves nothing: no requests, or more time on cores than the cores have.
    pub(crate) fn is_void(self, cores: usize) -> bool {
        self.requests == 0 || self.busy(cores) > TOLERANCE
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
fn count(count: u64) -> f64 {
    count as f64
}

/// Latencies of one proxy at the fixed rate, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

/// The median of several turns, and the least and the most of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// `None` for no values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Self { least: *values.first()?, median: f64::midpoint(lower, upper), most: *values.last()? })
    }
}

/// Resident memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// After its first answer.
    pub(crate) before: u64,
    /// After all load; with 10,000 idle connections, while they are open.
    pub(crate) after: u64,
}

impl Memory {
    /// The more of two processes.
    pub(crate) fn most(self, other: Self) -> Self {
        Self { before: self.before.max(other.before), after: self.after.max(other.after) }
    }
}

/// A rate of two digits that is at most `part` of the slowest.
pub(crate) fn rate_for_all(rates: impl IntoIterator<Item = f64>, part: f64) -> Option<f64> {
    let slowest = rates.into_iter().min_by(f64::total_cmp)? * part;
    let digit = 10_f64.powf(slowest.log10().floor() - 1.0);
    Some((slowest / digit).floor() * digit).filter(|rate| rate.is_finite() && *rate > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(cpu: u64, requests: u64) -> Turn {
        Turn {
            cpu: Duration::from_millis(cpu),
            others: Duration::from_millis(100),
            requests,
            time: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_turn_costs_its_time_on_cores_by_its_requests() {
        let turn = turn(500, 10_000);
        assert!((turn.cost() - 50.0).abs() < 1e-9 && (turn.rate() - 10_000.0).abs() < 1e-6);
        assert!((turn.busy(1) - 0.5).abs() < 1e-9 && (turn.busy(2) - 0.25).abs() < 1e-9);
        assert!((turn.disturbed(2) - 0.05).abs() < 1e-9);
    }

    #[test]
    fn more_time_than_the_cores_have_voids_a_turn() {
        let cases =
            [(1000, 10, 1, false), (1015, 10, 1, false), (1030, 10, 1, true), (1030, 10, 2, false), (1, 0, 1, true)];
        for (cpu, requests, cores, void) in cases {
            assert_eq!(turn(cpu, requests).is_void(cores), void, "{cpu} ms on {cores}");
        }
    }

    #[test]
    fn a_median_is_the_middle_or_between_two() {
        let cases: [(&[f64], f64); 4] = [(&[3.0], 3.0), (&[9.0, 1.0, 2.0], 2.0), (&[4.0, 1.0], 2.5), (&[1.0; 6], 1.0)];
        for (values, median) in cases {
            let spread = Spread::of(values.iter().copied()).unwrap();
            assert!((spread.median - median).abs() < 1e-9, "{values:?}");
            assert!(spread.least <= spread.median && spread.median <= spread.most);
        }
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_rate_for_all_is_a_round_part_of_the_slowest() {
        for (rates, wanted) in [(&[45_000.0, 31_234.0][..], Some(15_000.0)), (&[999.0], Some(490.0)), (&[0.0], None)] {
            assert_eq!(rate_for_all(rates.iter().copied(), 0.5), wanted);
        }
        assert_eq!(rate_for_all([], 0.5), None);
    }
}
