//! An HTTP/1 connection: one request after the other, each head checked before Pingora parses it.

use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::BytesMut;
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::v1::server::HttpSession;
use pingora_timeout::timeout;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep};

use super::Connection;
use super::absolute::in_origin_form;
use super::head::{HeadScanner, Progress};
use super::stream::ClientStream;
use super::worker::WorkerContext;
use crate::exchange::{self, After, Downstream};
use crate::io::Io;
use crate::observe::answers::{Answer, Reason};
use crate::settings::LiveSettings;
use crate::wire::{Unsent, Wire};

/// How waiting for a request ends.
enum Head {
    /// The bytes of a clean head.
    Request(BytesMut),
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
    let (stream, unsent) = stream.wired();
    let mut stream = Box::new(Io(stream));
    let mut drained = pin!(worker.drained());
    let mut deadline = pin!(sleep(connection.settings.timeouts.idle));
    loop {
        let ends = Ends { drained: drained.as_mut(), deadline: deadline.as_mut() };
        let head = match read_head(&mut stream.0, ends, &connection.settings).await {
            Head::Request(head) => head,
            Head::Closed => return,
            Head::Refused(reason) => return refuse(&mut stream.0, reason, &connection, worker).await,
        };
        // Boxed: what a request needs is many times what an idle connection keeps.
        match Box::pin(request(stream, head, &unsent, &connection, worker)).await {
            After::Request(same) => match ours(same) {
                Some(same) => stream = same,
                None => return,
            },
            After::Tunnel(tunnel) => return Box::pin(tunnel.run()).await,
            After::Nothing => return,
        }
    }
}

/// A client's stream in the box that Pingora wants it in.
type Boxed<T> = Box<Io<ClientStream<Wire<T>>>>;

/// Serves one request.
async fn request<T>(
    stream: Boxed<T>,
    head: BytesMut,
    unsent: &Arc<dyn Unsent>,
    connection: &Arc<Connection>,
    worker: &Arc<WorkerContext>,
) -> After
where
    T: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
{
    let grant = stream.0.grant();
    match parse(stream, in_origin_form(head)).await {
        Parsed::Request(session) => {
            let down = Downstream::http1(session, Arc::clone(unsent), grant);
            worker.exchange.serve(connection, down).await
        }
        Parsed::Refused(stream) => {
            if let Some(mut stream) = ours::<T>(stream) {
                refuse(&mut stream.0, Reason::BadRequest, connection, worker).await;
            }
            After::Nothing
        }
    }
}

/// The stream that a session was given.
fn ours<T: 'static>(stream: Stream) -> Option<Boxed<T>> {
    stream.into_any().downcast().ok()
}

/// Reads one whole head: its first byte within the idle time, all of it within the head's deadline.
async fn read_head<T, D>(stream: &mut ClientStream<T>, mut ends: Ends<'_, D>, settings: &LiveSettings) -> Head
where
    T: AsyncRead + AsyncWrite + Unpin,
    D: Future<Output = ()>,
{
    let mut scanner = HeadScanner::default();
    let mut begun = false;
    ends.deadline.as_mut().reset(Instant::now() + settings.timeouts.idle);
    loop {
        match scanner.advance(stream.waiting(), &settings.limits) {
            Progress::Complete(length, framing) => return Head::Request(stream.begin(length, framing)),
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

/// What Pingora makes of a head that is clean to us.
#[expect(clippy::large_enum_variant, reason = "it is moved once; a box would be an allocation a request")]
enum Parsed {
    Request(HttpSession),
    Refused(Stream),
}

async fn parse(stream: Stream, head: BytesMut) -> Parsed {
    let mut session = HttpSession::new(stream);
    // Long pauses are allowed; a peer that is gone is found by TCP keep-alive.
    session.set_read_timeout(None);
    // What is missing of a request after its response is read to its end, for a while.
    session.set_close_on_response_before_downstream_finish(false);
    session.set_pipelined_prefix(head);
    match session.read_request().await {
        Ok(Some(_)) => Parsed::Request(session),
        // Its error has the head in it, and heads have secrets: it is not logged.
        _ => Parsed::Refused(session.into_inner()),
    }
}

/// Answers what never became a request.
async fn refuse<T: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut ClientStream<T>,
    reason: Reason,
    connection: &Connection,
    worker: &WorkerContext,
) {
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
    let _ = timeout(connection.settings.timeouts.head, stream.send_last(answer.as_bytes())).await;
}
