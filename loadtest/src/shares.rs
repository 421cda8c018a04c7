//! What part of the answers each backend gave, and whether that is what was expected.

use crate::plan::{Shares, ToldBy};

/// Standard deviations on either side: 99.9 % of a normal distribution are within.
const DEVIATIONS: f64 = 3.290_526_731_491_926;

/// A backend and the part of the answers it should give.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// The name its answers tell.
    pub name: String,
    /// Percent of all answers.
    pub percent: f64,
}

/// Shares that are no parts of a whole.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadShare {
    /// Not a name and a number.
    #[error("share {0}: write NAME=PERCENT")]
    Form(String),
    /// Below 0, above 100, or no number.
    #[error("share {0}: a share is from 0 to 100 percent")]
    Percent(String),
    /// More than the whole.
    #[error("shares add up to {0} percent; make it 100 at most")]
    Sum(f64),
}

impl std::str::FromStr for Share {
    type Err = BadShare;

    fn from_str(text: &str) -> Result<Self, BadShare> {
        let form = || BadShare::Form(text.to_owned());
        let (name, percent) = text.rsplit_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(form)?;
        let percent = percent.trim_end_matches('%').trim().parse().map_err(|_| form())?;
        Ok(Self { name: name.to_owned(), percent })
    }
}

/// Refuses shares that are no parts of a whole.
pub(crate) fn check(shares: &[Share]) -> Result<(), BadShare> {
    if let Some(bad) = shares.iter().find(|share| !(0.0..=100.0).contains(&share.percent)) {
        return Err(BadShare::Percent(bad.name.clone()));
    }
    let sum: f64 = shares.iter().map(|share| share.percent).sum();
    if sum > 100.0 + 1e-9 { Err(BadShare::Sum(sum)) } else { Ok(()) }
}

impl Shares {
    /// Which backend a header or a body names; the number of them all is any other.
    pub(crate) fn backend(&self, kept: Option<&[u8]>) -> usize {
        let text = kept.unwrap_or_default();
        let told = |share: &Share| match self.told_by {
            ToldBy::Header(_) => text.trim_ascii() == share.name.as_bytes(),
            ToldBy::Body => text.windows(share.name.len().max(1)).any(|part| part == share.name.as_bytes()),
        };
        let named = self.expected.iter().enumerate().filter(|(_, share)| told(share));
        // The longest, so that v1 is not found in v10.
        let longest = named.max_by_key(|(_, share)| share.name.len());
        longest.map_or(self.expected.len(), |(index, _)| index)
    }
}

/// What a backend's part of the answers was.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The backend; `other` for all that were not expected.
    pub name: String,
    /// Answers it gave.
    pub count: u64,
    /// Its part of them in percent.
    pub percent: f64,
    /// The part it should have.
    pub expected: f64,
    /// Least and greatest percent that agree with that, for this number of answers.
    pub interval: (f64, f64),
}

impl Judged {
    /// Whether its part is within the interval.
    pub fn agrees(&self) -> bool {
        (self.interval.0..=self.interval.1).contains(&self.percent)
    }
}

/// Judges counts, the last of which is of all that were not expected.
///
/// The interval is the normal one at 99.9 % around the expected part (a score test):
/// p ± 3.29 √(p (1 - p) / n). A backend that should have nothing, or all, must.
#[expect(clippy::cast_precision_loss, reason = "a count of answers is far below 2^53")]
pub(crate) fn judge(shares: &[Share], counts: &[u64]) -> Vec<Judged> {
    let all = counts.iter().sum::<u64>().max(1) as f64;
    let rest = (100.0 - shares.iter().map(|share| share.percent).sum::<f64>()).max(0.0);
    let rest = if rest < 1e-9 { 0.0 } else { rest };
    let named = shares.iter().map(|share| (share.name.clone(), share.percent));
    let expected = named.chain([("other".to_owned(), rest)]);
    let judged = expected.zip(counts).map(|((name, expected), &count)| {
        let part = expected / 100.0;
        let half = 100.0 * DEVIATIONS * (part * (1.0 - part) / all).sqrt();
        let interval = ((expected - half).max(0.0), (expected + half).min(100.0));
        Judged { name, count, percent: 100.0 * count as f64 / all, expected, interval }
    });
    judged.filter(|judged| judged.name != "other" || judged.count > 0 || judged.expected > 0.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts = [(&'static str, f64)];

    fn shares(parts: &Parts) -> Vec<Share> {
        parts.iter().map(|(name, percent)| Share { name: (*name).to_owned(), percent: *percent }).collect()
    }

    #[test]
    fn a_share_is_a_name_and_a_percentage() {
        let share = |name: &str, percent| Ok(Share { name: name.to_owned(), percent });
        let cases = [("blue=90", share("blue", 90.0)), ("a=b=0.5%", share("a=b", 0.5))];
        for (text, wanted) in cases {
            assert_eq!(text.parse::<Share>(), wanted, "{text}");
        }
        for text in ["blue", "=3", "blue=x"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
        assert!(check(&shares(&[("a", 50.0), ("b", 50.0)])).is_ok());
        assert!(check(&shares(&[("a", 60.0), ("b", 50.0)])).is_err());
        assert!(check(&shares(&[("a", -1.0)])).is_err());
        assert!(check(&shares(&[("a", f64::NAN)])).is_err());
    }

    #[test]
    fn counts_agree_within_the_interval_and_not_beyond() {
        // n = 10,000, p = 0.1: 1000 ± 3.29 × 30.
        let split = [("v1", 90.0), ("v2", 10.0)];
        let cases: [(&Parts, &[u64], bool); 8] = [
            (&split, &[9000, 1000, 0], true),
            (&split, &[9098, 902, 0], true),
            (&split, &[9100, 900, 0], false),
            (&split, &[8900, 1100, 0], false),
            (&split, &[9000, 999, 1], false),
            (&[("v1", 100.0)], &[500, 0], true),
            (&[("v1", 100.0)], &[499, 1], false),
            (&[("v1", 50.0)], &[5000, 5000], true),
        ];
        for (expected, counts, agree) in cases {
            let judged = judge(&shares(expected), counts);
            assert_eq!(judged.iter().all(Judged::agrees), agree, "{counts:?}: {judged:?}");
        }
    }

    #[test]
    fn an_answer_names_its_backend_in_a_header_or_in_its_body() {
        let expected = shares(&[("v1", 50.0), ("v10", 50.0)]);
        let body = Shares { told_by: ToldBy::Body, expected: expected.clone() };
        let header = Shares { told_by: ToldBy::Header(http::HeaderName::from_static("x-backend")), expected };
        let cases = [
            (&body, Some("this is v10!"), 1),
            (&body, Some("this is v1!"), 0),
            (&body, None, 2),
            (&header, Some("v1"), 0),
            (&header, Some("v100"), 2),
            (&header, None, 2),
        ];
        for (shares, kept, wanted) in cases {
            assert_eq!(shares.backend(kept.map(str::as_bytes)), wanted, "{kept:?}");
        }
    }
}
