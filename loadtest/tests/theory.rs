//! From when latencies count, on a server whose percentiles can be computed.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

mod common;

use std::time::{Duration, Instant};

use tokio::io::{AsyncWriteExt, BufStream};

use common::{Server, head, load, ok, plan};
use net_pingora_loadtest::{Arrivals, End, Load, Report};

/// A period, at the beginning of which nothing is answered for a while.
const PERIOD: Duration = Duration::from_millis(400);
const STALL: Duration = Duration::from_millis(200);

/// Requests a second, and how many there are in [`TIME`].
const RATE: f64 = 250.0;
const REQUESTS: u64 = 1000;
const TIME: Duration = Duration::from_secs(4);

/// What exchanges may add to a latency.
const TOLERANCE: Duration = Duration::from_millis(20);

/// A machine that does something else meanwhile adds to latencies; it does not do so every time.
const ATTEMPTS: usize = 5;

/// Answers nothing in the first part of every period, counted from now.
fn stalling() -> Server {
    let begin = Instant::now();
    Server::start(move |stream| async move {
        let mut stream = BufStream::new(stream);
        while head(&mut stream).await.is_some() {
            let phase = Duration::from_nanos((begin.elapsed().as_nanos() % PERIOD.as_nanos()).try_into().unwrap());
            // A sleep of nothing takes a millisecond.
            if phase < STALL {
                tokio::time::sleep(STALL.saturating_sub(phase)).await;
            }
            if stream.write_all(ok("hi").as_bytes()).await.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
    })
}

fn open(arrivals: Arrivals, connections: usize) -> Report {
    let server = stalling();
    let mut plan = plan(server.address, "/", 1);
    (plan.load, plan.end) = (Load::Open { rate: RATE, arrivals }, End::After(TIME));
    plan.connections = connections;
    load(plan)
}

/// Requests are evenly spread over the period, and one that comes in the stall waits for its end: of all
/// requests a part (STALL - x) / PERIOD takes longer than x, however many connections there are.
fn differences(report: &Report) -> Vec<String> {
    let mut differences = Vec::new();
    for percent in [60.0, 75.0, 90.0, 99.0] {
        let longer = PERIOD.mul_f64(1.0 - percent / 100.0);
        let (wanted, seen) = (STALL.saturating_sub(longer), report.percentile(percent));
        if seen.abs_diff(wanted) > TOLERANCE {
            differences.push(format!("p{percent} is {seen:?}, not {wanted:?}"));
        }
    }
    differences
}

#[test]
fn latency_counts_from_the_scheduled_time() {
    for (arrivals, connections) in [(Arrivals::Constant, 200), (Arrivals::Constant, 2), (Arrivals::Poisson, 200)] {
        let mut found = Vec::new();
        for _ in 0..ATTEMPTS {
            let report = open(arrivals, connections);
            let case = format!("{arrivals:?} on {connections} connections: {:?}", report.messages);
            assert_eq!(report.failed(), 0, "{case}");
            // Five standard deviations of a Poisson process.
            let spread = if arrivals == Arrivals::Constant { 0 } else { 160 };
            assert!(report.requests().abs_diff(REQUESTS) <= spread, "{case}: {} requests", report.requests());
            found = differences(&report);
            if found.is_empty() {
                break;
            }
        }
        assert!(found.is_empty(), "{arrivals:?} on {connections} connections: {found:?}");
    }
    // By a closed loop, whose clients wait with the server, few requests see the same stalls.
    let server = stalling();
    let mut plan = plan(server.address, "/", 1);
    plan.end = End::After(TIME / 2);
    let closed = load(plan);
    assert!(closed.percentile(90.0) < STALL / 10, "{:?}", closed.percentile(90.0));
}
