//! How long the engine keeps what it has when what comes next is not complete.
//!
//! The kinds are watched apart, so a KIngress may arrive before its Services, and the endpoints
//! of a Service may be taken away just before the new ones are written.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Waits that have begun, each with its end.
#[derive(Debug)]
pub(super) struct Patience<K> {
    limit: Duration,
    ends: BTreeMap<K, Instant>,
}

impl<K: Ord + Clone> Patience<K> {
    /// Waits of this length; zero never waits.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, ends: BTreeMap::new() }
    }

    /// Whether to wait (on); the wait begins with the first question.
    pub(super) fn waits(&mut self, key: &K, now: Instant) -> bool {
        if self.limit.is_zero() {
            return false;
        }
        now < *self.ends.entry(key.clone()).or_insert(now + self.limit)
    }

    /// There is nothing to wait for any more.
    pub(super) fn forget(&mut self, key: &K) {
        self.ends.remove(key);
    }

    /// Whether a wait has begun.
    pub(super) fn has(&self, key: &K) -> bool {
        self.ends.contains_key(key)
    }

    /// Those whose wait is over.
    pub(super) fn over(&self, now: Instant) -> Vec<K> {
        self.ends.iter().filter(|(_, end)| **end <= now).map(|(key, _)| key.clone()).collect()
    }

    /// When the next wait is over.
    pub(super) fn next(&self) -> Option<Instant> {
        self.ends.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_counts_from_its_first_question_and_ends() {
        let (start, limit) = (Instant::now(), Duration::from_secs(10));
        let mut patience = Patience::new(limit);
        assert!(patience.waits(&"a", start) && patience.waits(&"a", start + limit / 2));
        assert_eq!((patience.next(), patience.over(start + limit / 2)), (Some(start + limit), vec![]));
        assert!(!patience.waits(&"a", start + limit));
        assert_eq!(patience.over(start + limit), ["a"]);
        patience.forget(&"a");
        assert!(!patience.has(&"a") && patience.next().is_none());
    }

    #[test]
    fn without_a_limit_nothing_waits() {
        let mut patience = Patience::new(Duration::ZERO);
        assert!(!patience.waits(&"a", Instant::now()) && patience.next().is_none());
    }
}
