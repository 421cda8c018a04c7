//! What was counted, and what was wrong.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::oracle::Verdict;
use crate::findings::{self, Findings};

/// Faults that are told; the others are counted.
const TOLD: usize = 20;

/// Figures that many threads add to.
#[derive(Debug, Default)]
pub(super) struct Figures(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<String, u64>,
    outcomes: BTreeMap<String, u64>,
    events: BTreeMap<String, u64>,
    /// In microseconds.
    delays: Vec<u32>,
    wrong: Vec<String>,
    wrongs: u64,
}

impl Figures {
    /// Counts a request of this kind, and what was thought of its outcome.
    pub(super) fn note(&self, kind: &str, who: impl FnOnce() -> String, delay: Duration, verdict: &Verdict) {
        let mut counts = self.lock();
        *counts.requests.entry(kind.to_owned()).or_default() += 1;
        let outcome = match verdict {
            Verdict::Right(what) => {
                counts.delays.push(u32::try_from(delay.as_micros()).unwrap_or(u32::MAX));
                (*what).to_owned()
            }
            Verdict::Excused(why) => format!("excused: {why}"),
            Verdict::Repeat(why) => format!("repeated by the client: {why}"),
            Verdict::Wrong(fault) => {
                counts.wrongs += 1;
                if counts.wrong.len() < TOLD {
                    counts.wrong.push(format!("{kind} {}: {fault}", who()));
                }
                "wrong".to_owned()
            }
        };
        *counts.outcomes.entry(outcome).or_default() += 1;
    }

    /// Counts something that was done to the gateways, endpoints, files or connections.
    pub(super) fn event(&self, what: &str) {
        *self.lock().events.entry(what.to_owned()).or_default() += 1;
    }

    /// Tells what must not be.
    pub(super) fn fault(&self, fault: String) {
        let mut counts = self.lock();
        counts.wrongs += 1;
        counts.wrong.push(fault);
    }

    /// One line of where it stands.
    pub(super) fn progress(&self) -> String {
        let counts = self.lock();
        let requests: u64 = counts.requests.values().sum();
        format!("{requests} requests, {} events, {} wrong", counts.events.values().sum::<u64>(), counts.wrongs)
    }

    /// Tells everything.
    pub(super) fn tell(&self, found: &mut Findings) {
        let mut counts = self.lock();
        counts.delays.sort_unstable();
        findings::tell(format_args!("requests: {}", list(&counts.requests)));
        findings::tell(format_args!("outcomes: {}", list(&counts.outcomes)));
        findings::tell(format_args!("events: {}", list(&counts.events)));
        let at = |percent: usize| {
            let micros = counts.delays.get((counts.delays.len() * percent).div_ceil(100).saturating_sub(1));
            f64::from(micros.copied().unwrap_or_default()) / 1e3
        };
        let (p50, p99, longest) = (at(50), at(99), at(100));
        found.figure(format_args!("{} requests", counts.requests.values().sum::<u64>()));
        found.figure(format_args!("right answers after p50 {p50:.1} ms, p99 {p99:.1} ms, longest {longest:.1} ms"));
        found.bound(counts.wrongs == 0, format_args!("{} wrong", counts.wrongs), "none");
        for wrong in &counts.wrong {
            found.violation(wrong);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn list(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}
