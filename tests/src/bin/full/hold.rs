//! Thousands of requests wait for a pod: what each takes, who is too many, and that all are answered in the end.

mod release;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::accounting::resident;
use crate::backends;
use crate::findings::Findings;
use crate::manifests::Folder;
use crate::process::{Process, gateway};

const HOST: &str = "cold.example";
const REVISION: &str = "cold-00001";

/// Requests that wait, each on a connection of its own.
const HELD: usize = 10_000;
const QUICK_HELD: usize = 500;

/// Requests beyond those, one after the other: files are not enough for as many at once.
const TOO_MANY: usize = 10_000;
const QUICK_TOO_MANY: usize = 500;

/// Most memory of a request that waits, its connection included.
const BYTES_EACH: u64 = 16 * 1024;

/// Longest answer to one that may not wait.
const AT_ONCE: Duration = Duration::from_millis(200);

/// Requests that the pod gets at once: it has files for so many.
const AT_THE_POD: &str = "1000";

const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn run(quick: bool) -> anyhow::Result<Findings> {
    let (count, too_many) = if quick { (QUICK_HELD, QUICK_TOO_MANY) } else { (HELD, TOO_MANY) };
    let (folder, backends) = (Folder::new()?, backends::samples()?);
    folder.revision(REVISION, None)?;
    folder.route(HOST, &[(REVISION, 100)])?;
    let held = count.to_string();
    let flags = ["--activator=embedded", "--max-connections-per-address=50000", "--max-requests-per-pod", AT_THE_POD];
    let gateway = gateway(folder.path(), &[&flags[..], &["--max-held", &held]].concat(), None)?;
    let at = gateway.address("external-http")?;
    let idle = resident(gateway.id())?;

    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(ask(at, HOST)?);
    }
    wait_until(&gateway, count)?;
    let each = resident(gateway.id())?.saturating_sub(idle) / count as u64;
    let mut found = Findings::default();
    found.bound(each <= BYTES_EACH, format_args!("{count} wait with {each} bytes each"), "at most 16384");
    refused(at, too_many, &mut found)?;
    folder.revision(REVISION, Some((backends.address("blue")?, true)))?;
    answered(clients, &mut found);
    release::measure(quick, &folder, &gateway, &mut found)?;
    gateway.ensure_no_panic()?;
    Ok(found)
}

/// A request that waits for its answer.
fn ask(at: SocketAddr, host: &str) -> std::io::Result<TcpStream> {
    let mut client = TcpStream::connect(at)?;
    client.set_read_timeout(Some(PATIENCE))?;
    write!(client, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    Ok(client)
}

fn status(mut client: TcpStream) -> String {
    let mut answer = String::new();
    match client.read_to_string(&mut answer) {
        Ok(_) => answer.get(9..12).unwrap_or("nothing").to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Waits until so many requests wait.
fn wait_until(gateway: &Process, count: usize) -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        let waiting = waiting(gateway.address("health")?)?;
        if waiting == count {
            return Ok(());
        }
        ensure!(begin.elapsed() < PATIENCE, "{waiting} requests wait, not {count}");
        sleep(Duration::from_millis(100));
    }
}

fn waiting(health: SocketAddr) -> anyhow::Result<usize> {
    let mut client = TcpStream::connect(health)?;
    client.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    let mut metrics = String::new();
    client.read_to_string(&mut metrics)?;
    let waiting = metrics.lines().find_map(|line| line.strip_prefix("net_pingora_held_requests "));
    Ok(waiting.context("no net_pingora_held_requests")?.parse()?)
}

/// Those who are too many are told so at once.
fn refused(at: SocketAddr, count: usize, found: &mut Findings) -> anyhow::Result<()> {
    let mut longest = Duration::ZERO;
    for _ in 0..count {
        let began = Instant::now();
        let status = status(ask(at, HOST)?);
        longest = longest.max(began.elapsed());
        found.demand(status == "503", format_args!("one too many: {status}"), "503");
    }
    let millis = longest.as_secs_f64() * 1e3;
    found.bound(
        longest <= AT_ONCE,
        format_args!("{count} more refused, the last to know after {millis:.1} ms"),
        "200 ms",
    );
    Ok(())
}

/// Those who have waited are answered.
fn answered(clients: Vec<TcpStream>, found: &mut Findings) {
    let (count, began) = (clients.len(), Instant::now());
    let answers: Vec<_> = clients.into_iter().map(status).collect();
    let good = answers.iter().filter(|status| *status == "200").count();
    let other = answers.iter().find(|status| *status != "200").cloned().unwrap_or_default();
    found.demand(good == count, format_args!("{good} of {count} answered 200, another {other:?}"), "all");
    found.figure(format_args!("all answered {:.1} s after there was a pod", began.elapsed().as_secs_f64()));
}
