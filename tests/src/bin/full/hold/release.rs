//! From the moment a queue-proxy would say that its pod is ready to the first byte it gets of a request that waits.
//!
//! The queue-proxy is played by a thread here.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::{ask, status, wait_until};
use crate::findings::Findings;
use crate::manifests::Folder;
use crate::process::{Process, free_address};

const TIMES: usize = 50;
const QUICK_TIMES: usize = 5;

const MOST_P50: Duration = Duration::from_millis(10);
const MOST_P95: Duration = Duration::from_millis(25);

pub(super) fn measure(quick: bool, folder: &Folder, gateway: &Process, found: &mut Findings) -> anyhow::Result<()> {
    let mut delays = Vec::new();
    for time in 0..if quick { QUICK_TIMES } else { TIMES } {
        delays.push(delay(folder, gateway, time).with_context(|| format!("release {time}"))?);
    }
    delays.sort_unstable();
    let percentile = |percent: usize| delays[(delays.len() * percent).div_ceil(100) - 1];
    let millis = |delay: Duration| delay.as_secs_f64() * 1e3;
    let (p50, p95) = (percentile(50), percentile(95));
    found.bound(p50 <= MOST_P50, format_args!("ready pod to first byte p50 {:.1} ms", millis(p50)), "at most 10 ms");
    found.bound(p95 <= MOST_P95, format_args!("p95 {:.1} ms", millis(p95)), "at most 25 ms");
    Ok(())
}

/// One cold start: the pod's address is known, and some time later it is ready.
fn delay(folder: &Folder, gateway: &Process, time: usize) -> anyhow::Result<Duration> {
    let (revision, host) = (format!("start-{time:05}"), format!("start-{time}.example"));
    let pod = free_address()?;
    folder.revision(&revision, None)?;
    folder.route(&host, &[(&revision, 100)])?;
    let at = gateway.address("external-http")?;
    until_served(at, &host)?;
    let client = ask(at, &host)?;
    wait_until(gateway, 1)?;
    folder.revision(&revision, Some((pod, false)))?;
    // Not in step with whoever asks.
    sleep(Duration::from_micros(100_000 + 7_919 * time as u64 % 50_000));
    let (send, came) = channel();
    let ready = Instant::now();
    let listener = TcpListener::bind(pod)?;
    spawn(move || serve(&listener, &send));
    let first = came.recv_timeout(Duration::from_secs(5)).context("no request")?;
    ensure!(status(client) == "200", "the request that waited was not answered");
    Ok(first.duration_since(ready))
}

/// Waits until the route is there: a probe is answered without a pod.
fn until_served(at: SocketAddr, host: &str) -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        let mut client = TcpStream::connect(at)?;
        let probe = "K-Network-Probe: probe\r\nK-Network-Hash: a\r\nConnection: close\r\n\r\n";
        write!(client, "GET / HTTP/1.1\r\nHost: {host}\r\n{probe}")?;
        if status(client) == "200" {
            return Ok(());
        }
        ensure!(begin.elapsed() < Duration::from_secs(5), "no route");
        sleep(Duration::from_millis(5));
    }
}

/// A queue-proxy that is ready.
fn serve(listener: &TcpListener, came: &Sender<Instant>) {
    for stream in listener.incoming().flatten() {
        let came = came.clone();
        spawn(move || answer(&stream, &came));
    }
}

fn answer(mut stream: &TcpStream, came: &Sender<Instant>) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    loop {
        let first = lines.next()?.ok()?;
        let at = Instant::now();
        while !lines.next()?.ok()?.is_empty() {}
        let body = if first.starts_with("GET /healthz") { "queue" } else { "hello" };
        if body == "hello" {
            // Whoever waited for it may have gone.
            let _ = came.send(at);
        }
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()?;
    }
}
