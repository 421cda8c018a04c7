//! A target is renamed in the directory again and again, under full load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::backends;
use crate::findings::Findings;
use crate::manifests::Folder;
use crate::process::gateway;

const HOST: &str = "rename.example";
const RENAMES: usize = 200;
const QUICK_RENAMES: usize = 10;

/// Connections that send one request after the other.
const CLIENTS: usize = 32;

/// Time between two renames: long enough for what is late to be seen.
const PAUSE: Duration = Duration::from_millis(250);

/// From a rename to the last request that was started on the old target.
const MOST_DELAY: Duration = Duration::from_millis(100);

/// Which of the two targets, by the number of the rename.
const TARGETS: [&str; 2] = ["blue", "green"];

/// One request: when it was started, and which target answered, if any did.
type Sent = (Instant, Result<usize, String>);

pub(crate) fn run(quick: bool) -> anyhow::Result<Findings> {
    let (folder, backends) = (Folder::new()?, backends::samples()?);
    for target in TARGETS {
        folder.service(target, backends.address(target)?)?;
    }
    folder.route(HOST, &[(TARGETS[0], 100)])?;
    let gateway = gateway(folder.path(), &[], None)?;
    let at = gateway.address("external-http")?;
    let done = Arc::<AtomicBool>::default();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let clients: JoinSet<_> = {
        let _inside = runtime.enter();
        (0..CLIENTS).map(|_| client(at, Arc::clone(&done))).collect()
    };
    let renames = rename(&folder, if quick { QUICK_RENAMES } else { RENAMES })?;
    done.store(true, Ordering::Relaxed);
    let sent: Vec<Sent> = runtime.block_on(clients.join_all()).into_iter().flatten().collect();
    judge(&renames, &sent)
}

/// Renames the target `count` times and tells when each began.
fn rename(folder: &Folder, count: usize) -> anyhow::Result<Vec<Instant>> {
    let mut renames = Vec::new();
    for target in TARGETS.iter().cycle().skip(1).take(count) {
        sleep(PAUSE);
        renames.push(Instant::now());
        folder.route(HOST, &[(target, 100)])?;
    }
    sleep(PAUSE);
    Ok(renames)
}

fn judge(renames: &[Instant], sent: &[Sent]) -> anyhow::Result<Findings> {
    let mut delays = delays(renames, sent);
    delays.sort_unstable();
    let p99 = *delays.get((delays.len() * 99).div_ceil(100) - 1).context("no rename")?;
    let (median, worst) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    let millis = |delay: Duration| delay.as_secs_f64() * 1e3;
    let errors: Vec<_> = sent.iter().filter_map(|(_, answer)| answer.clone().err()).collect();

    let mut found = Findings::default();
    found.figure(format_args!("{} renames, {} requests", renames.len(), sent.len()));
    found.figure(format_args!("old target used for p50 {:.1} ms", millis(median)));
    found.bound(p99 <= MOST_DELAY, format_args!("p99 {:.1} ms", millis(p99)), "at most 100 ms");
    found.figure(format_args!("longest {:.1} ms", millis(worst)));
    found.no_errors(&errors);
    Ok(found)
}

/// For each rename, how long after it the last request was started that the old target answered.
fn delays(renames: &[Instant], sent: &[Sent]) -> Vec<Duration> {
    let mut delays = vec![Duration::ZERO; renames.len()];
    for (start, answer) in sent {
        let before = renames.partition_point(|rename| rename <= start);
        let Some(rename) = before.checked_sub(1) else { continue };
        // After rename 0 the target is the second one, and so on.
        let old = rename % TARGETS.len();
        if answer.as_ref() == Ok(&old) {
            delays[rename] = delays[rename].max(*start - renames[rename]);
        }
    }
    delays
}

/// Sends one request after the other on one connection.
async fn client(at: SocketAddr, done: Arc<AtomicBool>) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut connection = None;
    while !done.load(Ordering::Relaxed) {
        let start = Instant::now();
        let answer = request(&mut connection, at).await.map_err(|error| format!("request failed: {error:#}"));
        if answer.is_err() {
            connection = None;
        }
        sent.push((start, answer));
    }
    sent
}

/// Sends one request and tells which target answered; connects where there is no connection.
async fn request(connection: &mut Option<SendRequest<Empty<Bytes>>>, at: SocketAddr) -> anyhow::Result<usize> {
    let sender = match connection {
        Some(sender) => sender,
        None => connection.insert(connect(at).await?),
    };
    sender.ready().await?;
    let request = Request::get("/").header(header::HOST, HOST).body(Empty::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    let said = String::from_utf8_lossy(&body);
    ensure!(status == StatusCode::OK, "answered {status}: {said}");
    let target = TARGETS.iter().position(|target| said.trim_end().ends_with(target));
    target.with_context(|| format!("answered by nobody we know: {said}"))
}

async fn connect(at: SocketAddr) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // What ends the connection fails its request, which tells.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_ends_with_the_last_start_on_the_old_target() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let sent = [(at(0), Ok(0)), (at(12), Ok(0)), (at(13), Ok(1)), (at(14), Ok(0)), (at(31), Ok(0))];
        assert_eq!(delays(&[at(10), at(30)], &sent), [Duration::from_millis(4), Duration::ZERO]);
    }

    #[test]
    fn a_rename_that_never_takes_effect_is_late() {
        let start = Instant::now();
        let sent: Vec<_> = (0..9).map(|step| (start + step * Duration::from_millis(50), Ok(0))).collect();
        assert_eq!(delays(&[start], &sent), [Duration::from_millis(400)]);
    }
}
