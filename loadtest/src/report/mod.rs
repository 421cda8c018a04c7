//! What a run has shown, and texts made of it.

pub mod csv;
pub mod hey;
pub mod html;
pub mod json;
pub(crate) mod plot;

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::failure::Kind;
use crate::plan::{Load, Plan};
use crate::record::{Bounds, Lost, Sample, Totals};
use crate::series::Second;
use crate::shares::{self, Judged};

/// Percentiles that are told wherever all are.
pub const PERCENTILES: [f64; 9] = [10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99];

/// What a run has shown.
#[derive(Clone, Debug)]
pub struct Report {
    /// The URL.
    pub target: String,
    /// Requests a second that were asked for, in an open loop.
    pub wanted_rate: Option<f64>,
    /// How long it took, without its warm-up.
    pub elapsed: Duration,
    /// Latencies of answers, of any status: from when the request was to begin to its answer's end.
    pub latency: Bounds,
    /// The same: connecting, name look-up, writing, waiting, reading.
    pub stages: [Bounds; 5],
    /// Bytes of bodies, as they came.
    pub bytes: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests without an answer by kind.
    pub failures: BTreeMap<Kind, u64>,
    /// The same by message, of which at most a hundred are told apart.
    pub messages: BTreeMap<String, u64>,
    /// Figures of every second.
    pub series: Vec<Second>,
    /// Parts of the answers by backend, where they were expected.
    pub shares: Vec<Judged>,
    /// Answered requests one by one, as many as the plan asked for.
    pub samples: Vec<Sample>,
    /// The same of requests without an answer.
    pub lost: Vec<Lost>,
    latencies: Histogram<u64>,
}

impl Report {
    pub(crate) fn new(plan: &Plan, totals: Totals, series: Vec<Second>, elapsed: Duration) -> Self {
        let wanted_rate = match plan.load {
            Load::Open { rate, .. } => Some(rate),
            Load::Closed { .. } => None,
        };
        let statuses = (0..).zip(totals.codes.iter().copied()).filter(|(_, count)| *count > 0).collect();
        let shares = plan.shares.as_ref().map(|shares| shares::judge(&shares.expected, &totals.backends));
        Self {
            target: plan.target.to_string(),
            wanted_rate,
            elapsed,
            latency: totals.latency,
            stages: totals.stages,
            bytes: totals.bytes,
            statuses,
            failures: totals.kinds,
            messages: totals.messages,
            series,
            shares: shares.unwrap_or_default(),
            samples: totals.samples,
            lost: totals.lost,
            latencies: totals.latencies,
        }
    }

    /// Requests that ended, with or without an answer.
    pub fn requests(&self) -> u64 {
        self.answered() + self.failed()
    }

    /// Requests that were answered, with any status.
    pub fn answered(&self) -> u64 {
        self.latencies.len()
    }

    /// Requests without an answer.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Requests without an answer, and answers of status 400 and above.
    pub fn errors(&self) -> u64 {
        self.failed() + self.statuses.range(400..).map(|(_, count)| count).sum::<u64>()
    }

    /// Answers a second.
    #[expect(clippy::cast_precision_loss, reason = "a count of answers is far below 2^53")]
    pub fn rate(&self) -> f64 {
        self.answered() as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Mean latency; zero without answers.
    pub fn mean(&self) -> Duration {
        mean(self.latency.sum, self.answered())
    }

    /// Latency that so many percent of the answers kept to, to three digits; zero without answers.
    pub fn percentile(&self, percent: f64) -> Duration {
        let latency = Duration::from_nanos(self.latencies.value_at_percentile(percent));
        // A bucket's bound may lie beyond what was seen.
        latency.clamp(self.latency.min.unwrap_or_default(), self.latency.max)
    }

    /// Latencies, to three digits, and how many answers had them; the shortest first.
    pub fn counts(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        let bounds = (self.latency.min.unwrap_or_default(), self.latency.max);
        self.latencies.iter_recorded().map(move |value| {
            let least = Duration::from_nanos(self.latencies.lowest_equivalent(value.value_iterated_to()));
            (least.clamp(bounds.0, bounds.1), value.count_at_value())
        })
    }
}

/// A sum divided; zero for none.
pub(crate) fn mean(sum: Duration, count: u64) -> Duration {
    let nanoseconds = sum.as_nanos().checked_div(u128::from(count)).unwrap_or_default();
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Instant;

    use super::*;
    use crate::failure::Failure;
    use crate::record::{Outcome, Recorder};

    /// 99 answers of 1 to 99 ms, of which one is a 503, and one refused connection, in one second.
    pub(crate) fn seen() -> Report {
        let begin = Instant::now();
        let mut recorder = Recorder::new(begin, Duration::ZERO, 0, 3);
        for milliseconds in 1..100 {
            let outcome =
                Outcome { status: if milliseconds == 50 { 503 } else { 200 }, bytes: 10, ..Outcome::default() };
            recorder.record(begin, begin + Duration::from_millis(milliseconds), Ok(outcome));
        }
        let refused = Failure::new(Kind::ConnectRefused, "connect 127.0.0.1:1: refused");
        recorder.record(begin, begin, Err(refused));
        let (totals, slice) = recorder.finish();
        let mut series = crate::series::Series::new(1);
        series.add(&slice);
        let plan = Plan::new("http://127.0.0.1:8080/".parse().unwrap());
        Report::new(&plan, totals, series.finish(), Duration::from_secs(1))
    }

    #[test]
    fn figures_are_those_of_what_was_recorded() {
        let report = seen();
        assert_eq!((report.requests(), report.answered(), report.failed(), report.errors()), (100, 99, 1, 2));
        assert_eq!(report.mean(), Duration::from_millis(50));
        assert_eq!(report.percentile(100.0), Duration::from_millis(99));
        assert_eq!(report.bytes, 990);
        assert_eq!(report.statuses, BTreeMap::from([(200, 98), (503, 1)]));
        assert!(report.percentile(50.0).abs_diff(Duration::from_millis(50)) < Duration::from_micros(50));
    }
}
