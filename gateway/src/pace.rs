//! How fast a party must go on, whose bytes somebody waits for.

use std::time::Duration;

use tokio::time::Instant;

/// How long a party may do nothing, and how fast it must be if it does something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The time a party has to begin with.
    pub(crate) time: Duration,
    /// Every so many bytes give it one second more.
    pub(crate) rate: u64,
}

/// Since when a party is waited for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waiting(Option<(Instant, u64)>);

impl Waiting {
    /// When the party will have been too slow, if it is waited for; `moved` counts its bytes so far.
    pub(crate) fn until(&mut self, waited_for: bool, moved: u64, pace: Pace) -> Option<Instant> {
        if !waited_for {
            self.0 = None;
            return None;
        }
        let (since, before) = *self.0.get_or_insert_with(|| (Instant::now(), moved));
        let moved = moved.saturating_sub(before);
        let earned = Duration::from_millis(moved.saturating_mul(1000) / pace.rate.max(1));
        since.checked_add(pace.time)?.checked_add(earned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_is_slow_has_the_time_its_bytes_have_earned() {
        let pace = Pace { time: Duration::from_mins(1), rate: 100 };
        let (mut waiting, begin) = (Waiting::default(), Instant::now());
        assert_eq!(waiting.until(true, 1_000, pace), Some(begin + Duration::from_mins(1)));
        tokio::time::advance(Duration::from_secs(50)).await;
        assert_eq!(waiting.until(true, 1_000, pace), Some(begin + Duration::from_mins(1)), "it did nothing");
        assert_eq!(waiting.until(true, 1_500, pace), Some(begin + Duration::from_secs(65)), "500 bytes are 5 s");
        assert_eq!(waiting.until(false, 1_500, pace), None);
        let again = Instant::now();
        assert_eq!(waiting.until(true, 1_500, pace), Some(again + Duration::from_mins(1)), "it was not waited for");
    }
}
