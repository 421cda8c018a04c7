//! An HTTP/1 connection: one request after the other.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::BytesMut;
use pingora_timeout::timeout;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep, sleep};

use super::Connection;
use super::stream::ClientStream;
use super::worker::WorkerContext;
use crate::exchange::{self, After, Downstream};
use crate::http1::{self, Framing, HeadScanner, Progress, Server, Stream};
use crate::observe::answers::{Answer, Reason};
use crate::settings::LiveSettings;

/// Bytes that are still taken from a client that was refused.
const LINGER: usize = 256 * 1024;

/// How waiting for a request ends.
enum Head {
    /// The bytes of a clean head, and how its body is framed.
    Request(BytesMut, Framing),
    /// The client has left or said nothing, or the gateway drains.
    Closed,
    /// The head is refused; the connection ends with the answer.
    Refused(Reason),
}

/// What ends the wait for a request. Both live as long as the connection: to register them anew for
/// every request would cost more than the rest of the wait.
struct Ends<'a, D> {
    drained: Pin<&'a mut D>,
    deadline: Pin<&'a mut Sleep>,
}

/// Serves requests until the connection ends.
pub(super) async fn serve<T>(stream: ClientStream<T>, connection: Arc<Connection>, worker: &Arc<WorkerContext>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
{
    let (io, waiting) = stream.into_parts();
    let mut stream = Stream::new(Box::new(io), waiting);
    let mut drained = pin!(worker.drained());
    let mut deadline = pin!(sleep(connection.settings.timeouts.idle));
    loop {
        let ends = Ends { drained: drained.as_mut(), deadline: deadline.as_mut() };
        let (head, framing) = match read_head(&mut stream, ends, &connection.settings).await {
            Head::Request(head, framing) => (head, framing),
            Head::Closed => return,
            Head::Refused(reason) => return refuse(stream, reason, &connection, worker).await,
        };
        let Some(head) = http1::parse(head) else {
            return refuse(stream, Reason::BadRequest, &connection, worker).await;
        };
        let down = Downstream::http1(Server::new(stream, head, framing));
        // Boxed: what a request needs is many times what an idle connection keeps.
        match Box::pin(worker.exchange.serve(&connection, down)).await {
            After::Request(same) => stream = same,
            After::Tunnel(tunnel) => return Box::pin(tunnel.run()).await,
            After::Nothing => return,
        }
    }
}

/// Reads one whole head: its first byte within the idle time, all of it within the head's deadline.
async fn read_head<D>(stream: &mut Stream, mut ends: Ends<'_, D>, settings: &LiveSettings) -> Head
where
    D: Future<Output = ()>,
{
    let mut scanner = HeadScanner::default();
    let mut begun = false;
    ends.deadline.as_mut().reset(Instant::now() + settings.timeouts.idle);
    loop {
        match scanner.advance(stream.waiting(), &settings.limits) {
            Progress::Complete(length, framing) => return Head::Request(stream.split(length), framing),
            Progress::Refused(reason) => return Head::Refused(reason),
            Progress::Partial => {}
        }
        if !begun && !stream.waiting().is_empty() {
            begun = true;
            ends.deadline.as_mut().reset(Instant::now() + settings.timeouts.head);
        }
        tokio::select! {
            biased;
            read = stream.fill() => if !matches!(read, Ok(read) if read > 0) { return Head::Closed },
            () = ends.drained.as_mut() => return Head::Closed,
            () = ends.deadline.as_mut() => {
                return if begun { Head::Refused(Reason::HeadTimeout) } else { Head::Closed };
            }
        }
    }
}

/// Answers what never became a request.
async fn refuse(stream: Stream, reason: Reason, connection: &Connection, worker: &WorkerContext) {
    let request_id = exchange::new_request_id();
    let request_id = request_id.to_str().unwrap_or_default();
    worker.observer.answered(&Answer {
        reason,
        detail: None,
        host: "",
        path: "",
        listener: connection.listener,
        request_id,
    });
    let body = exchange::body(reason, request_id);
    let status = http::StatusCode::from_u16(reason.status()).unwrap_or(http::StatusCode::BAD_REQUEST);
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    // The client may have left; the deadline keeps one that does not read from holding the connection.
    let _ = timeout(connection.settings.timeouts.head, send_last(stream, answer.as_bytes())).await;
}

/// Sends the connection's last bytes and takes what the client still has to say, so that the kernel does not throw
/// them away with a reset (RFC 9112 §9.6).
async fn send_last(mut stream: Stream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    let mut left = LINGER;
    while left > 0 {
        stream.split(stream.waiting().len());
        match stream.fill().await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}
