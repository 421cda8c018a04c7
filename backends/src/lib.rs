//! Sample backends: small servers that the demo routes to and the tests measure with.
//!
//! Each is a handler of its own file; [`start`] runs one on an address, HTTP/1.1 and h2c on the
//! same port, until its [`Running`] is dropped.

mod echo;
mod grpc;
mod hello;
pub mod manifests;
mod slow;
mod streamed;
mod websocket;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub use echo::checksum;
pub use grpc::{BadMessage, Message, frame};

/// How long accepting rests when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What a handler answers with; an error ends the connection or stream in the middle.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Which sample backend to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Says hello as this name; `/headers`, or `Accept: application/json`, tells the request it was sent.
    Hello(String),
    /// Echoes and measures bodies, answers with any status or size.
    Echo,
    /// Sleeps before the head (`?initialTimeout=MS`) and between head and body (`&timeout=MS`).
    Slow,
    /// gRPC service `demo.Echo`: unary and three kinds of streams.
    Grpc,
    /// WebSocket echo, and a chat page for browsers.
    WebSocket,
}

/// A backend that runs until it is dropped.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    requests: Arc<AtomicU64>,
    task: JoinHandle<()>,
    /// Dropped with it: what has left its HTTP connection ends as well.
    _alive: watch::Sender<()>,
}

impl Running {
    /// Requests it has been sent.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Runs a backend on `address`; port 0 takes a free one.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn start(sample: Sample, address: SocketAddr) -> std::io::Result<Running> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let requests = Arc::<AtomicU64>::default();
    let (alive, stopped) = watch::channel(());
    let chat = websocket::Chat::new(stopped);
    let server = Arc::new(Server { sample, requests: Arc::clone(&requests), chat });
    let task = tokio::spawn(accept(listener, server));
    Ok(Running { address, requests, task, _alive: alive })
}

/// What all connections of a backend share.
struct Server {
    sample: Sample,
    requests: Arc<AtomicU64>,
    chat: websocket::Chat,
}

async fn accept(listener: TcpListener, server: Arc<Server>) {
    // Dropped with the task, so that open connections end with the backend.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, Arc::clone(&server)))),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, server: Arc<Server>) {
    // A backend that cannot set an option is slower, not wrong.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { server.answer(request).await }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(1_000).initial_stream_window_size(1 << 20);
    builder.http2().initial_connection_window_size(16 << 20);
    // The other end may leave at any time; there is nobody to tell.
    let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
}

impl Server {
    /// An error ends the connection, or resets the stream, without a response.
    async fn answer(&self, request: Request<Incoming>) -> std::io::Result<Response<Body>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if let Some(probe) = hello::probe(&request) {
            return Ok(probe);
        }
        Ok(match &self.sample {
            Sample::Hello(name) => hello::answer(name, request),
            Sample::Echo => echo::answer(request).await?,
            Sample::Slow => slow::answer(request).await,
            Sample::Grpc => grpc::answer(request),
            Sample::WebSocket => websocket::answer(request, &self.chat),
        })
    }
}

/// A response with a body that is there at once.
fn respond(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}

fn full(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

/// The value of a query parameter, as a number.
fn query<T: std::str::FromStr>(request: &Request<Incoming>, name: &str) -> Option<T> {
    let pairs = request.uri().query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name)?.1.parse().ok()
}

/// Reads a body that nobody asks for: bytes left unread would reset the connection, response and all.
fn discard(mut body: Incoming) {
    feed(async move { while let Some(Ok(_)) = body.frame().await {} });
}

/// Runs `work` beside the response it feeds.
fn feed(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}
