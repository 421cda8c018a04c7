//! Bursts at a server that sleeps, whose times can be computed.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

mod common;

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncWriteExt, BufStream};

use common::{Server, head, plan};
use net_pingora_loadtest::Stop;
use net_pingora_loadtest::cold::{Bursts, Report, run};

/// From the first request to the first answer.
const HOLD: Duration = Duration::from_millis(600);

/// From the head of an answer to its body, which no first byte waits for.
const BODY: Duration = Duration::from_millis(300);

/// Without requests for so long, from the last one or from its answer, it falls asleep.
const IDLE: Duration = Duration::from_millis(500);

/// What a busy machine may add.
const TOLERANCE: Duration = Duration::from_millis(60);

/// A machine that does something else meanwhile adds to latencies; it does not do so every time.
const ATTEMPTS: usize = 5;

/// Holds all requests until [`HOLD`] after the first one that it is sent asleep.
fn sleeping() -> Server {
    let awake = Arc::new(Mutex::new(None::<(Instant, Instant)>));
    Server::start(move |stream| {
        let awake = Arc::clone(&awake);
        async move {
            let mut stream = BufStream::new(stream);
            if head(&mut stream).await.is_none() {
                return;
            }
            let now = Instant::now();
            let from = {
                let mut awake = awake.lock().unwrap();
                let from = awake.filter(|(_, last)| now - *last < IDLE).map_or(now + HOLD, |(from, _)| from);
                *awake = Some((from, now.max(from)));
                from
            };
            tokio::time::sleep_until(from.into()).await;
            for (part, rest) in [("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", BODY), ("hi", Duration::ZERO)] {
                if stream.write_all(part.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
                tokio::time::sleep(rest).await;
            }
        }
    })
}

fn bursts(asked: Bursts) -> Report {
    let server = sleeping();
    run(plan(server.address, "/", 1), asked, &Stop::default(), |_| ()).unwrap()
}

/// Bursts whose differences from theory are none, on a machine that is not busy all the time.
fn agree(asked: Bursts, differences: impl Fn(&Report) -> Vec<String>) {
    let mut found = Vec::new();
    for _ in 0..ATTEMPTS {
        let report = bursts(asked);
        assert_eq!(report.bursts.len(), asked.repeat);
        assert_eq!(report.errors(), 0, "{report:?}");
        assert!(report.bursts.iter().all(|burst| burst.requests.len() == asked.requests), "{report:?}");
        found = differences(&report);
        if found.is_empty() {
            break;
        }
    }
    assert!(found.is_empty(), "{asked:?}: {found:?}");
}

fn differ(what: &str, seen: Duration, wanted: Duration) -> Option<String> {
    (seen.abs_diff(wanted) > TOLERANCE).then(|| format!("{what} is {seen:?}, not {wanted:?}"))
}

#[test]
fn a_burst_at_once_is_all_held_and_all_answered_at_the_same_time() {
    let asked = Bursts { requests: 101, over: Duration::ZERO, repeat: 1, idle: Duration::ZERO };
    agree(asked, |report| {
        let (burst, first_bytes) = (&report.bursts[0], report.first_bytes());
        let held: usize = burst.timeline().iter().filter(|step| step.until < HOLD).map(|step| step.answered).sum();
        let waiting = burst.timeline().iter().filter(|step| step.until < HOLD).map(|step| step.waiting).min();
        assert_eq!((held, waiting), (0, Some(101)), "nobody is answered while the server sleeps");
        let ends = [first_bytes[0], first_bytes[100], burst.first().unwrap(), burst.last().unwrap()];
        ends.into_iter().filter_map(|time| differ("a first byte", time, HOLD)).collect()
    });
}

/// Of requests that are sent evenly over a shorter time than they are held, each waits for what is left of it.
#[test]
fn over_a_time_each_request_waits_for_what_is_left() {
    let over = Duration::from_millis(400);
    let asked = Bursts { requests: 40, over, repeat: 1, idle: Duration::ZERO };
    agree(asked, |report| {
        let requests = report.bursts[0].requests.iter().zip(0_u32..);
        let sent = requests.clone().map(|(request, number)| (request.sent, over / 40 * number));
        let after = requests.map(|(request, number)| (request.after, HOLD.saturating_sub(over / 40 * number)));
        let sent = sent.filter_map(|(seen, wanted)| differ("sent", seen, wanted));
        sent.chain(after.filter_map(|(seen, wanted)| differ("first byte", seen, wanted))).collect()
    });
}

#[test]
fn a_route_that_has_fallen_asleep_again_holds_again() {
    for (idle, wanted) in [(IDLE * 2, [HOLD, HOLD]), (Duration::ZERO, [HOLD, Duration::ZERO])] {
        let asked = Bursts { requests: 8, over: Duration::ZERO, repeat: 2, idle };
        agree(asked, |report| {
            let firsts = report.bursts.iter().map(|burst| burst.first().unwrap());
            firsts.zip(wanted).filter_map(|(seen, wanted)| differ("a first answer", seen, wanted)).collect()
        });
    }
}

#[test]
fn the_command_prints_and_judges() {
    let server = sleeping();
    let directory = tempfile::tempdir().unwrap();
    let (json, html) = (directory.path().join("a.json"), directory.path().join("a.html"));
    let cold = |flags: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
        command.arg("cold").args(flags.split_whitespace()).arg(format!("http://{}/", server.address));
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let files = format!("--json {} --html {}", json.display(), html.display());
    let (code, out, err) = cold(&format!("-n 20 --threshold first<5s --threshold errors=0 {files}"));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("Burst 1 of 1:\n  Requests:\t20\n") && out.contains("[200]\t20 requests"), "{out}");
    let figures: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(figures["bursts"][0]["requests"].as_array().unwrap().len(), 20);
    assert!(std::fs::read_to_string(html).unwrap().contains("<svg"));
    std::thread::sleep(IDLE * 2);
    let (code, _, err) = cold("-n 20 --threshold first<100ms");
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("threshold first<100ms missed: "), "{err}");
    for wrong in ["-n 0", "--repeat 0", "--threshold rate>1", "--over 1"] {
        assert_eq!(cold(wrong).0, Some(2), "{wrong}");
    }
}
