//! An HTTP/2 connection: every stream is a request of its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use h2::Reason;
use pingora_core::protocols::http::v2::server::{H2Accept, H2Options, HttpSession, default_h2_options, handshake};
use pingora_core::protocols::{Digest, Stream};
use pingora_error::Error;
use pingora_timeout::{sleep, timeout};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::yield_now;

use super::Connection;
use super::contained::contained;
use super::scanned::Scanned;
use super::stream::ClientStream;
use super::worker::WorkerContext;
use crate::exchange::Downstream;
use crate::io::Io;
use crate::observe::metrics::Refusal;
use crate::settings::Limits;

/// Requests a connection may begin until the others have their turn.
const TURN: usize = 4;

/// Bytes a client may send on one stream before they are forwarded ...
const STREAM_WINDOW: u32 = 256 * 1024;
/// ... and on all streams of the connection together.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Bytes a stream's client may leave unsent, beside one part of a response.
const STREAM_UNSENT: usize = 16 * 1024;

/// How long an idle connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

type H2Connection = h2::server::Connection<Stream, Bytes>;

/// What an HTTP/2 connection does next.
#[expect(clippy::large_enum_variant, reason = "it is moved once; a box would be an allocation a request")]
enum Event {
    Accepted(HttpSession),
    Rejected,
    Ended,
    /// The `h2` crate has had enough: of streams that are reset before they are looked at, or that it must reset.
    Flooded,
    Draining,
    Idle,
}

/// Serves streams until the connection ends; a drain sends GOAWAY and lets open streams finish.
///
/// # Errors
/// When the client floods us with frames.
pub(super) async fn serve<T>(
    stream: ClientStream<T>,
    connection: Arc<Connection>,
    worker: &Arc<WorkerContext>,
) -> Result<(), Refusal>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
{
    let (stream, flooded) = Scanned::new(stream, &connection.settings.limits);
    let begin = handshake(Box::new(Io(stream)), Some(options(&connection.settings.limits)));
    if let Ok(Ok(h2)) = timeout(connection.settings.timeouts.head, begin).await {
        streams(h2, &connection, worker).await?;
    }
    if flooded.get() { Err(Refusal::Flood) } else { Ok(()) }
}

async fn streams(
    mut h2: H2Connection,
    connection: &Arc<Connection>,
    worker: &Arc<WorkerContext>,
) -> Result<(), Refusal> {
    let digest = Arc::new(Digest::default());
    // Held by every open stream, so that its count tells an idle connection.
    let open = Arc::new(());
    let (mut begun, mut malformed, mut closing) = (0, 0, false);
    loop {
        let interval = if closing { GOODBYE } else { connection.settings.timeouts.idle };
        if connection.is_old() && !closing {
            closing = true;
            h2.graceful_shutdown();
            continue;
        }
        match next(&mut h2, &digest, (closing, interval), &open, worker).await {
            Event::Accepted(mut session) => {
                // What the client has given up, or made us reset, in the same breath is begun nowhere.
                if session.idle().now_or_never().is_none() {
                    spawn(session, connection, worker, Arc::clone(&open));
                }
                begun += 1;
                if begun % TURN == 0 {
                    yield_now().await;
                }
            }
            Event::Rejected => {
                malformed += 1;
                if malformed > connection.settings.limits.malformed {
                    return Err(Refusal::Flood);
                }
            }
            Event::Draining | Event::Idle if !closing => {
                closing = true;
                h2.graceful_shutdown();
            }
            Event::Flooded => return Err(Refusal::Flood),
            _ => return Ok(()),
        }
    }
}

async fn next(
    h2: &mut H2Connection,
    digest: &Arc<Digest>,
    (closing, interval): (bool, Duration),
    open: &Arc<()>,
    worker: &WorkerContext,
) -> Event {
    let accept = HttpSession::from_h2_conn(h2, Arc::clone(digest));
    tokio::select! {
        biased;
        () = worker.drained(), if !closing => Event::Draining,
        accepted = accept => match accepted {
            Ok(Some(H2Accept::Session(session))) => Event::Accepted(session),
            Ok(Some(H2Accept::Rejected)) => Event::Rejected,
            Err(error) if is_flood(&error) => Event::Flooded,
            Ok(None) | Err(_) => Event::Ended,
        },
        () = idle(open, interval) => Event::Idle,
    }
}

fn is_flood(error: &Error) -> bool {
    let cause = error.root_cause().downcast_ref::<h2::Error>();
    cause.is_some_and(|cause| cause.is_library() && cause.reason() == Some(Reason::ENHANCE_YOUR_CALM))
}

/// Resolves when no stream has been open at the end of an interval, nor is.
async fn idle(open: &Arc<()>, interval: Duration) {
    loop {
        sleep(interval).await;
        if Arc::strong_count(open) == 1 {
            return;
        }
    }
}

fn spawn(session: HttpSession, connection: &Arc<Connection>, worker: &Arc<WorkerContext>, open: Arc<()>) {
    let observer = Arc::clone(&worker.observer);
    let (connection, worker) = (Arc::clone(connection), Arc::clone(worker));
    let serving = async move {
        worker.exchange.serve(&connection, Downstream::http2(session, open)).await;
    };
    tokio::spawn(contained(serving, observer));
}

fn options(limits: &Limits) -> H2Options {
    let mut options = default_h2_options();
    options
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(STREAM_UNSENT)
        .max_local_error_reset_streams(Some(limits.malformed as usize));
    options
}
