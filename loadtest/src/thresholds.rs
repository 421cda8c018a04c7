//! What a run must keep to: `p99<10ms`, `errors=0`, `rate>1000`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::report::Report;
use crate::time;

/// A figure of a report that can have a bound.
pub trait Figure: Copy {
    /// What it is a figure of.
    type Report;

    /// The names of all of them, for whoever writes one that is none.
    const NAMES: &'static str;

    /// The figure of this name.
    fn named(name: &str) -> Option<Self>;

    /// What it is counted in.
    fn unit(self) -> Unit;

    /// What a report tells, in seconds where it is a time; `None` when it tells nothing, which misses every bound.
    fn of(self, report: &Self::Report) -> Option<f64>;
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Written with its unit, as in `10ms`.
    Time,
    /// With or without a percent sign.
    Percent,
    /// Answers a second.
    Rate,
    /// A number.
    Count,
}

/// A bound of one figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold<F = Metric> {
    text: String,
    figure: F,
    comparison: Comparison,
    /// In the figure's unit; seconds for times.
    bound: f64,
}

/// Figures of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// Latency that so many percent of the answers kept to.
    Percentile(f64),
    /// Mean latency.
    Mean,
    /// The longest latency.
    Max,
    /// Requests without a good answer.
    Errors,
    /// The same in percent of all.
    ErrorRate,
    /// Answers a second.
    Rate,
    /// All requests.
    Requests,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

/// A threshold that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "threshold {text}: write a figure ({names}), one of < <= = >= >, and a number; a time has a unit, as in p99<10ms"
)]
pub struct BadThreshold {
    text: String,
    names: &'static str,
}

impl<F: Figure> FromStr for Threshold<F> {
    type Err = BadThreshold;

    fn from_str(text: &str) -> Result<Self, BadThreshold> {
        parse(text).ok_or_else(|| BadThreshold { text: text.to_owned(), names: F::NAMES })
    }
}

fn parse<F: Figure>(text: &str) -> Option<Threshold<F>> {
    let (at, sign) = text.match_indices(['<', '=', '>']).next()?;
    let (name, rest) = (text[..at].trim(), &text[at + 1..]);
    let (comparison, value) = match (sign, rest.strip_prefix('=')) {
        ("<", Some(value)) => (Comparison::AtMost, value),
        (">", Some(value)) => (Comparison::AtLeast, value),
        ("<", None) => (Comparison::Less, rest),
        (">", None) => (Comparison::More, rest),
        (_, value) => (Comparison::Equal, value.unwrap_or(rest)),
    };
    let figure = F::named(name)?;
    let value = value.trim();
    let bound = match figure.unit() {
        Unit::Time => time::parse(value)?.as_secs_f64(),
        Unit::Percent => value.trim_end_matches('%').parse().ok()?,
        Unit::Rate | Unit::Count => value.parse().ok()?,
    };
    bound.is_finite().then(|| Threshold { text: text.to_owned(), figure, comparison, bound })
}

/// The number of a percentile's name, as in `p99.9`.
pub(crate) fn percentile(name: &str) -> Option<f64> {
    let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
    Some(percent).filter(|percent| (0.0..=100.0).contains(percent))
}

impl Figure for Metric {
    type Report = Report;

    const NAMES: &'static str = "p50, p99.9, mean, max, errors, error-rate, rate, requests";

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "mean" => Self::Mean,
            "max" => Self::Max,
            "errors" => Self::Errors,
            "error-rate" => Self::ErrorRate,
            "rate" => Self::Rate,
            "requests" => Self::Requests,
            _ => Self::Percentile(percentile(name)?),
        })
    }

    fn unit(self) -> Unit {
        match self {
            Self::Percentile(_) | Self::Mean | Self::Max => Unit::Time,
            Self::ErrorRate => Unit::Percent,
            Self::Rate => Unit::Rate,
            Self::Errors | Self::Requests => Unit::Count,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^53")]
    fn of(self, report: &Report) -> Option<f64> {
        let latency = |time: Duration| (report.answered() > 0).then_some(time.as_secs_f64());
        match self {
            Self::Percentile(percent) => latency(report.percentile(percent)),
            Self::Mean => latency(report.mean()),
            Self::Max => latency(report.latency.max),
            Self::Errors => Some(report.errors() as f64),
            Self::ErrorRate => Some(100.0 * report.errors() as f64 / report.requests().max(1) as f64),
            Self::Rate => Some(report.rate()),
            Self::Requests => Some(report.requests() as f64),
        }
    }
}

/// A threshold that was not kept to.
#[derive(Clone, Debug, PartialEq)]
pub struct Missed {
    /// The threshold as it was given.
    pub threshold: String,
    /// What was seen, with its unit.
    pub seen: String,
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "threshold {} missed: {}", self.threshold, self.seen)
    }
}

impl<F: Figure> Threshold<F> {
    /// Compares a run with it.
    ///
    /// # Errors
    /// When the run missed it; a run without any answer misses every latency.
    pub fn check(&self, report: &F::Report) -> Result<(), Missed> {
        let missed = |seen: String| Missed { threshold: self.text.clone(), seen };
        let seen = self.figure.of(report).ok_or_else(|| missed("no answers".to_owned()))?;
        let kept = match self.comparison {
            Comparison::Less => seen < self.bound,
            Comparison::AtMost => seen <= self.bound,
            Comparison::Equal => (seen - self.bound).abs() <= f64::EPSILON * self.bound.abs(),
            Comparison::AtLeast => seen >= self.bound,
            Comparison::More => seen > self.bound,
        };
        if kept { Ok(()) } else { Err(missed(self.figure.unit().tell(seen))) }
    }
}

impl Unit {
    fn tell(self, seen: f64) -> String {
        match self {
            Self::Time => format!("{:.3} ms", seen * 1000.0),
            Self::Percent => format!("{seen:.4} %"),
            Self::Rate => format!("{seen:.1} requests/s"),
            Self::Count => format!("{seen}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::seen;

    #[test]
    fn a_threshold_is_kept_or_named_with_what_was_seen() {
        // 99 answers of 1 to 99 ms, of which one is a 503, and one failure, in one second.
        let report = seen();
        let cases = [
            ("p50<51ms", None),
            ("p50 < 49ms", Some("50.0")),
            ("p99<=100ms", None),
            ("p99.9<10ms", Some("99.")),
            ("mean<0.1s", None),
            ("max<1us", Some("99.000 ms")),
            ("errors=2", None),
            ("errors=0", Some("2")),
            ("errors==2", None),
            ("error-rate<=2%", None),
            ("error-rate<1", Some("2.0000 %")),
            ("rate>98", None),
            ("rate>1000", Some("99.0 requests/s")),
            ("requests>=100", None),
        ];
        for (text, wanted) in cases {
            let missed = text.parse::<Threshold>().unwrap().check(&report).err().map(|missed| missed.seen);
            match (missed, wanted) {
                (None, None) => {}
                (Some(missed), Some(wanted)) => assert!(missed.starts_with(wanted), "{text}: {missed}"),
                (missed, wanted) => panic!("{text}: {missed:?}, not {wanted:?}"),
            }
        }
    }

    #[test]
    fn what_says_nothing_is_refused() {
        for text in ["", "p99", "p99<10", "p101<1ms", "errors<", "speed>3", "rate>fast", "rate>inf", "p99<1ms2"] {
            assert!(text.parse::<Threshold>().is_err(), "{text}");
        }
    }
}
