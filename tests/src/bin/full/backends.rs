//! Backends in a process of their own, so that their memory and CPU are not counted as the gateway's.

use std::net::SocketAddr;
use std::process::Command;

use clap::ValueEnum;
use net_pingora_backends::{Running, Sample, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

use crate::framing::hyper;
use crate::process::{Process, pinned, this_program};

/// Any free port of loopback.
const ANY: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// What this program can be for a check beside it.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Helper {
    /// The sample backends.
    Samples,
    /// A backend that costs next to nothing.
    Fixed,
    /// A backend on hyper that tells what it saw.
    Seen,
}

/// Starts the sample backends: `blue` and `green` say hello, `echo`, `websocket`.
pub(crate) fn samples() -> anyhow::Result<Process> {
    let mut command = Command::new(this_program());
    Process::start(command.args(["--helper", "samples"]), &["blue", "green", "echo", "websocket"])
}

/// Starts a backend named `fixed`: every request is answered with the same 100 bytes; `core` pins it.
pub(crate) fn fixed(core: Option<u8>) -> anyhow::Result<Process> {
    let mut command = pinned(&this_program(), core);
    Process::start(command.args(["--helper", "fixed"]), &["fixed"])
}

/// Is the helper until it is killed.
pub(crate) fn run(helper: Helper) -> anyhow::Result<()> {
    match helper {
        Helper::Samples => Builder::new_multi_thread().enable_all().build()?.block_on(serve_samples()),
        Helper::Fixed => Builder::new_current_thread().enable_all().build()?.block_on(serve_fixed()),
        Helper::Seen => Builder::new_current_thread().enable_all().build()?.block_on(hyper::serve()),
    }
}

async fn serve_samples() -> anyhow::Result<()> {
    let hello = |name: &str| Sample::Hello(name.to_owned());
    let samples =
        [("blue", hello("blue")), ("green", hello("green")), ("echo", Sample::Echo), ("websocket", Sample::WebSocket)];
    let mut running: Vec<Running> = Vec::new();
    for (name, sample) in samples {
        let backend = start(sample, ANY.into()).await?;
        tell(name, backend.address);
        running.push(backend);
    }
    std::future::pending().await
}

async fn serve_fixed() -> anyhow::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(ANY)).await?;
    tell("fixed", listener.local_addr()?);
    let body = "x".repeat(100);
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    loop {
        let (stream, _) = listener.accept().await?;
        let answer = answer.clone();
        // The other end may leave at any time; there is nobody to tell.
        tokio::spawn(async move { drop(answer_all(stream, answer.as_bytes()).await) });
    }
}

/// Answers every request head, however heads are cut into packets; requests have no body.
async fn answer_all(mut stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    const END: &[u8] = b"\r\n\r\n";
    stream.set_nodelay(true)?;
    let mut chunk = vec![0; 16 << 10];
    let mut matched = 0;
    loop {
        let length = stream.read(&mut chunk).await?;
        if length == 0 {
            return Ok(());
        }
        let mut answers = Vec::new();
        for byte in chunk.iter().take(length) {
            matched = match END.get(matched) {
                Some(wanted) if wanted == byte => matched + 1,
                _ => usize::from(*byte == b'\r'),
            };
            if matched == END.len() {
                matched = 0;
                answers.extend_from_slice(answer);
            }
        }
        stream.write_all(&answers).await?;
    }
}

fn tell(name: &str, address: SocketAddr) {
    println!("listening {name} {address}");
}
