//! Sends bursts, and rests between them.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Burst, Report};
use crate::plan::{Arrivals, End, Load, Plan};
use crate::prepared::PlanError;
use crate::run::{self, Stop};

/// Requests a second that are all due at once: one a nanosecond.
const AT_ONCE: f64 = 1e9;

/// How often a rest looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);

/// Bursts that are all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bursts {
    /// Requests of each.
    pub requests: usize,
    /// The time over which they are sent; zero sends them all at once.
    pub over: Duration,
    /// How many bursts.
    pub repeat: usize,
    /// Rest before each but the first.
    pub idle: Duration,
}

/// Sends bursts of what `plan` asks, requests that wait each on a connection or a stream of its own, and tells `watch`
/// of each.
///
/// Blocks. Load, end and connections of the plan are those of the bursts.
///
/// # Errors
/// When the plan contradicts itself, or no thread or timer can be had. What servers do is in the report.
pub fn run(mut plan: Plan, asked: Bursts, stop: &Stop, mut watch: impl FnMut(&Burst)) -> Result<Report, PlanError> {
    plan.load = load(asked);
    plan.end = End::Requests(asked.requests as u64);
    plan.threads = plan.threads.min(asked.requests).max(1);
    // Enough on each thread for its part of the requests; those that are not needed are not opened.
    let streams = if plan.work.is_http2() { plan.streams.max(1) } else { 1 };
    plan.connections = plan.threads * asked.requests.div_ceil(plan.threads).div_ceil(streams);
    plan.samples = asked.requests;
    plan.warmup = Duration::ZERO;
    let mut report = Report { target: plan.target.to_string(), asked, bursts: Vec::new() };
    for number in 0..asked.repeat {
        if number > 0 {
            rest(asked.idle, stop);
        }
        if stop.stopped() {
            break;
        }
        let burst = Burst::new(run::run(plan.clone(), stop, |_| ())?);
        watch(&burst);
        report.bursts.push(burst);
    }
    Ok(report)
}

/// Times that do not depend on answers, so that a burst that takes long to be sent does not look shorter.
fn load(asked: Bursts) -> Load {
    #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^53")]
    let rate = if asked.over.is_zero() { AT_ONCE } else { asked.requests as f64 / asked.over.as_secs_f64() };
    Load::Open { rate, arrivals: Arrivals::Constant }
}

fn rest(time: Duration, stop: &Stop) {
    let end = Instant::now() + time;
    while !stop.stopped() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        sleep(left.min(LOOK));
    }
}
