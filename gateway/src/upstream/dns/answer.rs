//! What is remembered of a name, and for how long.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::NameError;

/// How long an answer is fresh, whatever its TTL says: hosts of placeholder Services change.
const FRESH: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// How long after its end an answer is used while DNS fails.
const STALE: Duration = Duration::from_secs(30);
/// How long a failure is not asked again.
const FAILURE: Duration = Duration::from_secs(1);

/// What is known of a name: the last good addresses or the last failure, and for how long.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) found: Result<Arc<[IpAddr]>, NameError>,
    /// Used without asking until here.
    pub(super) fresh_until: Instant,
    /// Used instead of a failure until here.
    usable_until: Instant,
    /// DNS has failed since: the next query is not waited for.
    failing: bool,
}

/// What to do with an [`Answer`] now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Take it.
    Take,
    /// Take it, and ask beside.
    TakeAndAsk,
    /// Ask first.
    Ask,
}

impl Answer {
    pub(super) fn good(ips: Arc<[IpAddr]>, ttl: Duration, now: Instant) -> Self {
        let fresh_until = now + ttl.clamp(FRESH.0, FRESH.1);
        Self { found: Ok(ips), fresh_until, usable_until: fresh_until + STALE, failing: false }
    }

    /// A failure; an earlier good answer stays in place as long as it is usable.
    ///
    /// That DNS knows no address is an answer too, and ends an earlier one.
    pub(super) fn failed(error: NameError, earlier: Option<&Self>, now: Instant) -> Self {
        let fresh_until = now + FAILURE;
        let answered = matches!(error, NameError::NotFound(_) | NameError::Forbidden(_) | NameError::Invalid(_));
        match earlier {
            Some(earlier) if !answered && earlier.found.is_ok() && now < earlier.usable_until => {
                Self { fresh_until, failing: true, ..earlier.clone() }
            }
            _ => Self { found: Err(error), fresh_until, usable_until: fresh_until, failing: false },
        }
    }

    pub(super) fn at(&self, now: Instant) -> Use {
        if now < self.fresh_until.min(self.usable_until) {
            Use::Take
        } else if self.failing && now < self.usable_until {
            Use::TakeAndAsk
        } else {
            Use::Ask
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);

    #[test]
    fn a_good_answer_is_fresh_for_its_ttl_within_bounds() {
        let now = Instant::now();
        for (ttl, fresh) in [(0, 1), (1, 1), (3, 3), (5, 5), (3_600, 5)] {
            let answer = Answer::good(Arc::new([IP.into()]), Duration::from_secs(ttl), now);
            let verdict = |millis| answer.at(now + Duration::from_millis(millis));
            assert_eq!(verdict(fresh * 1_000 - 1), Use::Take, "TTL {ttl}");
            assert_eq!(verdict(fresh * 1_000), Use::Ask, "TTL {ttl}");
        }
    }

    #[test]
    fn a_failure_keeps_an_earlier_answer_for_a_while() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let good = Answer::good(Arc::new([IP.into()]), Duration::from_secs(5), start);
        let timeout = || NameError::Timeout("a.example".into());
        let unknown = || NameError::NotFound("a.example".into());
        let cases = [
            ("no earlier answer", timeout(), None, 6_000, [(6_999, Use::Take, false), (7_000, Use::Ask, false)]),
            ("DNS is away", timeout(), Some(&good), 6_000, [(6_999, Use::Take, true), (7_000, Use::TakeAndAsk, true)]),
            ("away at the end", timeout(), Some(&good), 34_500, [(34_999, Use::Take, true), (35_000, Use::Ask, true)]),
            ("away too long", timeout(), Some(&good), 35_000, [(35_999, Use::Take, false), (36_000, Use::Ask, false)]),
            ("the name is gone", unknown(), Some(&good), 6_000, [(6_999, Use::Take, false), (7_000, Use::Ask, false)]),
        ];
        for (case, error, earlier, failed_at, verdicts) in cases {
            let answer = Answer::failed(error, earlier, after(failed_at));
            for (at, verdict, good) in verdicts {
                assert_eq!((answer.at(after(at)), answer.found.is_ok()), (verdict, good), "{case}, at {at} ms");
            }
        }
    }
}
