//! Bursts at a route that sleeps: what is held, and when the first answer comes.

mod burst;
pub mod html;
pub mod json;
mod run;
pub mod text;

use std::time::Duration;

pub use burst::{Burst, End, Request, Step};
pub use run::{Bursts, run};

use crate::order;
use crate::thresholds::{Figure, Unit, percentile};

/// Percentiles that are told.
const PERCENTILES: [f64; 5] = [50.0, 90.0, 95.0, 99.0, 99.9];

/// What bursts have shown.
#[derive(Clone, Debug)]
pub struct Report {
    /// The URL.
    pub target: String,
    /// What was asked for.
    pub asked: Bursts,
    /// Each of them.
    pub bursts: Vec<Burst>,
}

impl Report {
    /// Times to the first byte of all good answers, sorted.
    pub fn first_bytes(&self) -> Vec<Duration> {
        let mut all: Vec<Duration> = self.bursts.iter().flat_map(Burst::first_bytes).collect();
        all.sort_unstable();
        all
    }

    /// Requests without a good answer.
    pub fn errors(&self) -> usize {
        self.bursts.iter().map(Burst::errors).sum()
    }

    /// The first good answer of each burst that had one, from the burst's beginning; sorted.
    pub fn firsts(&self) -> Vec<Duration> {
        let mut firsts: Vec<Duration> = self.bursts.iter().filter_map(Burst::first).collect();
        firsts.sort_unstable();
        firsts
    }
}

/// Figures of bursts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// Time to the first byte that so many percent of the good answers kept to.
    Percentile(f64),
    /// The latest first answer of a burst.
    First,
    /// The latest last answer of a burst.
    Last,
    /// Requests without a good answer.
    Errors,
}

impl Figure for Metric {
    type Report = Report;

    const NAMES: &'static str = "p50, p99.9, first, last, errors";

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "first" => Self::First,
            "last" => Self::Last,
            "errors" => Self::Errors,
            _ => Self::Percentile(percentile(name)?),
        })
    }

    fn unit(self) -> Unit {
        if self == Self::Errors { Unit::Count } else { Unit::Time }
    }

    /// Nothing where a burst had no good answer: the others' would hide it.
    fn of(self, report: &Report) -> Option<f64> {
        let latest = |time: fn(&Burst) -> Option<Duration>| {
            let times: Option<Vec<Duration>> = report.bursts.iter().map(time).collect();
            times?.into_iter().max()
        };
        let time = match self {
            Self::Percentile(percent) => order::percentile(&report.first_bytes(), percent),
            Self::First => latest(Burst::first),
            Self::Last => latest(Burst::last),
            #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^53")]
            Self::Errors => return Some(report.errors() as f64),
        };
        time.map(|time| time.as_secs_f64())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::failure::Kind;
    use crate::thresholds::Threshold;

    /// Ten requests at once, held for 950 ms and then answered 5 ms after each other; one of them by a 503 and one not
    /// at all.
    pub(crate) fn seen() -> Report {
        let end = |number: u32| match number {
            3 => End::Status(503),
            5 => End::Failed(Kind::Reset),
            _ => End::Status(200),
        };
        let after = |number: u32| Duration::from_millis(950 + 5 * u64::from(number));
        let each = (0..10).map(|number| Request { sent: Duration::ZERO, after: after(number), end: end(number) });
        let messages = BTreeMap::from([("reset <by> peer".to_owned(), 1)]);
        let burst = Burst { requests: each.collect(), messages };
        let asked = Bursts { requests: 10, over: Duration::ZERO, repeat: 1, idle: Duration::ZERO };
        Report { target: "http://127.0.0.1:8080/".to_owned(), asked, bursts: vec![burst] }
    }

    #[test]
    fn figures_are_those_of_good_answers() {
        let mut report = seen();
        let check = |report: &Report, text: &str| {
            text.parse::<Threshold<Metric>>().unwrap().check(report).map_err(|missed| missed.seen)
        };
        for kept in ["first=950ms", "last=995ms", "p50<=970ms", "p100=995ms", "errors=2"] {
            assert_eq!(check(&report, kept), Ok(()), "{kept}");
        }
        assert_eq!(check(&report, "first<1ms"), Err("950.000 ms".to_owned()));
        report.bursts.push(Burst { requests: Vec::new(), messages: BTreeMap::new() });
        assert_eq!(check(&report, "first<1s"), Err("no answers".to_owned()));
        assert!("rate>1".parse::<Threshold<Metric>>().is_err());
    }
}
