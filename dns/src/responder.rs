//! The responder: sockets, and who may use them how much.

mod bind;
mod tcp;
mod udp;

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::task::JoinSet;
use tracing::info;

pub use self::bind::BindError;
use self::bind::Sockets;
use self::tcp::Connections;
use crate::answer;
use crate::counters::Counters;
use crate::service::Service;
use crate::zones::Zones;

/// How long reading or accepting pauses after an error, such as no file descriptor being left.
const PAUSE: Duration = Duration::from_millis(50);

/// Where to listen, and what a client may ask for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Addresses to listen on, by UDP and TCP. `[::]` takes IPv4 too. Where a machine has several addresses, list
    /// them: a datagram to `0.0.0.0` or `[::]` is answered from the address that is nearest to the client, which may
    /// be another than the one it asked.
    pub listen: Vec<SocketAddr>,
    /// How long an answer counts, also one that there is no such name; in whole seconds.
    pub ttl: Duration,
    /// Answers a second that a source address, an IPv6 address with all of its /64, gets by UDP from each address that
    /// is listened on; as many may come at once. Whoever asks for more is told to come by TCP. `None` sets no bound.
    pub udp_rate: Option<NonZeroU32>,
    /// TCP connections in all.
    pub max_tcp_connections: usize,
    /// TCP connections of one source address, an IPv6 address with all of its /64.
    pub max_tcp_connections_per_address: usize,
    /// From the answer before it, or the connect, to the end of an answer: for a query to come, in full, and for its
    /// answer to be taken.
    pub tcp_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            ttl: Duration::from_mins(1),
            udp_rate: NonZeroU32::new(1000),
            max_tcp_connections: 256,
            max_tcp_connections_per_address: 16,
            tcp_timeout: Duration::from_secs(10),
        }
    }
}

/// An authoritative DNS server for [`Zones`].
#[derive(Debug)]
pub struct Responder {
    settings: Settings,
    sockets: Sockets,
    service: Arc<Service>,
}

impl Responder {
    /// Listens on all addresses; must be called on a runtime with I/O and time.
    ///
    /// A change of `zones` counts from the next query on.
    ///
    /// # Errors
    /// The first address that cannot be listened on, with what to do about it.
    pub fn bind(settings: Settings, zones: Arc<ArcSwap<Zones>>) -> Result<Self, BindError> {
        let sockets = Sockets::bind(&settings.listen)?;
        let service = Service { zones, ttl: answer::seconds(settings.ttl), counters: Arc::default() };
        Ok(Self { settings, sockets, service: Arc::new(service) })
    }

    /// The addresses that are listened on, by UDP and TCP, in the order of the settings.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.sockets.addresses
    }

    /// What is counted, for as long as it is kept.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.service.counters)
    }

    /// Answers until `shutdown` resolves; connections end with it.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        info!(addresses = ?self.sockets.addresses, "answering DNS queries");
        let mut tasks = JoinSet::new();
        for socket in self.sockets.udp {
            tasks.spawn(udp::serve(socket, self.settings.udp_rate, Arc::clone(&self.service)));
        }
        tasks.spawn(Connections::new(&self.settings, self.service).serve(self.sockets.tcp));
        tokio::select! {
            () = shutdown => {}
            _ = tasks.join_all() => {}
        }
    }
}
