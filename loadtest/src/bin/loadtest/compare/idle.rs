//! Connections that stay open without requests.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::work::{HOST, IDLE};

/// Files of the connections, and of a process's own.
const FILES: u64 = IDLE as u64 + 2000;

/// How long memory settles.
const SETTLE: Duration = Duration::from_secs(1);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets this process, and those it starts, open all files that the system allows.
pub(crate) fn raise_open_files() -> anyhow::Result<()> {
    let wanted = getrlimit(Resource::Nofile).maximum.map(|maximum| maximum.max(FILES));
    // Only root may raise the maximum.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum: wanted });
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).context("open more files")
}

/// Whether idle connections have the files they need.
pub(crate) fn check_open_files() -> anyhow::Result<()> {
    let enough = getrlimit(Resource::Nofile).current.is_none_or(|current| current >= FILES);
    ensure!(enough, "{IDLE} connections need more open files; allow them with `ulimit -n {FILES}`");
    Ok(())
}

/// Opens the connections, each with one request, and measures while all are open.
pub(crate) fn measure<T>(address: &str, measured: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let connections = (0..IDLE).map(|_| open(address)).collect::<anyhow::Result<Vec<_>>>()?;
    sleep(SETTLE);
    let figure = measured()?;
    let closed = connections.iter().filter(|connection| !is_open(connection)).count();
    ensure!(closed == 0, "it closed {closed} of {IDLE} idle connections");
    Ok(figure)
}

fn open(address: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET /bytes/100 HTTP/1.1\r\nhost: {HOST}\r\n\r\n").as_bytes())?;
    let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
    while !answer.ends_with(&[b'x'; 100]) {
        let length = stream.read(&mut chunk)?;
        ensure!(length > 0, "it closed a connection: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(chunk.get(..length).unwrap_or_default());
    }
    Ok(stream)
}

fn is_open(stream: &TcpStream) -> bool {
    let waits = |error: std::io::Error| error.kind() == ErrorKind::WouldBlock;
    stream.set_nonblocking(true).is_ok() && stream.peek(&mut [0]).is_err_and(waits)
}
