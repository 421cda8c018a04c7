//! A worker's connections to upstreams: kept ones, and those that many requests share.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use net_pingora_routing::Protocol;
use pingora_core::connectors::http::v2::ConnectionRef;
use pingora_core::protocols::http::v2::client::Http2Session;
use pingora_error::{Error, ErrorType, Result};
use tokio::io::{AsyncRead, ReadBuf};

use super::choose::Choice;
use super::connect;
use super::session::{Session, Upstream};
use crate::http1::Stream;
use crate::outlet::Outlet;
use crate::permit::Files;
use crate::settings::Timeouts;

/// Whose connection it is: one is never used for another endpoint or under another trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    address: SocketAddr,
    encryption: Option<u64>,
}

/// Connections by whose they are. Keys are the cluster's, not clients'.
type ByKey<T> = HashMap<Key, Vec<T>, RandomState>;

/// Connections of one worker. Only its thread uses them: nobody waits for a lock.
pub(crate) struct Connections {
    /// Unused HTTP/1 connections that are kept, over all endpoints.
    most: usize,
    files: Files,
    idle: Mutex<Idle>,
    shared: Mutex<ByKey<Shared>>,
}

/// Unused HTTP/1 connections; those of an endpoint from the longest unused to the last.
#[derive(Default)]
struct Idle {
    count: usize,
    by_key: ByKey<Unused>,
}

struct Unused {
    connection: Stream,
    since: Instant,
}

/// An HTTP/2 connection.
struct Shared {
    connection: ConnectionRef,
    /// When it was last seen with a stream.
    busy: Instant,
}

impl Key {
    fn of(choice: &Choice) -> Self {
        Self { address: choice.endpoint.address, encryption: choice.encryption.as_ref().map(|one| one.id) }
    }
}

impl Connections {
    /// Keeps at most this many unused HTTP/1 connections.
    pub(crate) fn new(most: usize, files: Files) -> Self {
        Self { most, files, idle: Mutex::default(), shared: Mutex::default() }
    }

    /// A kept connection to the endpoint, or a new one: HTTP/1 always a `fresh` one where that is asked for.
    pub(crate) async fn open(
        &self,
        choice: &Choice,
        protocol: Protocol,
        fresh: bool,
        timeouts: &Timeouts,
    ) -> Result<Upstream> {
        match protocol {
            Protocol::Http1 => self.open_http1(choice, fresh, timeouts).await,
            Protocol::Http2 => self.open_http2(choice, timeouts).await,
        }
    }

    async fn open_http1(&self, choice: &Choice, fresh: bool, timeouts: &Timeouts) -> Result<Upstream> {
        let kept = if fresh { None } else { self.idle().take(&Key::of(choice)) };
        let reused = kept.is_some();
        let connection = match kept {
            Some(kept) => kept,
            None => new(connect::http1(choice, timeouts, &self.files)).await?,
        };
        Ok(Upstream::http1(connection, timeouts.response, reused))
    }

    async fn open_http2(&self, choice: &Choice, timeouts: &Timeouts) -> Result<Upstream> {
        let key = Key::of(choice);
        while let Some(connection) = self.with_room(&key) {
            if let Ok(Some(session)) = connection.spawn_stream().await {
                return Ok(stream(session, timeouts.response, true));
            }
            // It says only now that it closes, for whatever reason. Nothing was sent on it.
            connection.mark_shutdown();
            self.forget_closing(&key);
        }
        let connection = new(connect::http2(choice, timeouts, &self.files)).await?;
        let session = connection.spawn_stream().await?;
        let session = session.ok_or_else(|| Error::explain(ErrorType::ConnectionClosed, "before the first stream"))?;
        self.share(key, connection);
        Ok(stream(session, timeouts.response, false))
    }

    /// Keeps the connection for later requests if it is fit for them.
    pub(crate) fn keep(&self, choice: &Choice, upstream: Upstream) {
        let (Session::Http1(session), Outlet::Wire(unsent)) = (upstream.session, upstream.outlet) else { return };
        if unsent.is_empty()
            && let Some(connection) = session.reuse()
        {
            self.idle().put(Key::of(choice), Unused { connection, since: Instant::now() }, self.most);
        }
    }

    /// Closes what nobody has used for `limit`, or what the upstream has closed.
    pub(crate) fn sweep(&self, limit: Duration) {
        let now = Instant::now();
        let old = |since: Instant| now.saturating_duration_since(since) >= limit;
        self.idle().retain(|unused| !old(unused.since) && unused.is_open());
        self.shared().retain(|_, connections| {
            connections.retain_mut(|shared| {
                if !shared.connection.is_idle() {
                    shared.busy = now;
                }
                !old(shared.busy) && !shared.connection.is_closed() && !shared.connection.is_shutting_down()
            });
            !connections.is_empty()
        });
    }

    fn with_room(&self, key: &Key) -> Option<ConnectionRef> {
        let shared = self.shared();
        let mut connections = shared.get(key)?.iter().map(|shared| &shared.connection);
        connections.find(|one| !one.is_closed() && one.more_streams_allowed()).cloned()
    }

    fn share(&self, key: Key, connection: ConnectionRef) {
        self.shared().entry(key).or_default().push(Shared { connection, busy: Instant::now() });
    }

    fn forget_closing(&self, key: &Key) {
        if let Some(connections) = self.shared().get_mut(key) {
            connections.retain(|one| !one.connection.is_shutting_down() && !one.connection.is_closed());
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self) -> MutexGuard<'_, ByKey<Shared>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stream(mut session: Http2Session, patience: Option<Duration>, reused: bool) -> Upstream {
    session.read_timeout = patience;
    Upstream::http2(session, reused)
}

/// On the heap: few requests need a new connection, and all would have room for ten kilobytes of it.
fn new<T>(connecting: impl Future<Output = T> + Send) -> Pin<Box<impl Future<Output = T> + Send>> {
    Box::pin(connecting)
}

impl Idle {
    /// The connection that was used last, if one is still open.
    fn take(&mut self, key: &Key) -> Option<Stream> {
        let unused = self.by_key.get_mut(key)?;
        while let Some(mut last) = unused.pop() {
            self.count -= 1;
            if last.is_open() {
                return Some(last.connection);
            }
        }
        None
    }

    /// Where there is no room, the endpoint's longest unused connection goes, else one of another endpoint.
    fn put(&mut self, key: Key, unused: Unused, most: usize) {
        if self.count >= most && !self.drop_one(&key) {
            return;
        }
        self.by_key.entry(key).or_default().push(unused);
        self.count += 1;
    }

    fn drop_one(&mut self, key: &Key) -> bool {
        let own = self.by_key.get(key).is_some_and(|own| !own.is_empty());
        let mut next = if own { Some(*key) } else { self.by_key.keys().next().copied() };
        while let Some(key) = next {
            if let Some(unused) = self.by_key.get_mut(&key).filter(|unused| !unused.is_empty()) {
                unused.remove(0);
                self.count -= 1;
                return true;
            }
            // Whoever looks next need not look here again.
            self.by_key.remove(&key);
            next = self.by_key.keys().next().copied();
        }
        false
    }

    fn retain(&mut self, mut keep: impl FnMut(&mut Unused) -> bool) {
        self.by_key.retain(|_, unused| {
            unused.retain_mut(&mut keep);
            !unused.is_empty()
        });
        self.count = self.by_key.values().map(Vec::len).sum();
    }
}

impl Unused {
    /// An upstream that closes, or says something nobody has asked for, is of no more use.
    fn is_open(&mut self) -> bool {
        let mut byte = [0];
        let mut cx = Context::from_waker(Waker::noop());
        let read = Pin::new(&mut self.connection).poll_read(&mut cx, &mut ReadBuf::new(&mut byte));
        matches!(read, Poll::Pending)
    }
}
