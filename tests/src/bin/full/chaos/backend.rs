//! Endpoints that tell who they are and what they were sent, and misbehave when they are told to.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{FutureExt, SinkExt, StreamExt, stream};
use http::header::{CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{Request, Response, StatusCode, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use net_pingora_backends::checksum;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::ledger::Ledger;
use super::random::{Random, answer_body};
use super::world::{Endpoint, Mode, Service};

/// The header, or first message, that tells who answers: service, endpoint, version, nonce, length and checksum.
pub(super) const TOLD: &str = "chaos-told";

/// The header in which the gateway tells the version of the route.
const VERSION: &str = "chaos-version";

/// One answer of this many is late.
const LATE_OF: u64 = 16;
const MOST_LATE: u64 = 250;

/// Requests of an HTTP/2 connection that a crash may cut.
const STREAMS: usize = 100;

const PIECE: usize = 16 << 10;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// One endpoint's server.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    pub(super) service: Arc<Service>,
    pub(super) number: usize,
    pub(super) ledger: Arc<Ledger>,
}

/// A connection of an endpoint.
#[derive(Debug)]
struct Connection {
    backend: Backend,
    /// Reset with its first request.
    doomed: bool,
    /// Requests that would be cut with it.
    recent: Mutex<VecDeque<u64>>,
    /// Whether a request was read.
    heard: watch::Sender<bool>,
}

impl Backend {
    /// Listens, and closes and comes back as it is told, until it is dropped.
    pub(super) async fn run(self) -> io::Result<()> {
        let mut mode = self.endpoint().mode.subscribe();
        let gone = |mode: &Mode| matches!(mode, Mode::Refuse | Mode::Crash);
        loop {
            // An error means that nobody is left to tell.
            let _ = mode.wait_for(|mode| !gone(mode)).await;
            let listener = TcpListener::bind(self.endpoint().address).await?;
            loop {
                tokio::select! {
                    accepted = listener.accept() => self.serve(accepted?.0),
                    _ = mode.wait_for(gone) => break,
                }
            }
            while let Some(Ok((stream, _))) = listener.accept().now_or_never() {
                self.serve(stream);
            }
            self.service.closing.change(true, || drop(listener));
            self.service.closing.change(false, || ());
        }
    }

    fn serve(&self, stream: TcpStream) {
        let doomed = *self.endpoint().mode.borrow() == Mode::Reset;
        let connection =
            Connection { backend: self.clone(), doomed, recent: Mutex::default(), heard: watch::Sender::new(false) };
        tokio::spawn(Arc::new(connection).run(stream));
    }

    fn endpoint(&self) -> &Endpoint {
        &self.service.endpoints[self.number]
    }

    /// Who answers, and what it was sent.
    fn told(&self, nonce: u64, version: &str, body: &[u8]) -> String {
        let (service, number) = (self.service.name, self.endpoint().number);
        format!("{service} {number} {version} {nonce:x} {} {}", body.len(), checksum(0, body))
    }
}

impl Connection {
    async fn run(self: Arc<Self>, stream: TcpStream) {
        // A connection that cannot be set up ends, as one that fails later.
        let _ = stream.set_nodelay(true);
        if self.doomed {
            let _ = stream.set_zero_linger();
        }
        let answering = Arc::clone(&self);
        // Heard at once: what comes later on a connection is never known before what came first.
        let service = service_fn(move |request| {
            let nonce = answering.hear(&request);
            Arc::clone(&answering).answer(request, nonce)
        });
        let builder = auto::Builder::new(TokioExecutor::new());
        let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
        tokio::select! {
            _ = connection.as_mut() => {}
            crashed = self.end() => if crashed {
                self.note_recent();
            } else {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }

    /// Waits until it must end; says whether at once. Nothing ends before its first request is known: a
    /// request that fails is to be one that we know.
    async fn end(&self) -> bool {
        // An error means that nobody is left to tell.
        let _ = self.heard.subscribe().wait_for(|&heard| heard).await;
        let mut mode = self.backend.endpoint().mode.subscribe();
        let ends = |mode: &Mode| matches!(mode, Mode::Refuse | Mode::Crash | Mode::Reset);
        self.doomed || mode.wait_for(ends).await.is_ok_and(|mode| *mode == Mode::Crash)
    }

    fn note_recent(&self) {
        for nonce in self.recent.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            self.backend.ledger.note_dropped(*nonce);
        }
    }

    /// An error ends the connection, or resets the stream.
    async fn answer(self: Arc<Self>, mut request: Request<Incoming>, nonce: Option<u64>) -> io::Result<Response<Body>> {
        let nonce = nonce.ok_or(io::ErrorKind::InvalidInput)?;
        let mode = *self.backend.endpoint().mode.borrow();
        if self.doomed {
            return std::future::pending().await;
        }
        if mode == Mode::Close || (mode == Mode::Cut && answer_body(nonce).is_empty()) {
            self.backend.ledger.note_dropped(nonce);
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let version = request.headers().get(VERSION).and_then(|value| value.to_str().ok()).unwrap_or("none").to_owned();
        if let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) {
            let accept = derive_accept_key(key.as_bytes());
            let told = self.backend.told(nonce, &version, b"");
            tokio::spawn(echo(self.backend.clone(), hyper::upgrade::on(&mut request), nonce, told));
            return switching(&accept);
        }
        let sent = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        let mut random = Random::new(nonce, "late");
        if random.one_of(LATE_OF) {
            sleep(random.millis(0..MOST_LATE)).await;
        }
        let cut = mode == Mode::Cut;
        if cut {
            self.backend.ledger.note_dropped(nonce);
        }
        let mut response = Response::builder().header(TOLD, self.backend.told(nonce, &version, &sent));
        if nonce.is_multiple_of(2) {
            response = response.header(CONTENT_LENGTH, answer_body(nonce).len());
        }
        response.body(body(nonce, cut)).map_err(io::Error::other)
    }

    /// Notes that a request has come, and which one.
    fn hear(&self, request: &Request<Incoming>) -> Option<u64> {
        let nonce = u64::from_str_radix(request.uri().path().trim_start_matches('/'), 16).ok()?;
        let most = if request.version() == Version::HTTP_2 { STREAMS } else { 1 };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= most {
            recent.pop_front();
        }
        recent.push_back(nonce);
        drop(recent);
        self.backend.ledger.note_heard(nonce);
        self.heard.send_replace(true);
        Some(nonce)
    }
}

/// The body that follows from the nonce; cut in its middle.
fn body(nonce: u64, cut: bool) -> Body {
    let body = answer_body(nonce);
    let length = if cut { body.len() / 2 } else { body.len() };
    let pieces = body[..length].chunks(PIECE).map(|piece| Ok(Frame::data(body.slice_ref(piece))));
    let end = cut.then(|| Err(io::ErrorKind::ConnectionAborted.into()));
    BodyExt::boxed_unsync(StreamBody::new(stream::iter(pieces.chain(end).collect::<Vec<_>>())))
}

fn switching(accept: &str) -> io::Result<Response<Body>> {
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let response = response.header(CONNECTION, "upgrade").header(UPGRADE, "websocket");
    let empty = Full::default().map_err(|never| match never {}).boxed_unsync();
    response.header(SEC_WEBSOCKET_ACCEPT, accept).body(empty).map_err(io::Error::other)
}

/// Tells who it is, then echoes until the other end leaves or the endpoint crashes.
async fn echo(backend: Backend, upgrade: hyper::upgrade::OnUpgrade, nonce: u64, told: String) {
    let Ok(upgraded) = upgrade.await else { return };
    let mut mode = backend.endpoint().mode.subscribe();
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let echoing = async {
        socket.send(Message::text(told.clone())).await.ok()?;
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Text(text) = message {
                socket.send(Message::text(format!("{told} {text}"))).await.ok()?;
            }
        }
        Some(())
    };
    tokio::select! {
        _ = echoing => {}
        _ = mode.wait_for(|mode| *mode == Mode::Crash) => backend.ledger.note_dropped(nonce),
    }
}
