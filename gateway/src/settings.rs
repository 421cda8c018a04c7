//! What the data plane is told at start.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use net_pingora_dns::Counters;
use net_pingora_routing::{Listener, TableCell};
use net_pingora_tls::Policy;

use crate::pace::Pace;

/// Everything the data plane is told at start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Sockets that serve traffic.
    pub listeners: Vec<ListenerSettings>,
    /// Where `/ready`, `/live` and `/metrics` are served.
    pub health: SocketAddr,
    /// Where `/routes` is served.
    pub admin: SocketAddr,
    /// Worker threads that serve traffic; each accepts, proxies and pools connections on its own.
    pub threads: usize,
    /// Unused upstream connections each worker keeps.
    pub upstream_pool: usize,
    /// Files that connections of clients and to upstreams may take together.
    pub open_files: usize,
    /// For revisions that are served through us.
    pub activator: ActivatorSettings,
    /// What the DNS responder counts, if one runs.
    pub responder: Option<Arc<Counters>>,
    /// What may change while it serves.
    pub live: Arc<SettingsCell>,
}

/// How requests are held for revisions that are served through us.
#[derive(Clone, Debug)]
pub struct ActivatorSettings {
    /// Revisions that listeners of the kind [`Listener::Activator`] serve, each as a host `name.namespace`.
    pub revisions: Arc<TableCell>,
    /// The cluster's domain, in which Services of revisions have their names.
    pub domain: String,

    /// Requests that may wait in all, or as the control group's memory allows; more are answered 503.
    pub held: Option<usize>,
    /// Requests that may wait for one revision; more are answered 503.
    pub held_per_revision: usize,
    /// Who is told what is asked.
    pub autoscaler: Option<Autoscaler>,
    /// Name of our own pod, for the autoscaler.
    pub pod: String,
}

impl Default for ActivatorSettings {
    fn default() -> Self {
        Self {
            revisions: Arc::default(),
            domain: "cluster.local".to_owned(),
            held: None,
            held_per_revision: 10_000,
            autoscaler: None,
            pod: String::new(),
        }
    }
}

/// Where Knative's autoscaler listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Autoscaler {
    /// DNS name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Autoscaler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What may change while the gateway serves.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveSettings {
    /// Bounds on what a client controls.
    pub limits: Limits,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// What TLS clients may negotiate.
    pub tls: Policy,
    /// Who begins every connection to an external listener with a PROXY header.
    pub proxy_protocol: Vec<IpNet>,
    /// Proxies in front of us whose `X-Forwarded-*` and `X-Request-Id` are believed.
    pub trusted_hops: usize,
    /// Connects in a row that fail before an endpoint is left out for a while; 0 never.
    pub eject_after: u16,
    /// Whether every request is logged.
    pub access_log: bool,
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            tls: Policy::default(),
            proxy_protocol: Vec::new(),
            trusted_hops: 0,
            eject_after: 5,
            access_log: false,
        }
    }
}

/// The settings of now. A connection keeps to its end what it began with.
#[derive(Debug, Default)]
pub struct SettingsCell(ArcSwap<LiveSettings>);

impl SettingsCell {
    /// A cell with these settings.
    pub fn new(settings: LiveSettings) -> Self {
        Self(ArcSwap::from_pointee(settings))
    }

    /// The settings of now.
    pub fn load(&self) -> Arc<LiveSettings> {
        self.0.load_full()
    }

    /// Replaces all of them.
    pub fn set(&self, settings: LiveSettings) {
        self.0.store(Arc::new(settings));
    }
}

/// One socket that serves traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Name in logs and metrics: `external-http`, `internal-https`, ...
    pub name: &'static str,
    /// Address to bind; `[::]` is dual stack, port 0 takes a free one.
    pub address: SocketAddr,
    /// Which rules it serves.
    pub kind: Listener,
    /// Whether clients speak TLS.
    pub tls: bool,
}

/// How much memory the gateway may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryCap {
    /// Nine tenths of what its control group may have, if that has a limit.
    Auto,
    /// Any.
    Off,
    /// So many bytes of its own.
    Bytes(NonZeroU64),
}

/// Bounds on what a client controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's line and headers together; more is answered 431.
    pub head_bytes: usize,
    /// Headers of a request; more is answered 431.
    pub headers: usize,
    /// Bytes of a request's target; more is answered 414.
    pub uri_bytes: usize,
    /// Connections open at once over all listeners; more are closed at once.
    pub connections: usize,
    /// Connections one client address may have open; more are closed at once.
    pub connections_per_address: usize,
    /// Requests in flight at once; more are answered 503.
    pub requests: usize,
    /// TLS handshakes in progress at once over all listeners; more are closed at once.
    pub handshakes: usize,
    /// Streams open at once on one HTTP/2 connection.
    pub streams: u32,
    /// Streams a client may reset at once on an HTTP/2 connection, which more of them end. A tenth comes back
    /// every second. Beyond `streams` of them, the client is not read for half the time that each takes to come back.
    pub resets: u32,
    /// The same for frames that ask for work and carry nothing: SETTINGS, PING, empty DATA and the like. What a
    /// client is sent lets it send more.
    pub control_frames: u32,
    /// The same for streams that are malformed, that are too many, or that we must reset; none comes back.
    pub malformed: u32,
    /// Memory in use above which requests are answered 503 and new connections closed.
    pub memory: MemoryCap,
    /// Bytes a second: who is waited for and is slower runs out of time.
    pub min_rate: u64,
}

impl Limits {
    /// The limits of somebody who sets none.
    pub const fn new() -> Self {
        Self {
            head_bytes: 60 * 1024,
            headers: 200,
            uri_bytes: 16 * 1024,
            connections: 50_000,
            connections_per_address: 10_000,
            requests: 100_000,
            handshakes: 1_000,
            streams: 128,
            resets: 1_000,
            control_frames: 1_000,
            malformed: 1_000,
            memory: MemoryCap::Auto,
            min_rate: 256,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// Deadlines of the data plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a request to the end of its head, in total.
    pub head: Duration,
    /// From accept to the end of a TLS handshake.
    pub handshake: Duration,
    /// From accept to the first byte, and between two requests of a connection.
    pub idle: Duration,
    /// How long a client may bring nothing of a body whose length it has told, or take nothing of a response,
    /// and an endpoint nothing of a request, before [`Limits::min_rate`] counts. A connection to an endpoint that
    /// acknowledges nothing for as long is given up.
    pub stall: Duration,
    /// After this age a connection ends with the request it serves; `None` never.
    pub connection_age: Option<Duration>,
    /// One attempt to connect to an endpoint.
    pub connect: Duration,
    /// How long an unused upstream connection is kept.
    pub upstream_idle: Duration,
    /// How long an upstream may say nothing, before and between parts of its response; `None` for
    /// ever. Upgraded connections may always be silent.
    pub response: Option<Duration>,
    /// How long requests in flight may go on after a drain begins.
    pub drain: Duration,
    /// How long readiness fails before listeners close.
    pub drain_delay: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            idle: Duration::from_mins(1),
            stall: Duration::from_mins(1),
            connection_age: None,
            connect: Duration::from_secs(5),
            upstream_idle: Duration::from_mins(1),
            response: None,
            drain: Duration::from_secs(25),
            drain_delay: Duration::from_secs(5),
        }
    }
}

impl LiveSettings {
    /// How fast a party must go on that is waited for.
    pub(crate) fn pace(&self) -> Pace {
        Pace { time: self.timeouts.stall, rate: self.limits.min_rate }
    }
}
