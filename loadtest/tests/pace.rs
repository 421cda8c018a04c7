//! When requests are sent.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;

use common::{Server, head, load, ok, plan};
use net_pingora_loadtest::{Arrivals, End, Kind, Load, Stop, run};

#[test]
fn a_rate_is_kept_to() {
    let server = Server::answering(|_| ok("hi"));
    let each = Load::Closed { each: Some(50.0) };
    let all = Load::Open { rate: 200.0, arrivals: Arrivals::Constant };
    for load_as in [each, all] {
        let mut plan = plan(server.address, "/", 1);
        (plan.load, plan.end) = (load_as, End::After(Duration::from_secs(2)));
        let requests = load(plan).requests();
        // The ticks of a closed loop are lost when they are missed; those of an open one never.
        let least = if load_as == each { 200 } else { 400 };
        assert!((least..=400).contains(&requests), "{load_as:?}: {requests}");
    }
}

#[test]
fn a_rate_beyond_all_means_is_seen_as_such() {
    let server = Server::answering(|_| ok("hi"));
    let mut plan = plan(server.address, "/", 1);
    plan.load = Load::Open { rate: 500_000.0, arrivals: Arrivals::Constant };
    (plan.end, plan.timeout) = (End::After(Duration::from_secs(1)), Some(Duration::from_millis(200)));
    let report = load(plan);
    assert_eq!(report.requests(), 500_000);
    let late = report.failures.get(&Kind::Timeout).copied().unwrap_or_default();
    assert_eq!((report.failed() > 0, report.failed()), (true, late), "{:?}", report.messages);
    assert!(report.answered() > 500, "{}", report.answered());
    assert!(report.percentile(50.0) > Duration::from_millis(20), "{:?}", report.percentile(50.0));
}

#[test]
fn an_open_loop_opens_connections_as_they_are_needed() {
    // At 20 a second one is enough, but for a machine that is busy.
    for (rate, most) in [(20.0, 3), (200.0, 20)] {
        let count = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&count);
        let server = Server::start(move |mut stream| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                while head(&mut stream).await.is_some() {
                    tokio::time::sleep(Duration::from_millis(25)).await;
                    drop(stream.write_all(ok("hi").as_bytes()).await);
                }
            }
        });
        let mut plan = plan(server.address, "/", 40);
        (plan.load, plan.threads, plan.connections) = (Load::Open { rate, arrivals: Arrivals::Constant }, 1, 20);
        assert_eq!(load(plan).answered(), 40);
        let opened = count.load(Ordering::Relaxed);
        assert!((1..=most).contains(&opened), "{opened} connections at {rate} requests/s");
        assert!(rate < 100.0 || opened > 3, "{opened} connections at {rate} requests/s");
    }
}

#[test]
fn a_warm_up_is_not_counted_and_every_second_is_told() {
    let server = Server::answering(|_| ok("hi"));
    let mut plan = plan(server.address, "/", 1);
    plan.load = Load::Open { rate: 100.0, arrivals: Arrivals::Constant };
    (plan.end, plan.warmup) = (End::After(Duration::from_secs(3)), Duration::from_secs(1));
    let mut told = Vec::new();
    let report = run(plan, &Stop::default(), |second| told.push(second.requests)).unwrap();
    assert_eq!(report.requests(), 200);
    assert!(report.elapsed < Duration::from_secs(4), "{:?}", report.elapsed);
    assert!(told.len() >= 2, "{told:?}");
    assert_eq!(report.series.iter().map(|second| second.requests).sum::<u64>(), 200);
    // Of the first second only what ended just as it did.
    assert!(report.series[0].requests < 50, "{:?}", report.series);
}

#[test]
fn a_run_that_is_stopped_reports_what_it_saw() {
    let answering = Server::answering(|_| ok("hi"));
    let silent = Server::answering(|_| String::new());
    for (server, answers) in [(&answering, true), (&silent, false)] {
        let mut plan = plan(server.address, "/", 1);
        (plan.end, plan.timeout) = (End::After(Duration::from_mins(1)), None);
        let stop = Stop::default();
        let later = stop.clone();
        let stopper = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(500));
            later.stop();
        });
        let begin = Instant::now();
        let report = run(plan, &stop, |_| ()).unwrap();
        stopper.join().unwrap();
        assert!(begin.elapsed() < Duration::from_secs(10));
        assert_eq!(report.answered() > 0, answers);
        assert_eq!(report.failed(), 0, "{:?}", report.messages);
    }
}
