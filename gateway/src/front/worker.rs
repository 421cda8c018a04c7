//! A worker: one thread that accepts, proxies and pools connections on its own.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use net_pingora_routing::TableCell;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::addresses::Addresses;
use super::connection;
use super::contained::contained;
use super::tls::Acceptors;
use crate::StartError;
use crate::activator::{Activator, Shared};
use crate::exchange::Exchange;
use crate::keepalive;
use crate::memory::Memory;
use crate::observe::Observer;
use crate::observe::metrics::{Counted, ListenerMetrics, Refusal};
use crate::permit::{Files, Permit, Permits};
use crate::settings::{ListenerSettings, Settings, SettingsCell};
use crate::upstream::{Connections, Names};

/// How long accepting pauses after an error, such as no file descriptor being left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bytes of ours that the kernel may keep for a client beyond those on their way: who does not read takes little.
const KERNEL_UNSENT: u32 = 128 * 1024;

/// How often upstream connections are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// What all connections of a worker share. Other workers have their own.
pub(crate) struct WorkerContext {
    pub(crate) settings: Arc<SettingsCell>,
    pub(crate) observer: Arc<Observer>,
    pub(crate) exchange: Exchange,
    pub(crate) tls: Arc<Acceptors>,
    pub(crate) handshakes: Arc<Permits>,
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) files: Files,
    pub(crate) draining: watch::Receiver<bool>,
}

/// What a worker is made of.
pub(crate) struct Worker {
    pub(crate) settings: Arc<Settings>,
    pub(crate) observer: Arc<Observer>,
    pub(crate) table: Arc<TableCell>,
    pub(crate) tls: Arc<Acceptors>,
    pub(crate) names: Arc<Names>,
    pub(crate) permits: Arc<Permits>,
    pub(crate) handshakes: Arc<Permits>,
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) files: Files,
    pub(crate) memory: Arc<Memory>,
    pub(crate) activator: Arc<Shared>,
    pub(crate) draining: watch::Receiver<bool>,
}

impl WorkerContext {
    /// Awaits `work`; `None` when a drain begins first.
    pub(crate) async fn unless_draining<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.drained() => None,
        }
    }

    /// Resolves once a drain has begun.
    pub(crate) async fn drained(&self) {
        let mut draining = self.draining.clone();
        // An error means that the gateway is gone altogether.
        let _ = draining.wait_for(|&draining| draining).await;
    }
}

impl Worker {
    /// Accepts and serves until the drain begins; open connections go on until the runtime ends.
    pub(crate) async fn run(self, listeners: Vec<(ListenerSettings, TcpListener)>) -> Result<(), StartError> {
        let permits = Arc::clone(&self.permits);
        let context = Arc::new(self.context());
        let mut accepting = tokio::task::JoinSet::new();
        for (settings, socket) in listeners {
            let socket = tokio::net::TcpListener::from_std(socket)?;
            accepting.spawn(accept(socket, settings, Arc::clone(&permits), Arc::clone(&context)));
        }
        let sweeping = tokio::spawn(sweep(context));
        accepting.join_all().await;
        sweeping.abort();
        Ok(())
    }

    fn context(self) -> WorkerContext {
        let connections = Arc::new(Connections::new(self.settings.upstream_pool, self.files.clone()));
        let exchange = Exchange {
            observer: Arc::clone(&self.observer),
            table: self.table,
            names: self.names,
            memory: self.memory,
            activator: Activator {
                shared: self.activator,
                connections: Arc::clone(&connections),
                settings: Arc::clone(&self.settings.live),
            },
            connections,
            draining: self.draining.clone(),
        };
        WorkerContext {
            tls: self.tls,
            handshakes: self.handshakes,
            addresses: self.addresses,
            files: self.files,
            settings: Arc::clone(&self.settings.live),
            observer: self.observer,
            exchange,
            draining: self.draining,
        }
    }
}

/// Closes upstream connections that nobody uses.
async fn sweep(worker: Arc<WorkerContext>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        worker.exchange.connections.sweep(worker.settings.load().timeouts.upstream_idle);
    }
}

/// Accepts connections of one listener until the drain begins.
async fn accept(
    socket: tokio::net::TcpListener,
    listener: ListenerSettings,
    permits: Arc<Permits>,
    worker: Arc<WorkerContext>,
) {
    let listener = Arc::new(listener);
    let metrics = worker.observer.metrics.listener(listener.name);
    let mut failing = false;
    while let Some(accepted) = worker.unless_draining(socket.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                failing = false;
                metrics.accepted.inc();
                match admit(&worker, &permits) {
                    Ok(room) => begin((stream, peer), room, &listener, &metrics, &worker),
                    Err(refusal) => metrics.refused(refusal),
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, listener = listener.name, "cannot accept");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Room for one connection more, in all and among the files of the process.
fn admit(worker: &WorkerContext, permits: &Arc<Permits>) -> Result<[Permit; 2], Refusal> {
    if worker.exchange.memory.is_full() {
        return Err(Refusal::Memory);
    }
    let file = worker.files.take().ok_or(Refusal::Files)?;
    let permit = permits.take(worker.settings.load().limits.connections).ok_or(Refusal::Limit)?;
    Ok([file, permit])
}

/// Serves a connection on a task of its own.
fn begin(
    (stream, peer): (TcpStream, SocketAddr),
    room: [Permit; 2],
    listener: &Arc<ListenerSettings>,
    metrics: &ListenerMetrics,
    worker: &Arc<WorkerContext>,
) {
    let (listener, metrics, worker) = (Arc::clone(listener), metrics.clone(), Arc::clone(worker));
    let (open, observer) = (Counted::new(&metrics.open), Arc::clone(&worker.observer));
    let serving = async move {
        prepare(&stream);
        connection::serve(stream, peer, &listener, &metrics, &worker).await;
        drop((room, open));
    };
    tokio::spawn(contained(serving, observer));
}

/// Small packets go at once, a peer that is gone is noticed, and one that does not read takes little memory.
fn prepare(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let set = socket.set_tcp_nodelay(true);
    let set = set.and_then(|()| socket.set_tcp_keepalive(&keepalive::SOCKET));
    if let Err(error) = set.and_then(|()| socket.set_tcp_notsent_lowat(KERNEL_UNSENT)) {
        tracing::debug!(%error, "socket options not set");
    }
}
