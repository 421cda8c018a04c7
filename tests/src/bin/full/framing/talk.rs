//! A client that sends what it likes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::case::Case;

/// How long the gateway may say nothing before it counts as waiting for more.
const SILENCE: Duration = Duration::from_secs(1);

/// Between the two pieces of a case that is sent in two.
const PAUSE: Duration = Duration::from_millis(20);

/// How a case's connection went.
#[derive(Debug)]
pub(super) struct Talk {
    /// What the gateway said.
    pub(super) said: String,
    /// Whether the gateway closed the connection.
    pub(super) closed: bool,
}

impl Talk {
    /// The answers, for people.
    pub(super) fn statuses(&self) -> String {
        let lines: Vec<_> = self.said.lines().filter(|line| line.starts_with("HTTP/1.")).collect();
        if lines.is_empty() { ", without an answer".to_owned() } else { format!(", answered {}", lines.join(", ")) }
    }
}

/// The client's address of a case: it tells whose a line of the gateway's log is.
pub(super) fn client(at: usize) -> IpAddr {
    let [.., high, low] = at.to_be_bytes();
    Ipv4Addr::new(127, 1, high, low).into()
}

/// Sends a case and its sentinel, and listens until the sentinel is answered, the connection closed, or silence.
pub(super) async fn talk(gateway: SocketAddr, at: usize, case: &Case, cut: bool) -> std::io::Result<Talk> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((client(at), 0).into())?;
    let mut stream = socket.connect(gateway).await?;
    stream.set_nodelay(true)?;
    let bytes = case.connection(at);
    let (first, second) = bytes.split_at(if cut { case.wire.len() / 2 } else { 0 });
    // The gateway may refuse, and close, before it has taken everything.
    if !first.is_empty() && stream.write_all(first).await.is_ok() {
        sleep(PAUSE).await;
    }
    let _ = stream.write_all(second).await;
    Ok(listen(&mut stream, &format!("saw sentinel-{}", Case::number(at))).await)
}

async fn listen(stream: &mut TcpStream, last: &str) -> Talk {
    let mut said = Vec::new();
    let mut chunk = [0; 4096];
    let closed = loop {
        match timeout(SILENCE, stream.read(&mut chunk)).await {
            Err(_) => break false,
            Ok(Ok(0) | Err(_)) => break true,
            Ok(Ok(length)) => said.extend_from_slice(chunk.get(..length).unwrap_or_default()),
        }
        if String::from_utf8_lossy(&said).contains(last) {
            break false;
        }
    };
    Talk { said: String::from_utf8_lossy(&said).into_owned(), closed }
}
