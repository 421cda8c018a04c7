//! What net-pingora must keep to beside the others.

use super::figures::{Latency, Turn};
use super::outcome::{Outcome, Row};
use super::proxies::Kind;
use super::work::Work;

/// A figure that proxies are held against each other by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    Cpu,
    Rate,
    P99,
    Memory,
}

/// A bound on the ratio of two proxies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A figure of net-pingora over that of another.
#[derive(Clone, Copy, Debug)]
struct Rule(Work, Figure, Kind, Bound);

const RULES: [Rule; 10] = [
    Rule(Work::H1, Figure::Cpu, Kind::Envoy, Bound::AtMost(0.6)),
    Rule(Work::H1, Figure::Rate, Kind::Envoy, Bound::AtLeast(1.7)),
    Rule(Work::H1, Figure::P99, Kind::Envoy, Bound::AtMost(1.0)),
    Rule(Work::H1, Figure::Cpu, Kind::BarePingora, Bound::AtMost(1.1)),
    Rule(Work::H2c, Figure::Cpu, Kind::Envoy, Bound::AtMost(0.6)),
    Rule(Work::H2c, Figure::Rate, Kind::Envoy, Bound::AtLeast(1.7)),
    Rule(Work::H2c, Figure::P99, Kind::Envoy, Bound::AtMost(1.0)),
    Rule(Work::H2c, Figure::Cpu, Kind::BarePingora, Bound::AtMost(1.1)),
    Rule(Work::Routes, Figure::Memory, Kind::Envoy, Bound::AtMost(0.5)),
    Rule(Work::Idle, Figure::Memory, Kind::Envoy, Bound::AtMost(0.5)),
];

/// A rule that could be judged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    /// What is held against what, with the bound.
    pub(crate) rule: String,
    /// The ratio.
    pub(crate) ratio: f64,
    pub(crate) kept: bool,
    /// Something else than net-pingora bounded a rate that is too low.
    pub(crate) unproven: bool,
}

impl Judged {
    /// In a word.
    pub(crate) fn verdict(&self) -> &'static str {
        match self {
            Self { kept: true, .. } => "pass",
            Self { unproven: true, .. } => "unproven",
            _ => "FAIL",
        }
    }
}

/// Judges the rules both sides of which were measured.
pub(crate) fn judge(outcomes: &[Outcome]) -> Vec<Judged> {
    RULES.iter().filter_map(|rule| rule.judge(outcomes)).collect()
}

impl Rule {
    fn judge(self, outcomes: &[Outcome]) -> Option<Judged> {
        let Self(work, figure, other, bound) = self;
        let outcome = outcomes.iter().find(|outcome| outcome.work == work)?;
        let ratio = figure.ratio(outcome.row(Kind::NetPingora)?, outcome.row(other)?)?;
        let (kept, bound) = match bound {
            Bound::AtMost(most) => (ratio <= most, format!("at most {most}")),
            Bound::AtLeast(least) => (ratio >= least, format!("at least {least}")),
        };
        let rule = format!("{}: {} {bound}× {}", work.name(), figure.name(), other.name());
        let idle = outcome.row(Kind::NetPingora).is_some_and(Row::had_time_left);
        Some(Judged { rule, ratio, kept, unproven: !kept && figure == Figure::Rate && idle })
    }
}

impl Figure {
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU per request",
            Self::Rate => "requests/s",
            Self::P99 => "p99",
            Self::Memory => "memory",
        }
    }

    fn ratio(self, ours: &Row, theirs: &Row) -> Option<f64> {
        let p99 = |row: &Row| row.latency(|latency: &Latency| latency.p99).map(|spread| spread.median);
        match self {
            Self::Cpu => ours.ratio(theirs, Turn::cost),
            Self::Rate => ours.ratio(theirs, Turn::rate),
            Self::P99 => Some(p99(ours)? / p99(theirs)?),
            #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
            Self::Memory => Some(ours.memory.after as f64 / theirs.memory.after as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A proxy with so many microseconds a request on a core that is full.
    fn row(kind: Kind, cost: u64) -> Row {
        let turn = Turn {
            cpu: Duration::from_secs(1),
            others: Duration::ZERO,
            requests: 1_000_000 / cost,
            time: Duration::from_secs(1),
        };
        let latency = Latency { p50: 1.0, p99: 2.0, p999: 3.0 };
        Row { turns: vec![Some(turn)], latencies: vec![latency], ..Row::new(kind, 1) }
    }

    fn judged(rows: Vec<Row>) -> Vec<(String, bool)> {
        let outcome = Outcome { work: Work::H1, rate: None, rows, failed: Vec::new() };
        judge(&[outcome]).into_iter().map(|judged| (judged.rule, judged.kept)).collect()
    }

    #[test]
    fn rules_hold_ratios_to_their_bounds() {
        let rows = |envoy| vec![row(Kind::NetPingora, 10), row(Kind::Envoy, envoy)];
        let rules = [
            "h1: CPU per request at most 0.6× Envoy",
            "h1: requests/s at least 1.7× Envoy",
            "h1: p99 at most 1× Envoy",
        ];
        for (envoy, kept) in [(20, [true, true, true]), (16, [false, false, true])] {
            let wanted: Vec<_> = rules.into_iter().map(str::to_owned).zip(kept).collect();
            assert_eq!(judged(rows(envoy)), wanted, "{envoy}");
        }
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        assert_eq!(judged(vec![row(Kind::NetPingora, 10)]), []);
        assert_eq!(judged(vec![row(Kind::Envoy, 10), row(Kind::BarePingora, 10)]), []);
    }
}
