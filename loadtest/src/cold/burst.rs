//! One burst: its requests, and how many of them wait at what time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::failure::Kind;
use crate::report;

/// Steps of a timeline, at most.
const STEPS: u32 = 20;

/// A burst that is over.
#[derive(Clone, Debug)]
pub struct Burst {
    /// All requests that ended, in the order in which they were sent.
    pub requests: Vec<Request>,
    /// Why those without an answer have none.
    pub messages: BTreeMap<String, u64>,
}

/// One request of a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it was to be sent, from the burst's beginning.
    pub sent: Duration,
    /// From there to the first byte of its answer, or to its failure.
    pub after: Duration,
    /// What it came to.
    pub end: End,
}

/// What a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// An answer of this status.
    Status(u16),
    /// None.
    Failed(Kind),
}

impl Request {
    /// Whether it was answered with a status below 400.
    pub fn good(&self) -> bool {
        matches!(self.end, End::Status(status) if status < 400)
    }

    /// When its answer began, or it failed, from the burst's beginning.
    fn ended(&self) -> Duration {
        self.sent + self.after
    }
}

/// A part of a burst's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its end, from the burst's beginning.
    pub until: Duration,
    /// Requests that wait at its end.
    pub waiting: usize,
    /// Good answers in it.
    pub answered: usize,
    /// Other ends in it.
    pub errors: usize,
}

impl Burst {
    /// What a run, which kept all its requests, says of each.
    pub(crate) fn new(report: report::Report) -> Self {
        let answered = report.samples.iter().map(|sample| Request {
            sent: sample.offset,
            after: sample.latency.saturating_sub(sample.stages.read),
            end: End::Status(sample.status),
        });
        let lost = report.lost.iter().map(|lost| Request {
            sent: lost.offset,
            after: lost.after,
            end: End::Failed(lost.kind),
        });
        let mut requests: Vec<Request> = answered.chain(lost).collect();
        requests.sort_by_key(|request| request.sent);
        Self { requests, messages: report.messages }
    }

    /// Times to the first byte of good answers.
    pub fn first_bytes(&self) -> impl Iterator<Item = Duration> + '_ {
        self.good().map(|request| request.after)
    }

    /// When the first good answer began.
    pub fn first(&self) -> Option<Duration> {
        self.good().map(Request::ended).min()
    }

    /// When the last good answer began.
    pub fn last(&self) -> Option<Duration> {
        self.good().map(Request::ended).max()
    }

    /// Requests without a good answer.
    pub fn errors(&self) -> usize {
        self.requests.len() - self.good().count()
    }

    /// Requests by status, or by kind of failure.
    pub fn ends(&self) -> BTreeMap<String, usize> {
        let mut ends = BTreeMap::new();
        for request in &self.requests {
            *ends.entry(request.end.name()).or_default() += 1;
        }
        ends
    }

    /// The burst in 20 steps at most, each of a round length from a millisecond on.
    pub fn timeline(&self) -> Vec<Step> {
        let ended = self.requests.iter().map(Request::ended).max().unwrap_or_default();
        let length = step(ended);
        let mut steps = Vec::new();
        let mut from = None;
        for number in 1..=STEPS {
            let until = length * number;
            let within = |time: Duration| time <= until && from.is_none_or(|from| time > from);
            let ends = || self.requests.iter().filter(|request| within(request.ended()));
            let waiting = self.requests.iter().filter(|request| request.sent <= until && request.ended() > until);
            let answered = ends().filter(|request| request.good()).count();
            steps.push(Step { until, waiting: waiting.count(), answered, errors: ends().count() - answered });
            if until >= ended {
                break;
            }
            from = Some(until);
        }
        steps
    }

    fn good(&self) -> impl Iterator<Item = &Request> {
        self.requests.iter().filter(|request| request.good())
    }
}

impl End {
    /// Status or kind, as reports name it.
    fn name(self) -> String {
        match self {
            Self::Status(status) => status.to_string(),
            Self::Failed(kind) => kind.name().to_owned(),
        }
    }
}

/// The least of 1, 2, 5, 10, 20, ... milliseconds of which [`STEPS`] are enough.
fn step(all: Duration) -> Duration {
    let mut tens = Duration::from_millis(1);
    loop {
        if let Some(step) = [1, 2, 5].map(|digit| tens * digit).into_iter().find(|step| *step * STEPS >= all) {
            return step;
        }
        tens *= 10;
    }
}

#[cfg(test)]
mod tests {
    use crate::cold::tests::seen;

    use super::*;

    #[test]
    fn a_timeline_tells_of_every_request_once() {
        let timeline = seen().bursts[0].timeline();
        let step =
            |until, waiting, answered, errors| Step { until: Duration::from_millis(until), waiting, answered, errors };
        assert_eq!(timeline.len(), 20, "{timeline:?}");
        assert_eq!(timeline[17], step(900, 10, 0, 0));
        assert_eq!(timeline[18], step(950, 9, 1, 0));
        assert_eq!(timeline[19], step(1000, 0, 7, 2));
    }

    #[test]
    fn steps_are_round_and_few() {
        for (all, wanted) in [(0, 1), (20, 1), (21, 2), (60, 5), (1000, 50), (1001, 100), (60_000, 5000)] {
            assert_eq!(step(Duration::from_millis(all)), Duration::from_millis(wanted), "{all}");
        }
    }
}
