//! What a split has carried: counters that outlive a change of the table.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::ObjectKey;

/// Upper bounds of the duration buckets, in microseconds; slower requests only count in the total.
pub const BUCKETS_MICROS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];

/// The counters of one set of labels. Written without a lock, read by `/metrics` and the demo.
#[derive(Debug, Default)]
pub struct Series {
    classes: [AtomicU64; 5],
    buckets: [AtomicU64; BUCKETS_MICROS.len()],
    micros: AtomicU64,
}

impl Series {
    /// Counts one request that ended with `status` after `duration`.
    pub fn record(&self, status: u16, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let class = usize::from(status / 100).clamp(1, self.classes.len()) - 1;
        if let Some(count) = self.classes.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(bucket) =
            BUCKETS_MICROS.iter().position(|&bound| micros <= bound).and_then(|at| self.buckets.get(at))
        {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Requests by class of status, `1xx` first.
    pub fn classes(&self) -> [u64; 5] {
        self.classes.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// Requests in all classes.
    pub fn requests(&self) -> u64 {
        self.classes().iter().sum()
    }

    /// Requests per duration bucket, not cumulated; see [`BUCKETS_MICROS`].
    pub fn buckets(&self) -> [u64; BUCKETS_MICROS.len()] {
        self.buckets.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// All durations together.
    pub fn total(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }
}

/// The cell of one split: whose it is, and its counters once it has carried a request.
#[derive(Debug)]
pub struct Traffic {
    /// The KIngress the split belongs to.
    pub ingress: ObjectKey,
    /// Name of the Service the split sends to.
    pub service: Box<str>,
    series: OnceLock<Arc<Series>>,
}

impl Traffic {
    /// A cell that has carried nothing.
    pub fn new(ingress: ObjectKey, service: &str) -> Arc<Self> {
        Arc::new(Self { ingress, service: service.into(), series: OnceLock::new() })
    }

    /// The counters; the first request calls `claim`, which bounds how many sets of labels exist.
    pub fn series_or(&self, claim: impl FnOnce(&Self) -> Arc<Series>) -> &Series {
        self.series.get_or_init(|| claim(self))
    }

    /// The counters, if the split has carried a request.
    pub fn series(&self) -> Option<&Arc<Series>> {
        self.series.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_in_its_class_and_its_bucket() {
        let series = Series::default();
        for (status, millis) in [(200, 0), (204, 3), (101, 3), (503, 20_000), (0, 1), (999, 1)] {
            series.record(status, Duration::from_millis(millis));
        }
        assert_eq!(series.classes(), [2, 2, 0, 0, 2]);
        assert_eq!(series.requests(), 6);
        assert_eq!(series.buckets()[..4], [1, 2, 0, 2]);
        assert_eq!(series.total(), Duration::from_millis(20_008));
    }
}
