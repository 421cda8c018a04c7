//! What a run must keep to: `p99<10ms`, `errors=0`, `rate>1000`.

use std::fmt;
use std::str::FromStr;

use crate::report::Report;
use crate::time;

/// A bound of one figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    text: String,
    metric: Metric,
    comparison: Comparison,
    /// In the metric's unit; seconds for latencies.
    bound: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    Percentile(f64),
    Mean,
    Max,
    /// Requests without a good answer.
    Errors,
    /// The same in percent of all.
    ErrorRate,
    Rate,
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
    "threshold {0}: write a figure (p50, p99.9, mean, max, errors, error-rate, rate, requests), one of < <= = >= >, \
     and a number; a latency has a unit, as in p99<10ms"
)]
pub struct BadThreshold(String);

impl FromStr for Threshold {
    type Err = BadThreshold;

    fn from_str(text: &str) -> Result<Self, BadThreshold> {
        parse(text).ok_or_else(|| BadThreshold(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Threshold> {
    let (at, sign) = text.match_indices(['<', '=', '>']).next()?;
    let (name, rest) = (text[..at].trim(), &text[at + 1..]);
    let (comparison, value) = match (sign, rest.strip_prefix('=')) {
        ("<", Some(value)) => (Comparison::AtMost, value),
        (">", Some(value)) => (Comparison::AtLeast, value),
        ("<", None) => (Comparison::Less, rest),
        (">", None) => (Comparison::More, rest),
        (_, value) => (Comparison::Equal, value.unwrap_or(rest)),
    };
    let metric = metric(name)?;
    let value = value.trim();
    let bound = match metric {
        Metric::Percentile(_) | Metric::Mean | Metric::Max => time::parse(value)?.as_secs_f64(),
        Metric::ErrorRate => value.trim_end_matches('%').parse().ok()?,
        Metric::Errors | Metric::Rate | Metric::Requests => value.parse().ok()?,
    };
    bound.is_finite().then(|| Threshold { text: text.to_owned(), metric, comparison, bound })
}

fn metric(name: &str) -> Option<Metric> {
    Some(match name {
        "mean" => Metric::Mean,
        "max" => Metric::Max,
        "errors" => Metric::Errors,
        "error-rate" => Metric::ErrorRate,
        "rate" => Metric::Rate,
        "requests" => Metric::Requests,
        _ => {
            let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
            Metric::Percentile(Some(percent).filter(|percent| (0.0..=100.0).contains(percent))?)
        }
    })
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

impl Threshold {
    /// Compares a run with it.
    ///
    /// # Errors
    /// When the run missed it; a run without any answer misses every latency.
    pub fn check(&self, report: &Report) -> Result<(), Missed> {
        let latency = report.answered() > 0;
        #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^53")]
        let seen = match self.metric {
            Metric::Percentile(_) | Metric::Mean | Metric::Max if !latency => {
                return Err(Missed { threshold: self.text.clone(), seen: "no answers".to_owned() });
            }
            Metric::Percentile(percent) => report.percentile(percent).as_secs_f64(),
            Metric::Mean => report.mean().as_secs_f64(),
            Metric::Max => report.latency.max.as_secs_f64(),
            Metric::Errors => report.errors() as f64,
            Metric::ErrorRate => 100.0 * report.errors() as f64 / report.requests().max(1) as f64,
            Metric::Rate => report.rate(),
            Metric::Requests => report.requests() as f64,
        };
        let kept = match self.comparison {
            Comparison::Less => seen < self.bound,
            Comparison::AtMost => seen <= self.bound,
            Comparison::Equal => (seen - self.bound).abs() <= f64::EPSILON * self.bound.abs(),
            Comparison::AtLeast => seen >= self.bound,
            Comparison::More => seen > self.bound,
        };
        if kept { Ok(()) } else { Err(Missed { threshold: self.text.clone(), seen: self.with_unit(seen) }) }
    }

    fn with_unit(&self, seen: f64) -> String {
        match self.metric {
            Metric::Percentile(_) | Metric::Mean | Metric::Max => format!("{:.3} ms", seen * 1000.0),
            Metric::ErrorRate => format!("{seen:.4} %"),
            Metric::Rate => format!("{seen:.1} requests/s"),
            Metric::Errors | Metric::Requests => format!("{seen}"),
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
