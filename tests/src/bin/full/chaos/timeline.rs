//! What was in force when.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Nobody asks for what ended longer ago.
const MEMORY: Duration = Duration::from_mins(2);

/// The values of something that changes; one thread changes it.
#[derive(Debug)]
pub(super) struct Timeline<T>(Mutex<VecDeque<Span<T>>>);

#[derive(Debug)]
struct Span<T> {
    value: T,
    from: Instant,
    until: Option<Instant>,
}

impl<T: Clone> Timeline<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Mutex::new([Span { value, from: Instant::now(), until: None }].into()))
    }

    /// Puts `value` in force by `act`: from its begin the new one may be seen, until its end the old one.
    pub(super) fn change<R>(&self, value: T, act: impl FnOnce() -> R) -> R {
        self.spans().push_back(Span { value, from: Instant::now(), until: None });
        let done = act();
        let now = Instant::now();
        let mut spans = self.spans();
        if let Some(old) = spans.len().checked_sub(2).and_then(|old| spans.get_mut(old)) {
            old.until = Some(now);
        }
        while spans.front().and_then(|span| span.until).is_some_and(|until| now.duration_since(until) > MEMORY) {
            spans.pop_front();
        }
        done
    }

    /// Whether a value that `fits` was in force at some time of `sent..=answered`, or at most `grace` before.
    pub(super) fn had(&self, sent: Instant, answered: Instant, grace: Duration, fits: impl Fn(&T) -> bool) -> bool {
        let in_force = |span: &&Span<T>| span.from <= answered && span.until.is_none_or(|until| until + grace >= sent);
        self.spans().iter().filter(in_force).any(|span| fits(&span.value))
    }

    /// What is in force.
    pub(super) fn now(&self) -> Option<T> {
        self.spans().back().map(|span| span.value.clone())
    }

    fn spans(&self) -> MutexGuard<'_, VecDeque<Span<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_value_counts_for_requests_sent_within_the_grace_after_it_and_a_new_one_from_its_begin() {
        let (start, grace) = (Instant::now() + Duration::from_secs(9), Duration::from_millis(20));
        let at = |millis| start + Duration::from_millis(millis);
        let spans = [("old", at(0), Some(at(11))), ("new", at(10), None)];
        let spans = spans.map(|(value, from, until)| Span { value, from, until });
        let timeline = Timeline(Mutex::new(spans.into()));
        for (sent, answered, value, had) in [
            (5, 9, "old", true),
            (5, 9, "new", false),
            (5, 10, "new", true),
            (31, 99, "old", true),
            (32, 99, "old", false),
            (99, 99, "new", true),
        ] {
            assert_eq!(timeline.had(at(sent), at(answered), grace, |one| *one == value), had, "{sent} {value}");
        }
    }
}
