//! What a thread has seen: counted by itself, put together at the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::failure::{Failure, Kind};

/// Latencies are kept from this one on, in nanoseconds, to three digits.
const LEAST: u64 = 100;

/// Longer ones count as this: an hour.
const MOST: u64 = 3_600_000_000_000;

/// Different messages of errors that are kept.
const MESSAGES: usize = 100;

/// Codes of answers.
const CODES: usize = 1000;

/// What a request's time was spent on, as in hey's "Details".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Name look-up and connecting, TLS included; zero on an open connection.
    pub connect: Duration,
    /// Name look-up alone.
    pub resolve: Duration,
    /// Writing the request.
    pub write: Duration,
    /// From there to the first byte of the answer.
    pub wait: Duration,
    /// From there to its end.
    pub read: Duration,
}

impl Stages {
    fn each(self) -> [Duration; 5] {
        [self.connect, self.resolve, self.write, self.wait, self.read]
    }

    /// Those of two requests one after the other.
    pub(crate) fn then(self, next: Self) -> Self {
        Self {
            connect: self.connect + next.connect,
            resolve: self.resolve + next.resolve,
            write: self.write + next.write,
            wait: self.wait + next.wait,
            read: self.read + next.read,
        }
    }
}

/// One request by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it was to begin, from the beginning of the run.
    pub offset: Duration,
    /// How long it took from there.
    pub latency: Duration,
    /// What on.
    pub stages: Stages,
    /// The answer's status.
    pub status: u16,
}

/// One request without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// When it was to begin, from the beginning of the run.
    pub offset: Duration,
    /// How long it was until it had failed.
    pub after: Duration,
    /// Why.
    pub kind: Kind,
}

/// A request that was answered.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    pub(crate) bytes: u64,
    pub(crate) stages: Stages,
    /// Where to ask instead.
    pub(crate) location: Option<String>,
    /// Which of the expected backends answered; the one after the last is any other.
    pub(crate) backend: Option<usize>,
}

/// Sum and bounds of one stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// All together.
    pub sum: Duration,
    /// The shortest.
    pub min: Option<Duration>,
    /// The longest.
    pub max: Duration,
}

impl Bounds {
    fn add(&mut self, time: Duration) {
        self.join(Self { sum: time, min: Some(time), max: time });
    }

    fn join(&mut self, other: Self) {
        self.sum += other.sum;
        self.min = self.min.into_iter().chain(other.min).min();
        self.max = self.max.max(other.max);
    }
}

/// What was seen in one second.
#[derive(Debug)]
pub(crate) struct Slice {
    /// Which, from the beginning of the run.
    pub(crate) second: u64,
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) latencies: Histogram<u32>,
}

impl Slice {
    pub(crate) fn new(second: u64) -> Self {
        Self { second, requests: 0, errors: 0, latencies: latencies(2) }
    }
}

/// Numbers of all requests of a thread, or of all threads.
#[derive(Debug)]
pub(crate) struct Totals {
    pub(crate) latencies: Histogram<u64>,
    pub(crate) latency: Bounds,
    pub(crate) stages: [Bounds; 5],
    pub(crate) bytes: u64,
    pub(crate) codes: Box<[u64]>,
    pub(crate) kinds: BTreeMap<Kind, u64>,
    pub(crate) messages: BTreeMap<String, u64>,
    pub(crate) backends: Vec<u64>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) lost: Vec<Lost>,
}

impl Totals {
    pub(crate) fn new(backends: usize) -> Self {
        Self {
            latencies: latencies(3),
            latency: Bounds::default(),
            stages: <[Bounds; 5]>::default(),
            bytes: 0,
            codes: vec![0; CODES].into(),
            kinds: BTreeMap::new(),
            messages: BTreeMap::new(),
            backends: vec![0; backends],
            samples: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// Adds what another thread saw.
    pub(crate) fn join(&mut self, other: Self) {
        // Both have the same bounds.
        let _ = self.latencies.add(&other.latencies);
        self.latency.join(other.latency);
        self.stages.iter_mut().zip(other.stages).for_each(|(mine, other)| mine.join(other));
        self.bytes += other.bytes;
        add(&mut self.codes, &other.codes);
        add(&mut self.backends, &other.backends);
        for (kind, count) in other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        for (message, count) in other.messages {
            self.message(message, count);
        }
        self.samples.extend(other.samples);
        self.lost.extend(other.lost);
    }

    fn message(&mut self, message: String, count: u64) {
        let known = self.messages.len() < MESSAGES || self.messages.contains_key(&message);
        let message = if known { message } else { "other errors".to_owned() };
        *self.messages.entry(message).or_default() += count;
    }
}

fn add(mine: &mut [u64], other: &[u64]) {
    mine.iter_mut().zip(other).for_each(|(mine, other)| *mine += other);
}

/// An empty histogram of nanoseconds, to so many digits.
fn latencies<T: hdrhistogram::Counter>(digits: u8) -> Histogram<T> {
    let histogram = Histogram::new_with_bounds(LEAST, MOST, digits);
    histogram.unwrap_or_else(|error| unreachable!("bounds and digits are constants: {error}"))
}

/// Takes down what one thread sees.
#[derive(Debug)]
pub(crate) struct Recorder {
    totals: Totals,
    slice: Slice,
    begin: Instant,
    /// Requests that began before are not counted.
    counted_from: Instant,
    samples: usize,
}

impl Recorder {
    pub(crate) fn new(begin: Instant, warmup: Duration, backends: usize, samples: usize) -> Self {
        let counted_from = begin + warmup;
        Self { totals: Totals::new(backends), slice: Slice::new(0), begin, counted_from, samples }
    }

    /// A request that was to begin at `began` has ended at `now`.
    pub(crate) fn record(&mut self, began: Instant, now: Instant, outcome: Result<Outcome, Failure>) {
        if began < self.counted_from {
            return;
        }
        self.slice.requests += 1;
        match outcome {
            Ok(outcome) => self.answered(began, now, &outcome),
            Err(failure) => {
                self.slice.errors += 1;
                if self.totals.lost.len() < self.samples {
                    let offset = began.saturating_duration_since(self.begin);
                    let after = now.saturating_duration_since(began);
                    self.totals.lost.push(Lost { offset, after, kind: failure.kind });
                }
                self.totals.failed(failure);
            }
        }
    }

    fn answered(&mut self, began: Instant, now: Instant, outcome: &Outcome) {
        let latency = now.saturating_duration_since(began);
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.slice.latencies.saturating_record(nanoseconds);
        self.slice.errors += u64::from(outcome.status >= 400);
        let totals = &mut self.totals;
        totals.latencies.saturating_record(nanoseconds);
        totals.latency.add(latency);
        totals.stages.iter_mut().zip(outcome.stages.each()).for_each(|(stage, time)| stage.add(time));
        totals.bytes += outcome.bytes;
        if let Some(count) = totals.codes.get_mut(usize::from(outcome.status)) {
            *count += 1;
        }
        if let Some(count) = outcome.backend.and_then(|backend| totals.backends.get_mut(backend)) {
            *count += 1;
        }
        if totals.samples.len() < self.samples {
            let offset = began.saturating_duration_since(self.begin);
            totals.samples.push(Sample { offset, latency, stages: outcome.stages, status: outcome.status });
        }
    }

    /// A stream that stayed open ended badly.
    pub(crate) fn ended(&mut self, failure: Failure) {
        self.slice.errors += 1;
        self.totals.failed(failure);
    }

    /// Begins another second; what was seen in the last one.
    pub(crate) fn turn(&mut self, second: u64) -> Slice {
        std::mem::replace(&mut self.slice, Slice::new(second))
    }

    /// Takes all that was seen.
    pub(crate) fn finish(&mut self) -> (Totals, Slice) {
        let backends = self.totals.backends.len();
        (std::mem::replace(&mut self.totals, Totals::new(backends)), self.turn(0))
    }
}

impl Totals {
    fn failed(&mut self, failure: Failure) {
        *self.kinds.entry(failure.kind).or_default() += 1;
        self.message(failure.message, 1);
    }
}
