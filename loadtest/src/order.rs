//! Percentiles of few times, which are all kept.

use std::time::Duration;

/// The time that so many percent of the sorted ones kept to (nearest rank); `None` without any.
pub(crate) fn percentile(sorted: &[Duration], percent: f64) -> Option<Duration> {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let rank = (sorted.len() as f64 * percent / 100.0 - 1e-9).ceil() as usize;
    sorted.get(rank.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_time_at_its_rank() {
        let times: Vec<Duration> = (1..=10).map(Duration::from_millis).collect();
        for (percent, wanted) in [(0.0, 1), (10.0, 1), (11.0, 2), (50.0, 5), (90.0, 9), (99.0, 10), (100.0, 10)] {
            assert_eq!(percentile(&times, percent), Some(Duration::from_millis(wanted)), "p{percent}");
        }
        assert_eq!(percentile(&[], 50.0), None);
    }
}
