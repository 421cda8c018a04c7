//! HTTP/1.1 on bytes: a request made once, an answer counted as it comes (RFC 9112).

use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::answer::{Answer, Reader};
use super::connect::{Connected, Stream, connect};
use super::{Client, Local};
use crate::failure::Failure;
use crate::prepared::Prepared;
use crate::record::{Outcome, Stages};

/// A connection of HTTP/1.1.
#[derive(Debug)]
pub(crate) struct Http1 {
    prepared: Arc<Prepared>,
    local: Rc<Local>,
    stream: Option<Stream>,
    /// The request, where all are the same; else the last one.
    request: Vec<u8>,
}

impl Http1 {
    pub(crate) fn new(prepared: Arc<Prepared>, local: Rc<Local>) -> Self {
        Self { prepared, local, stream: None, request: Vec::new() }
    }

    /// What its requests are.
    pub(crate) fn prepared(&self) -> Arc<Prepared> {
        Arc::clone(&self.prepared)
    }

    /// Asks this host from now on, where the plan draws neither hosts nor paths.
    pub(crate) fn ask(&mut self, host: &str) {
        self.put_together(Some(host));
    }

    /// Makes the next request; the one before will do where there is nothing to draw.
    fn prepare(&mut self) {
        let (hosts, paths) = (&self.prepared.plan.request.hosts, &self.prepared.plan.request.paths);
        if self.request.is_empty() || hosts.only().is_none() || paths.only().is_none() {
            self.put_together(None);
        }
    }

    /// Puts a request together, for a host of the plan's if none is given.
    fn put_together(&mut self, host: Option<&str>) {
        let (hosts, paths) = (&self.prepared.plan.request.hosts, &self.prepared.plan.request.paths);
        let random = &mut self.local.random.borrow_mut();
        let [first, second, third] = &self.prepared.pieces;
        self.request.clear();
        self.request.extend_from_slice(first);
        paths.draw(&mut self.request, random);
        self.request.extend_from_slice(second);
        match host {
            Some(host) => self.request.extend_from_slice(host.as_bytes()),
            None => hosts.draw(&mut self.request, random),
        }
        self.request.extend_from_slice(third);
    }

    /// One request on an open connection, which is kept if it can carry another.
    async fn on(&mut self, stream: Stream, stages: &mut Stages) -> Result<Answer, Broken> {
        let mut exchange = Exchange {
            stream,
            request: &self.request,
            written: 0,
            prepared: &self.prepared,
            local: &self.local,
            reader: Reader::default(),
            times: Times::new(),
        };
        let result = poll_fn(|context| exchange.poll(context)).await;
        let Exchange { stream, times, .. } = exchange;
        let answer = result.map_err(|failure| Broken { failure, silent: times.first.is_none() })?;
        times.tell(stages);
        if !answer.closes && self.prepared.plan.keep_alive {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

impl Http1 {
    /// The answer on the connection that is open, if there is one, and if it has not been closed meanwhile.
    async fn on_open(&mut self, stages: &mut Stages) -> Result<Option<Answer>, Failure> {
        let Some(stream) = self.stream.take() else { return Ok(None) };
        match self.on(stream, stages).await {
            Ok(answer) => Ok(Some(answer)),
            // The server may close a connection that is idle; such a request is sent again (RFC 9112 §9.3.1).
            Err(broken) if broken.silent && self.prepared.plan.request.method.is_idempotent() => Ok(None),
            Err(broken) => Err(broken.failure),
        }
    }

    async fn on_new(&mut self, stages: &mut Stages) -> Result<Answer, Failure> {
        let Connected { stream, resolve, connect } = connect(&self.prepared.route).await?;
        (stages.resolve, stages.connect) = (resolve, connect);
        self.on(stream, stages).await.map_err(|broken| broken.failure)
    }
}

/// A request without an answer.
struct Broken {
    failure: Failure,
    /// Not a byte of an answer has come.
    silent: bool,
}

impl Client for Http1 {
    async fn exchange(&mut self) -> Result<Outcome, Failure> {
        self.prepare();
        let mut stages = Stages::default();
        let again = self.on_open(&mut stages).await?;
        let answer = if let Some(answer) = again { answer } else { self.on_new(&mut stages).await? };
        let backend = self.prepared.backend(answer.kept.as_deref());
        Ok(Outcome { status: answer.status, bytes: answer.bytes, stages, location: answer.location, backend })
    }
}

/// When parts of an exchange were over.
#[derive(Debug)]
struct Times {
    begin: Instant,
    written: Option<Instant>,
    first: Option<Instant>,
}

impl Times {
    fn new() -> Self {
        Self { begin: Instant::now(), written: None, first: None }
    }

    fn tell(&self, stages: &mut Stages) {
        let first = self.first.unwrap_or(self.begin);
        // An answer may come before the request is all sent.
        let written = self.written.unwrap_or(first).min(first);
        stages.write = written - self.begin;
        stages.wait = first - written;
        stages.read = first.elapsed();
    }
}

/// A request and its answer, both under way: a server that echoes a large body needs to be read meanwhile.
struct Exchange<'a> {
    stream: Stream,
    request: &'a [u8],
    written: usize,
    prepared: &'a Prepared,
    local: &'a Local,
    reader: Reader,
    times: Times,
}

impl Exchange<'_> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Answer, Failure>> {
        let writing = self.write(context);
        loop {
            let read = match (ready!(self.read(context)), &writing) {
                (Ok(read), _) => read,
                // Who does not read on may have said why before.
                (Err(_), Poll::Ready(Err(error))) => return Poll::Ready(Err(io::Error::from(error.kind()).into())),
                (Err(failure), _) => return Poll::Ready(Err(failure)),
            };
            match read {
                Read::More => {}
                Read::End => {
                    let answer = mem::take(&mut self.reader).end();
                    return Poll::Ready(answer.ok_or_else(Failure::closed));
                }
                Read::Done => {
                    let mut answer = mem::take(&mut self.reader).end().ok_or_else(Failure::closed)?;
                    answer.closes |= self.written < self.request.len();
                    return Poll::Ready(Ok(answer));
                }
            }
        }
    }

    fn write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.times.written.is_some() {
            return Poll::Ready(Ok(()));
        }
        while self.written < self.request.len() {
            self.written += ready!(Pin::new(&mut self.stream).poll_write(context, &self.request[self.written..]))?;
        }
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.times.written = Some(Instant::now());
        Poll::Ready(Ok(()))
    }

    fn read(&mut self, context: &mut Context<'_>) -> Poll<Result<Read, Failure>> {
        let mut scratch = self.local.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Ok(Read::End));
        }
        self.times.first.get_or_insert_with(Instant::now);
        let done = self.reader.feed(buffer.filled(), &self.prepared.keep)?;
        Poll::Ready(Ok(if done { Read::Done } else { Read::More }))
    }
}

enum Read {
    More,
    Done,
    /// The connection has ended.
    End,
}
