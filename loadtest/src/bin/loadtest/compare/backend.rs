//! The backend behind all proxies, in a process of its own.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use bytes::BytesMut;
use net_pingora_backends::{Sample, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::cores::Cores;
use super::process::{Process, this_program};
use super::proxies::Kind;
use super::relay;
use super::work::{Upstream, Work};

/// Any free port of loopback.
const ANY: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// Headers of a request at most.
const HEADERS: usize = 64;

/// Bytes of a body at most.
const LARGEST: usize = 16 << 20;

/// A backend that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Backend {
    addresses: HashMap<String, SocketAddr>,
    _process: Process,
}

impl Backend {
    /// Starts it beside the client.
    pub(crate) fn start(cores: &Cores, folder: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(this_program()?);
        command.args(["compare", "backend", &cores.client_threads().to_string()]);
        let mut process = Process::start(&command, &cores.others, &folder.join("backend.log"))?;
        let mut addresses = HashMap::new();
        for _ in 0..=samples().len() {
            let line = process.line().context("backend")?;
            let (name, address) = line.split_once(' ').with_context(|| format!("backend says {line}"))?;
            addresses.insert(name.to_owned(), address.parse()?);
        }
        Ok(Self { addresses, _process: process })
    }

    /// Where a proxy sends requests of this work; the relay needs a backend that speaks what the client does.
    pub(crate) fn address(&self, work: Work, proxy: Kind) -> anyhow::Result<SocketAddr> {
        let name = match work.upstream() {
            Upstream::Http2 => "grpc",
            Upstream::WebSocket => "websocket",
            Upstream::Http1 if work.is_http2() && proxy == Kind::Relay => "echo",
            Upstream::Http1 => "fixed",
        };
        self.addresses.get(name).copied().with_context(|| format!("no backend {name}"))
    }
}

fn samples() -> [(&'static str, Sample); 3] {
    [("grpc", Sample::Grpc), ("websocket", Sample::WebSocket), ("echo", Sample::Echo)]
}

/// Is the backend until it is killed: `fixed`, which costs next to nothing, and samples that speak more.
pub(crate) fn serve(threads: usize) -> anyhow::Result<()> {
    relay::runtime(threads)?.block_on(async {
        let mut running = Vec::new();
        for (name, sample) in samples() {
            let backend = start(sample, ANY.into()).await?;
            println!("{name} {}", backend.address);
            running.push(backend);
        }
        let listener = relay::listen(ANY.into())?;
        println!("fixed {}", listener.local_addr()?);
        accept(listener).await
    })
}

async fn accept(listener: TcpListener) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // The other end may leave at any time; there is nobody to tell.
        tokio::spawn(async move { drop(answer_all(stream).await) });
    }
}

/// Answers every request to `/bytes/N` with so many bytes; requests have no body.
async fn answer_all(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut requests = BytesMut::with_capacity(16 << 10);
    let (mut size, mut answer, mut answers) = (usize::MAX, Vec::new(), Vec::new());
    while stream.read_buf(&mut requests).await? > 0 {
        while let Some((length, wanted)) = head(&requests)? {
            let _ = requests.split_to(length);
            if wanted != size {
                (size, answer) = (wanted, made(wanted));
            }
            answers.extend_from_slice(&answer);
        }
        stream.write_all(&answers).await?;
        answers.clear();
    }
    Ok(())
}

/// The length of a whole request, and how many bytes it asks for.
fn head(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = request.parse(bytes).map_err(io::Error::other)? else { return Ok(None) };
    let size = request.path.and_then(|path| path.strip_prefix("/bytes/")?.parse().ok());
    let size = size.filter(|size| *size <= LARGEST).ok_or_else(|| io::Error::other("ask for /bytes/N"))?;
    Ok(Some((length, size)))
}

fn made(size: usize) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {size}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + size, b'x');
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_whole_or_waited_for_and_asks_for_a_size() {
        let request = b"GET /bytes/7 HTTP/1.1\r\nhost: a\r\n\r\n";
        assert_eq!(head(request).unwrap(), Some((request.len(), 7)));
        assert_eq!(head(&request[..20]).unwrap(), None);
        for bad in ["GET / HTTP/1.1\r\n\r\n", "GET /bytes/99999999999 HTTP/1.1\r\n\r\n", "\0"] {
            assert!(head(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
