//! Outlier ejection: an endpoint that takes no connection is left out of the choice for a while.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How long an endpoint is left out at first, in milliseconds; each trial in vain doubles it ...
const SHORTEST: u64 = 1_000;
/// ... up to this: a pod that comes back is found again soon, whatever it did before.
const LONGEST: u64 = 30_000;
/// Terms after which it is reached.
const DOUBLINGS: u64 = 5;

/// Bits of a state that count; those above are a time.
const COUNT_BITS: u32 = 16;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

/// What connects have told of one endpoint, in one word.
///
/// The upper bits are the time until which the endpoint is left out, 0 if it is not. The lower bits
/// count connects that failed in a row before it was left out, and its terms since.
#[derive(Debug, Default)]
pub(crate) struct Outlier(AtomicU64);

/// Whether an endpoint may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Like any other.
    In,
    /// Not now.
    Out,
    /// It was left out for its time: this one request tries it, others wait for another term.
    Trial,
}

impl Outlier {
    /// How the endpoint stands; `now` is asked only if it is left out.
    pub(crate) fn standing(&self, now: impl FnOnce() -> u64) -> Standing {
        let state = self.0.load(Ordering::Relaxed);
        if !is_out(state) {
            return Standing::In;
        }
        let now = now();
        if now < state >> COUNT_BITS {
            return Standing::Out;
        }
        let next = out(now, (state & COUNT) + 1);
        match self.0.compare_exchange(state, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Standing::Trial,
            Err(_) => Standing::Out,
        }
    }

    /// Counts a connect that failed; whether the endpoint is left out from now on, as it is after
    /// `limit` of them in a row. A trial needs no count: the next term has begun with it.
    pub(crate) fn failed(&self, limit: u16, now: u64) -> bool {
        let count = |state: u64| {
            let failures = (state & COUNT) + 1;
            if is_out(state) {
                return None;
            }
            Some(if failures >= limit.into() { out(now, 1) } else { failures })
        };
        let counted = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
        counted.is_ok_and(|before| count(before).is_some_and(is_out))
    }

    /// The endpoint serves: all is forgotten.
    pub(crate) fn succeeded(&self) {
        if self.0.load(Ordering::Relaxed) != 0 {
            self.0.store(0, Ordering::Relaxed);
        }
    }
}

fn is_out(state: u64) -> bool {
    state >> COUNT_BITS != 0
}

/// The state of an endpoint whose `term`, the first being 1, begins `now`.
fn out(now: u64, term: u64) -> u64 {
    let wait = (SHORTEST << (term - 1).min(DOUBLINGS)).min(LONGEST);
    ((now + wait) << COUNT_BITS) | term.min(DOUBLINGS + 1)
}

/// Milliseconds since the first time this was asked.
pub(crate) fn clock() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX >> COUNT_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u16 = 3;

    fn left_out(at: u64) -> Outlier {
        let outlier = Outlier::default();
        let told: Vec<_> = (0..LIMIT).map(|_| outlier.failed(LIMIT, at)).collect();
        assert_eq!(told, [false, false, true]);
        outlier
    }

    #[test]
    fn only_failures_in_a_row_count() {
        let outlier = Outlier::default();
        for _ in 0..10 {
            assert!(!outlier.failed(LIMIT, 0) && !outlier.failed(LIMIT, 0));
            outlier.succeeded();
        }
        assert_eq!(outlier.standing(|| unreachable!("no clock is read")), Standing::In);
    }

    #[test]
    fn a_crowd_that_fails_at_once_is_one_failure_of_an_endpoint_that_is_out() {
        let outlier = left_out(0);
        assert!((0..100).all(|_| !outlier.failed(LIMIT, 10)));
        assert_eq!((outlier.standing(|| 999), outlier.standing(|| 1_000)), (Standing::Out, Standing::Trial));
    }

    #[test]
    fn one_request_tries_at_the_end_of_each_term_and_terms_grow_to_a_bound() {
        let (outlier, mut now) = (left_out(0), 0);
        for wait in [1, 2, 4, 8, 16, 30, 30, 30] {
            assert_eq!(outlier.standing(|| now + wait * 1_000 - 1), Standing::Out, "{wait} s");
            now += wait * 1_000;
            assert_eq!(outlier.standing(|| now), Standing::Trial, "{wait} s");
            assert_eq!(outlier.standing(|| now), Standing::Out, "one at a time");
        }
        outlier.succeeded();
        assert_eq!(outlier.standing(|| now), Standing::In);
    }

    #[test]
    fn no_number_of_terms_or_failures_runs_over() {
        let (outlier, mut now) = (left_out(0), 0);
        for _ in 0..COUNT + 10 {
            now += LONGEST;
            assert_eq!(outlier.standing(|| now), Standing::Trial);
        }
        let patient = Outlier::default();
        let told: Vec<_> = (0..COUNT + 10).filter(|_| patient.failed(u16::MAX, 0)).collect();
        assert_eq!(told, [COUNT - 1]);
    }
}
