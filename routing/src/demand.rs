//! What is asked of a revision, as Knative's autoscaler wants to be told: requests under way over time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Bits of the word that hold times; those above count requests under way.
const TIME_BITS: u32 = 44;
const TIME: u64 = (1 << TIME_BITS) - 1;

/// Requests under way and requests begun. Written by requests without a lock, read once a second.
///
/// Times are microseconds since any moment, the same for all calls.
#[derive(Debug, Default)]
pub struct Demand {
    /// The upper bits count requests under way, the lower ones are the sum of their times of beginning, less that of
    /// those of beginning and end of requests that have ended, all modulo 2^44: one word, so that both are of one moment.
    word: AtomicU64,
    begun: AtomicU64,
    /// Of those begun, how many were told.
    told: AtomicU64,
    known: AtomicBool,
}

/// What was seen of a [`Demand`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    at: u64,
    area: u64,
}

/// What was asked since the last question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    /// Requests under way, on average over the time.
    pub concurrency: f64,
    /// Requests begun.
    pub requests: u64,
}

impl Demand {
    /// A request begins. Whether it is the first of which nobody knows, so that the autoscaler should be told at once.
    pub fn begin(&self, now: u64) -> bool {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.change(|count, times| (count.wrapping_add(1), times.wrapping_add(now)));
        !self.known.load(Ordering::SeqCst) && !self.known.swap(true, Ordering::SeqCst)
    }

    /// A request ends.
    pub fn end(&self, now: u64) {
        self.change(|count, times| (count.wrapping_sub(1), times.wrapping_sub(now)));
    }

    /// Requests under way.
    pub fn under_way(&self) -> u64 {
        self.word.load(Ordering::Relaxed) >> TIME_BITS
    }

    /// This moment, to begin with.
    pub fn see(&self, now: u64) -> Seen {
        let word = self.word.load(Ordering::Relaxed);
        let area = (word >> TIME_BITS).wrapping_mul(now).wrapping_sub(word & TIME) & TIME;
        Seen { at: now, area }
    }

    /// What was asked since `seen`, which becomes this moment, and since the last such question.
    pub fn asked_since(&self, seen: &mut Seen, now: u64) -> Asked {
        let last = std::mem::replace(seen, self.see(now));
        let area = Duration::from_micros(seen.area.wrapping_sub(last.area) & TIME).as_secs_f64();
        let time = Duration::from_micros(seen.at.saturating_sub(last.at)).as_secs_f64();
        let concurrency = if time > 0.0 { area / time } else { 0.0 };
        let begun = self.begun.load(Ordering::Relaxed);
        Asked { concurrency, requests: begun.wrapping_sub(self.told.swap(begun, Ordering::Relaxed)) }
    }

    /// The autoscaler has heard that nothing is asked any more: whether that is still so. The next request is told
    /// at once again.
    pub fn forget(&self) -> bool {
        self.known.store(false, Ordering::SeqCst);
        let asked = self.under_way() > 0 || self.begun.load(Ordering::SeqCst) != self.told.load(Ordering::Relaxed);
        // Unless a request that came in between has told by itself, it is not forgotten.
        !asked || self.known.swap(true, Ordering::SeqCst)
    }

    fn change(&self, with: impl Fn(u64, u64) -> (u64, u64)) {
        let next = |word: u64| {
            let (count, times) = with(word >> TIME_BITS, word & TIME);
            Some(count << TIME_BITS | times & TIME)
        };
        // The closure never declines.
        let _ = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn concurrency_is_the_time_of_all_requests_by_the_time_that_passed() {
        // Close to where times wrap.
        for start in [0, (1 << TIME_BITS) - SECOND / 2, u64::MAX >> 8] {
            let demand = Demand::default();
            let mut seen = demand.see(start);
            assert!(demand.begin(start));
            assert!(!demand.begin(start + SECOND / 4));
            demand.end(start + SECOND / 2);
            let wanted = Asked { concurrency: 1.25, requests: 2 };
            assert_eq!(demand.asked_since(&mut seen, start + SECOND), wanted, "{start}");
            assert_eq!(demand.under_way(), 1);
            demand.end(start + SECOND + SECOND / 10);
            let wanted = Asked { concurrency: 0.1, requests: 0 };
            assert_eq!(demand.asked_since(&mut seen, start + 2 * SECOND), wanted, "{start}");
            assert_eq!(demand.asked_since(&mut seen, start + 3 * SECOND), Asked { concurrency: 0.0, requests: 0 });
        }
    }

    #[test]
    fn who_was_forgotten_is_told_of_once_more() {
        let demand = Demand::default();
        let mut seen = demand.see(0);
        assert!(demand.begin(1));
        demand.asked_since(&mut seen, 2);
        assert!(!demand.forget(), "a request is under way");
        assert!(!demand.begin(3));
        demand.end(4);
        demand.end(4);
        assert!(!demand.forget(), "a request has begun and ended unseen");
        demand.asked_since(&mut seen, 5);
        assert!(demand.forget());
        assert!(demand.begin(6));
    }

    #[test]
    fn threads_at_once_lose_nothing() {
        let demand = Demand::default();
        let mut seen = demand.see(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for at in 0..10_000 {
                        demand.begin(at);
                        demand.end(at + 100);
                    }
                });
            }
        });
        let Asked { concurrency, requests } = demand.asked_since(&mut seen, SECOND);
        assert_eq!((requests, demand.under_way()), (40_000, 0));
        assert!((concurrency - 4.0).abs() < 1e-9, "{concurrency}");
    }
}
