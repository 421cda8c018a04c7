//! HTTP/2: streams that share a connection (RFC 9113).

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri, header};
use tokio::sync::Mutex;

use super::connect::{Connected, connect};
use super::{Client, Local};
use crate::failure::Failure;
use crate::prepared::Prepared;
use crate::record::{Outcome, Stages};

/// Bytes a server may send on a stream before it is told to go on.
const STREAM_WINDOW: u32 = 1 << 20;

/// The same for all streams of a connection.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Bytes of a body that are kept at most, where any are.
const KEPT: usize = 64 << 10;

/// A connection that streams share; it is opened when the first one needs it, and again when it is lost.
#[derive(Debug)]
pub(crate) struct Connection {
    prepared: Arc<Prepared>,
    local: Rc<Local>,
    sender: Mutex<Option<Opened>>,
    /// Connections that have been opened.
    count: Cell<u64>,
    /// The URI, where all requests have the same.
    uri: Option<Uri>,
}

/// An open connection.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    sender: SendRequest<Bytes>,
    number: u64,
}

/// A request that has been sent.
pub(super) struct Sent {
    pub(super) response: ResponseFuture,
    pub(super) upload: SendStream<Bytes>,
    number: u64,
}

/// A request that went wrong on a connection.
pub(super) struct Broken {
    pub(super) failure: Failure,
    /// Which connection can carry no other.
    number: Option<u64>,
}

impl Broken {
    pub(super) fn new(error: h2::Error, number: u64) -> Self {
        let number = Some(number).filter(|_| !error.is_reset());
        Self { failure: error.into(), number }
    }
}

/// What is wrong with an answer, not with its connection.
impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self { failure, number: None }
    }
}

impl Connection {
    pub(crate) fn new(prepared: Arc<Prepared>, local: Rc<Local>) -> Rc<Self> {
        let plan = &prepared.plan;
        let only = plan.request.hosts.only().zip(plan.request.paths.only());
        let uri = only.and_then(|(host, path)| uri(plan.target.tls, host.as_bytes(), path.as_bytes()).ok());
        Rc::new(Self { sender: Mutex::new(None), count: Cell::new(0), uri, prepared, local })
    }

    pub(super) fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// A request with these headers besides its method and URI.
    pub(super) fn request(&self, method: Method, headers: HeaderMap) -> Result<Request<()>, Failure> {
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = match &self.uri {
            Some(uri) => uri.clone(),
            None => self.draw()?,
        };
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn draw(&self) -> Result<Uri, Failure> {
        let plan = &self.prepared.plan;
        let (mut host, mut path) = (Vec::new(), Vec::new());
        let random = &mut self.local.random.borrow_mut();
        plan.request.hosts.draw(&mut host, random);
        plan.request.paths.draw(&mut path, random);
        uri(plan.target.tls, &host, &path).map_err(|error| Failure::bad(format!("host or path: {error}")))
    }

    /// Sends a request's head, on a new connection if the old one takes no more.
    pub(super) async fn send(&self, request: Request<()>, end: bool, stages: &mut Stages) -> Result<Sent, Failure> {
        let mut opened = self.open(stages).await?;
        let mut ready = opened.sender.clone().ready().await;
        // A server may end a connection between requests; what was not sent there is sent on the next one.
        if ready.is_err() {
            self.forget(opened.number).await;
            opened = self.open(stages).await?;
            ready = opened.sender.clone().ready().await;
        }
        let mut sender = self.unless_broken(ready, opened.number).await?;
        let sent = sender.send_request(request, end);
        let (response, upload) = self.unless_broken(sent, opened.number).await?;
        if !self.prepared.plan.keep_alive {
            self.forget(opened.number).await;
        }
        Ok(Sent { response, upload, number: opened.number })
    }

    async fn unless_broken<T>(&self, result: Result<T, h2::Error>, number: u64) -> Result<T, Failure> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(self.broken(Broken::new(error, number)).await),
        }
    }

    /// Lets go of a connection that can carry no other request.
    pub(super) async fn broken(&self, broken: Broken) -> Failure {
        if let Some(number) = broken.number {
            self.forget(number).await;
        }
        broken.failure
    }

    async fn forget(&self, number: u64) {
        let mut sender = self.sender.lock().await;
        if sender.as_ref().is_some_and(|opened| opened.number == number) {
            *sender = None;
        }
    }

    /// The connection, opened by whoever comes first.
    async fn open(&self, stages: &mut Stages) -> Result<Opened, Failure> {
        let mut sender = self.sender.lock().await;
        if let Some(opened) = &*sender {
            return Ok(opened.clone());
        }
        let Connected { stream, resolve, connect } = connect(&self.prepared.route).await?;
        (stages.resolve, stages.connect) = (resolve, connect);
        let mut builder = Builder::new();
        builder.initial_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW).enable_push(false);
        let (sends, connection) = builder.handshake(stream).await?;
        // What ends the connection ends its streams, which tell.
        tokio::task::spawn_local(async move { drop(connection.await) });
        self.count.set(self.count.get() + 1);
        Ok(sender.insert(Opened { sender: sends, number: self.count.get() }).clone())
    }
}

fn uri(tls: bool, host: &[u8], path: &[u8]) -> Result<Uri, http::Error> {
    let scheme = if tls { Scheme::HTTPS } else { Scheme::HTTP };
    let path = PathAndQuery::try_from(path)?;
    Uri::builder().scheme(scheme).authority(host).path_and_query(path).build()
}

/// One stream after the other on a connection.
#[derive(Debug)]
pub(crate) struct Http2(Rc<Connection>);

impl Http2 {
    pub(crate) fn new(connection: Rc<Connection>) -> Self {
        Self(connection)
    }

    async fn once(&self) -> Result<Outcome, Failure> {
        let prepared = &*self.0.prepared;
        let said = &prepared.plan.request;
        let mut headers = said.headers.clone();
        if !said.body.is_empty() {
            headers.insert(header::CONTENT_LENGTH, said.body.len().into());
        }
        let request = self.0.request(said.method.clone(), headers)?;
        let mut stages = Stages::default();
        let sent = self.0.send(request, said.body.is_empty(), &mut stages).await?;
        match read(sent, prepared, stages).await {
            Ok(outcome) => Ok(outcome),
            Err(broken) => Err(self.0.broken(broken).await),
        }
    }
}

impl Client for Http2 {
    async fn exchange(&mut self) -> Result<Outcome, Failure> {
        match self.once().await {
            // The server says that it has not begun with it (RFC 9113 §8.7).
            Err(failure) if failure.unprocessed => self.once().await,
            outcome => outcome,
        }
    }
}

/// Sends the body and reads the answer.
async fn read(sent: Sent, prepared: &Prepared, mut stages: Stages) -> Result<Outcome, Broken> {
    let Sent { response, mut upload, number } = sent;
    let broken = |error| Broken::new(error, number);
    let begin = Instant::now();
    let body = &prepared.plan.request.body;
    if !body.is_empty() {
        upload.send_data(body.clone(), true).map_err(broken)?;
    }
    let written = Instant::now();
    let (head, mut body) = response.await.map_err(broken)?.into_parts();
    let first = Instant::now();
    let (mut bytes, mut kept) = (0, Vec::new());
    while let Some(data) = next(&mut body).await.map_err(broken)? {
        bytes += data.len() as u64;
        if prepared.keep.body && kept.len() < KEPT {
            kept.extend_from_slice(&data);
        }
    }
    (stages.write, stages.wait, stages.read) = (written - begin, first - written, first.elapsed());
    let header = prepared.keep.header.as_ref().and_then(|name| head.headers.get(name));
    let backend = prepared.backend(header.map(http::HeaderValue::as_bytes).or(Some(&kept)));
    let location = head.headers.get(header::LOCATION).filter(|_| prepared.keep.location);
    let location = location.map(|location| String::from_utf8_lossy(location.as_bytes()).into_owned());
    Ok(Outcome { status: head.status.as_u16(), bytes, stages, location, backend })
}

impl Sent {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

/// The next bytes of a body; room for as many more is given at once.
pub(super) async fn next(body: &mut RecvStream) -> Result<Option<Bytes>, h2::Error> {
    let Some(data) = body.data().await.transpose()? else { return Ok(None) };
    body.flow_control().release_capacity(data.len())?;
    Ok(Some(data))
}
