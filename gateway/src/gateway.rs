//! The gateway's life: bound, running, draining, stopped.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use net_pingora_routing::TableCell;
use net_pingora_tls::CertificateCells;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::activator;
use crate::admin::{Health, Readiness, State, serve_admin, serve_health};
use crate::front::{Acceptors, Addresses, BindError, Listening, Worker, bind};
use crate::memory::Memory;
use crate::observe::Observer;
use crate::observe::metrics::Metrics;
use crate::permit::{Files, Permits};
use crate::settings::{ListenerSettings, Settings};
use crate::upstream::Names;

/// How often a drain looks whether the last connection has ended.
const DRAIN_POLL: Duration = Duration::from_millis(20);

/// Why a bound gateway does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A socket or thread could not be set up.
    #[error("cannot set up a worker: {0}")]
    Io(#[from] std::io::Error),
    /// The metrics contradict each other: a bug.
    #[error("cannot set up metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The TLS library refuses the settings: a bug.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The resolver refuses the system's configuration.
    #[error("cannot set up DNS: {0}; correct /etc/resolv.conf")]
    Dns(String),
}

/// A gateway whose sockets are bound and which serves nobody yet.
#[derive(Debug)]
pub struct Gateway {
    settings: Arc<Settings>,
    table: Arc<TableCell>,
    certificates: CertificateCells,
    listening: Vec<Listening>,
    health: TcpListener,
    admin: TcpListener,
    addresses: Vec<(&'static str, SocketAddr)>,
}

/// A gateway that serves.
#[derive(Debug)]
pub struct Running {
    settings: Arc<Settings>,
    observer: Arc<Observer>,
    readiness: Arc<Readiness>,
    permits: Arc<Permits>,
    draining: Vec<watch::Sender<bool>>,
    stopping: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
}

impl Gateway {
    /// Binds every socket of the settings.
    ///
    /// # Errors
    /// When an address cannot be listened on; the error names it and the flag that changes it.
    pub fn bind(settings: Settings, table: Arc<TableCell>, certificates: CertificateCells) -> Result<Self, BindError> {
        let listening = Listening::bind_all(&settings)?;
        let (health, health_address) = bind("health", settings.health)?;
        let (admin, admin_address) = bind("admin", settings.admin)?;
        let mut addresses: Vec<_> = listening.iter().map(|one| (one.settings.name, one.address)).collect();
        addresses.extend([("health", health_address), ("admin", admin_address)]);
        Ok(Self { settings: Arc::new(settings), table, certificates, listening, health, admin, addresses })
    }

    /// Name and address of every listener, with the ports they got.
    pub fn addresses(&self) -> &[(&'static str, SocketAddr)] {
        &self.addresses
    }

    /// Starts the workers, and health and admin on the runtime it is called on.
    ///
    /// `/ready` says no until [`Running::ready`].
    ///
    /// # Errors
    /// When a thread, a resolver or a metric cannot be set up.
    ///
    /// # Panics
    /// When called outside a tokio runtime.
    pub fn start(self) -> Result<Running, StartError> {
        let metrics = Metrics::new(Arc::clone(&self.table), self.settings.responder.clone())?;
        let names = Names::from_system(Handle::current(), metrics.dns.clone());
        let names = names.map_err(|error| StartError::Dns(error.to_string()))?;
        let activator = activator::Shared::start(self.settings.activator.clone(), &names, &metrics.activator);
        let observer = Arc::new(Observer::new(Arc::new(metrics)));
        let readiness = Arc::<Readiness>::default();
        let (permits, handshakes) = (Arc::<Permits>::default(), Arc::<Permits>::default());
        let files = Files::new(self.settings.open_files);
        let (addresses, memory) = (Arc::<Addresses>::default(), Arc::<Memory>::default());
        let tls = Arc::new(Acceptors::new(self.settings.live.load().tls.clone(), self.certificates)?);
        let (stopping, stopped) = watch::channel(false);
        let (mut draining, mut workers) = (Vec::new(), Vec::new());
        for number in 0..self.settings.threads.max(1) {
            let (drain, drained) = watch::channel(false);
            draining.push(drain);
            let worker = Worker {
                settings: Arc::clone(&self.settings),
                observer: Arc::clone(&observer),
                table: Arc::clone(&self.table),
                tls: Arc::clone(&tls),
                names: Arc::clone(&names),
                permits: Arc::clone(&permits),
                handshakes: Arc::clone(&handshakes),
                addresses: Arc::clone(&addresses),
                files: files.clone(),
                memory: Arc::clone(&memory),
                activator: Arc::clone(&activator),
                draining: drained,
            };
            workers.push(spawn(number, worker, share(&self.listening)?, stopped.clone())?);
        }
        tokio::spawn(memory.watch(Arc::clone(&self.settings.live)));
        let health = Health::new(Arc::clone(&readiness), Arc::clone(&observer.metrics));
        tokio::spawn(serve_health(tokio::net::TcpListener::from_std(self.health)?, health));
        let admin = serve_admin(tokio::net::TcpListener::from_std(self.admin)?, self.table);
        tokio::spawn(async {
            if let Err(error) = admin.await {
                tracing::error!(%error, "admin is not served");
            }
        });
        Ok(Running { settings: self.settings, observer, readiness, permits, draining, stopping, workers })
    }
}

/// Every worker accepts from the same sockets: what is queued is lost with none of them.
fn share(listening: &[Listening]) -> std::io::Result<Vec<(ListenerSettings, TcpListener)>> {
    listening.iter().map(|one| Ok((one.settings.clone(), one.socket.try_clone()?))).collect()
}

/// A thread with a runtime of its own, so that a connection never leaves it.
fn spawn(
    number: usize,
    worker: Worker,
    listeners: Vec<(ListenerSettings, TcpListener)>,
    mut stopped: watch::Receiver<bool>,
) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
        runtime.block_on(async {
            if let Err(error) = worker.run(listeners).await {
                tracing::error!(%error, number, "worker ended");
            }
            // An error means that nobody is left to stop us.
            let _ = stopped.wait_for(|&stop| stop).await;
        });
        runtime.shutdown_background();
    })
}

impl Running {
    /// Says that the first table is complete: `/ready` answers 200 from now on.
    pub fn ready(&self) {
        self.readiness.advance(State::Ready);
    }

    /// What the gateway counts.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.observer.metrics
    }

    /// Ends in good order: readiness fails, then listeners close and connections are asked to go,
    /// then requests in flight get their time.
    pub async fn drain(self) {
        self.readiness.advance(State::Draining);
        let timeouts = self.settings.live.load().timeouts;
        sleep(timeouts.drain_delay).await;
        for worker in &self.draining {
            worker.send_replace(true);
        }
        let deadline = Instant::now() + timeouts.drain;
        while self.permits.open() > 0 && Instant::now() < deadline {
            sleep(DRAIN_POLL).await;
        }
        let cut = self.permits.open();
        if cut > 0 {
            tracing::warn!(connections = cut, "drain time is over; connections are cut");
        }
        self.stop();
    }

    /// Ends at once; open connections are cut.
    pub fn stop(self) {
        for worker in &self.draining {
            worker.send_replace(true);
        }
        self.stopping.send_replace(true);
        for worker in self.workers {
            if worker.join().is_err() {
                tracing::error!("worker panicked");
            }
        }
    }
}
