//! Both ends of the wire, byte by byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// How long a test waits for bytes before it counts the other side as silent.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Sends `bytes` and reads until the other side closes, or says nothing for a while.
///
/// # Errors
/// When the connection fails before a byte was read.
pub async fn talk(address: SocketAddr, bytes: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(bytes).await?;
    Ok(read_until(&mut stream, |_| false).await)
}

/// Reads until `enough`, the end of the stream, or silence.
pub async fn read_until(stream: &mut TcpStream, enough: impl Fn(&[u8]) -> bool) -> String {
    let mut read = Vec::new();
    while !enough(&read) {
        let mut chunk = [0; 4096];
        match timeout(PATIENCE, stream.read(&mut chunk)).await {
            Ok(Ok(length)) if length > 0 => read.extend_from_slice(chunk.get(..length).unwrap_or_default()),
            _ => break,
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// An upstream that answers every request with fixed bytes and remembers what it was sent.
#[derive(Debug)]
pub struct ScriptedUpstream {
    /// Where it listens.
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
    task: tokio::task::JoinHandle<()>,
}

impl ScriptedUpstream {
    /// Answers with `answer` once a request has ended with `end`: a head with `\r\n\r\n`, a chunked
    /// body with `0\r\n\r\n`.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(end: &'static [u8], answer: &'static [u8]) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let received = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let log = Arc::clone(&received);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, end, answer, Arc::clone(&log)));
            }
        });
        Ok(Self { address, received, task })
    }

    /// What each connection was sent, as text.
    pub fn received(&self) -> Vec<String> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

impl Drop for ScriptedUpstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, end: &[u8], answer: &[u8], log: Arc<Mutex<Vec<Vec<u8>>>>) {
    let place = {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(Vec::new());
        log.len() - 1
    };
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(length) = stream.read(&mut chunk).await {
        let bytes = chunk.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            return;
        }
        if let Some(connection) = log.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place) {
            connection.extend_from_slice(bytes);
        }
        request.extend_from_slice(bytes);
        if request.ends_with(end) {
            request.clear();
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    }
}
