//! Figures of every second.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::record::Slice;

/// What all threads saw in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// Which, from the beginning of the run.
    pub second: u64,
    /// Requests that ended in it, with or without an answer.
    pub requests: u64,
    /// Those without an answer, and answers of status 400 and above.
    pub errors: u64,
    /// Median latency of the answers; zero without any.
    pub p50: Duration,
    /// Their 99th percentile.
    pub p99: Duration,
}

/// Seconds of which some threads may not have told yet.
#[derive(Debug)]
pub(crate) struct Series {
    threads: usize,
    open: BTreeMap<u64, (usize, Slice)>,
    done: Vec<Second>,
}

impl Series {
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads, open: BTreeMap::new(), done: Vec::new() }
    }

    /// Adds what a thread saw; the second if that was the last thread's word on it.
    pub(crate) fn add(&mut self, slice: &Slice) -> Option<&Second> {
        let second = slice.second;
        let entry = self.open.entry(second).or_insert_with(|| (0, Slice::new(second)));
        entry.0 += 1;
        join(&mut entry.1, slice);
        if entry.0 < self.threads {
            return None;
        }
        let (_, all) = self.open.remove(&second)?;
        self.done.push(tell(&all));
        self.done.last()
    }

    /// All seconds in their order, those too that some threads did not live to see.
    pub(crate) fn finish(mut self) -> Vec<Second> {
        self.done.extend(self.open.values().map(|(_, slice)| tell(slice)));
        self.done.sort_unstable_by_key(|second| second.second);
        self.done
    }
}

fn join(all: &mut Slice, slice: &Slice) {
    all.requests += slice.requests;
    all.errors += slice.errors;
    // Both have the same bounds.
    let _ = all.latencies.add(&slice.latencies);
}

fn tell(slice: &Slice) -> Second {
    let at = |percent| nanoseconds(&slice.latencies, percent);
    Second { second: slice.second, requests: slice.requests, errors: slice.errors, p50: at(50.0), p99: at(99.0) }
}

fn nanoseconds(latencies: &Histogram<u32>, percent: f64) -> Duration {
    Duration::from_nanos(latencies.value_at_percentile(percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(second: u64, milliseconds: u64) -> Slice {
        let mut slice = Slice::new(second);
        slice.requests = 1;
        slice.latencies.saturating_record(milliseconds * 1_000_000);
        slice
    }

    #[test]
    fn a_second_is_told_when_every_thread_has_spoken_of_it() {
        let mut series = Series::new(2);
        assert_eq!(series.add(&slice(0, 10)), None);
        assert_eq!(series.add(&slice(1, 30)), None);
        let first = *series.add(&slice(0, 20)).unwrap();
        assert_eq!((first.second, first.requests), (0, 2));
        assert!(first.p99.abs_diff(Duration::from_millis(20)) < Duration::from_millis(1), "{first:?}");
        let all = series.finish();
        assert_eq!(all.iter().map(|second| (second.second, second.requests)).collect::<Vec<_>>(), [(0, 2), (1, 1)]);
    }
}
