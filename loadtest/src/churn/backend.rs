//! Backends that answer every request with their name.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The end of a request's head; there are no bodies (RFC 9112 §2.1).
const END: &[u8] = b"\r\n\r\n";

/// Bytes of a head at most.
const HEAD: usize = 64 << 10;

/// A backend that runs, on this thread, until it is dropped.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    _task: JoinSet<()>,
}

impl Backend {
    /// Listens on any free port of an address.
    pub(crate) async fn start(name: &str, at: IpAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((at, 0)).await?;
        let address = listener.local_addr()?;
        let answer: Rc<str> = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{name}", name.len()).into();
        let mut task = JoinSet::new();
        task.spawn_local(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let answer = Rc::clone(&answer);
                // What ends a connection is the gateway's affair.
                connections.spawn_local(async move { drop(serve(stream, &answer).await) });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, _task: task })
    }
}

async fn serve(mut stream: TcpStream, answer: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = Vec::new();
    while bytes.len() < HEAD && stream.read_buf(&mut bytes).await? > 0 {
        while let Some(at) = bytes.windows(END.len()).position(|window| window == END) {
            bytes.drain(..at + END.len());
            stream.write_all(answer.as_bytes()).await?;
        }
    }
    Ok(())
}
