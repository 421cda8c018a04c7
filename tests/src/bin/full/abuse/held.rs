//! Resident memory of the gateway for a connection on which nothing happens.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use anyhow::ensure;
use futures::{StreamExt, TryStreamExt, stream};
use net_pingora_tests::websocket::WebSocket;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::attacker::connect;
use super::stage::{GOOD, Stage, WEBSOCKET};
use crate::findings::Findings;

/// Connections that only warm the gateway up, and those that count.
const FIRST: u32 = 500;
const COUNTED: u32 = 4_000;
const QUICK_COUNTED: u32 = 1_000;

/// Connections that are opened at the same time.
const AT_ONCE: usize = 16;

/// How long memory gets to settle.
const SETTLE: Duration = Duration::from_secs(2);

/// Bytes of a connection.
const MOST_HTTP1: u64 = 8 << 10;
const MOST_WEBSOCKET: u64 = 16 << 10;

pub(crate) fn measure(found: &mut Findings, quick: bool) -> anyhow::Result<()> {
    let counted = if quick { QUICK_COUNTED } else { COUNTED };
    let stage = Stage::start()?;
    let bytes = growth(&stage, counted, asked_once)?;
    let figure = format!("{bytes} bytes of memory an idle HTTP/1.1 connection, of {counted}");
    found.bound(bytes <= MOST_HTTP1, figure, "at most 8 KiB");
    let stage = Stage::start()?;
    let bytes = growth(&stage, counted, websocket)?;
    let figure = format!("{bytes} bytes of memory an idle WebSocket, of {counted}");
    found.bound(bytes <= MOST_WEBSOCKET, figure, "at most 16 KiB");
    Ok(())
}

/// Bytes that the gateway grows by for each connection, while all of them are open.
fn growth<C, F>(stage: &Stage, counted: u32, open: fn(SocketAddr, u32) -> F) -> anyhow::Result<u64>
where
    F: Future<Output = anyhow::Result<C>>,
{
    let runtime = Runtime::new()?;
    let opened = |count| {
        runtime.block_on(async move {
            let opening = stream::iter(0..count).map(|number| open(stage.at, number)).buffer_unordered(AT_ONCE);
            opening.try_collect::<Vec<_>>().await
        })
    };
    let first = opened(FIRST)?;
    sleep(SETTLE);
    let before = stage.resident()?;
    let held = opened(counted)?;
    sleep(SETTLE);
    let (after, clients) = (stage.resident()?, stage.sockets()?.clients);
    ensure!(clients == first.len() + held.len(), "the gateway holds {clients} connections of {FIRST} and {counted}");
    Ok(after.saturating_sub(before) / u64::from(counted))
}

/// A connection that has had an answer.
async fn asked_once(at: SocketAddr, number: u32) -> anyhow::Result<TcpStream> {
    let mut stream = connect(at, number, None).await?;
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {GOOD}\r\n\r\n").as_bytes()).await?;
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await?;
    ensure!(answer.starts_with(b"HTTP/1.1 200 "), "answered {}", String::from_utf8_lossy(&answer[..length]));
    Ok(stream)
}

async fn websocket(at: SocketAddr, number: u32) -> anyhow::Result<WebSocket> {
    let stream = connect(at, number, None).await?;
    Ok(WebSocket::over(Box::new(stream), WEBSOCKET, "/").await?)
}
