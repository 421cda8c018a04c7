//! The flags of `serve`.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use thiserror::Error;

use crate::{ActivatorArgs, ClusterArgs, Deadline, Listen, LiveArgs, Memory, NamesArgs, SourceArgs, address, deadline};

/// The flags of `serve`.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "\
Examples:
  net-pingora serve
  net-pingora serve --from manifests
  net-pingora serve --from manifests --external-http 80 --external-https 443
  net-pingora serve --from manifests --external-http 127.0.0.1:0 --external-https off
  NET_PINGORA_FROM=manifests NET_PINGORA_LOG_FORMAT=json net-pingora serve

Addresses are ADDRESS:PORT; a PORT alone keeps the default's address, port 0 takes a free one.
Times carry a unit: 500ms, 5s, 1m30s. Sizes are bytes.")]
pub struct ServeArgs {
    /// Where the objects come from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// How to take part in a cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Who holds requests for revisions without a pod.
    #[command(flatten)]
    pub activator: ActivatorArgs,
    /// Where to listen.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// How clients outside find the gateway.
    #[command(flatten)]
    pub names: NamesArgs,
    /// What may change while it serves.
    #[command(flatten)]
    pub live: LiveArgs,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Where to listen.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Listeners")]
pub struct ListenArgs {
    /// Plain HTTP/1 and HTTP/2 for clients outside: serves public rules; `off` disables it
    #[arg(long, value_name = "ADDRESS", env = "NET_PINGORA_EXTERNAL_HTTP", default_value = "[::]:8080",
        value_parser = address::everywhere)]
    pub external_http: Listen,

    /// TLS for clients outside: serves public rules; `off` disables it
    #[arg(long, value_name = "ADDRESS", env = "NET_PINGORA_EXTERNAL_HTTPS", default_value = "[::]:8443",
        value_parser = address::everywhere)]
    pub external_https: Listen,

    /// Plain HTTP/1 and HTTP/2 for clients in the cluster: serves all rules; `off` disables it
    ///
    /// On loopback unless told otherwise, so that cluster-local rules are not open to a network
    /// by accident. In a pod, say [::]:8081.
    #[arg(long, value_name = "ADDRESS", env = "NET_PINGORA_INTERNAL_HTTP", default_value = "127.0.0.1:8081",
        value_parser = address::loopback)]
    pub internal_http: Listen,

    /// TLS for clients in the cluster: serves all rules; `off` disables it
    #[arg(long, value_name = "ADDRESS", env = "NET_PINGORA_INTERNAL_HTTPS", default_value = "127.0.0.1:8444",
        value_parser = address::loopback)]
    pub internal_https: Listen,

    /// Health: /ready, /live, and /metrics for Prometheus
    #[arg(long, value_name = "ADDRESS", env = "NET_PINGORA_HEALTH", default_value = "[::]:9001",
        value_parser = address::health)]
    pub health: SocketAddr,

    /// Admin: /routes, the live table as JSON; loopback addresses only
    #[arg(long, value_name = "ADDRESS", env = "NET_PINGORA_ADMIN", default_value = "127.0.0.1:9000",
        value_parser = address::admin)]
    pub admin: SocketAddr,

    /// Threads that serve traffic [default: one per core]
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_THREADS")]
    pub threads: Option<NonZeroUsize>,

    /// Unused connections to endpoints that each thread keeps
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_UPSTREAM_POOL", default_value_t = 512)]
    pub upstream_pool: usize,
}

/// What is done to requests on their way.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Forwarding")]
pub struct ForwardArgs {
    /// Proxies in front of us whose X-Forwarded-* and X-Request-Id headers are believed
    ///
    /// 0: none, what a client sends is replaced. 1: a load balancer that sets them. Count every
    /// proxy between the client and us.
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_TRUSTED_HOPS", default_value_t = 0)]
    pub trusted_hops: usize,

    /// Networks of load balancers that begin every connection from outside with a PROXY header, with commas
    ///
    /// The PROXY protocol in its versions 1 and 2, in front of TLS as of plain HTTP. From these
    /// addresses a connection without the header is refused; from others the header is.
    #[arg(
        long,
        value_name = "NETWORKS",
        env = "NET_PINGORA_PROXY_PROTOCOL",
        default_value = "",
        hide_default_value = true
    )]
    pub proxy_protocol: Networks,

    /// Connects in a row that fail before an endpoint is left out for a while; 0 never
    ///
    /// For 1 s at first, then one request tries it again; each trial in vain doubles the time, up to 30 s. Never
    /// all endpoints of a Service are left out, and never its only one.
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_EJECT_AFTER", default_value_t = 5)]
    pub eject_after: u16,
}

impl ForwardArgs {
    /// Networks of load balancers that begin every connection with a PROXY header.
    pub fn networks(&self) -> &[IpNet] {
        &self.proxy_protocol.0
    }
}

/// Networks, with commas. Every connection is compared with each of them, so they are few.
#[derive(Clone, Debug)]
pub struct Networks(Vec<IpNet>);

/// Most networks that are taken.
const NETWORKS: usize = 64;

/// A text that is no list of networks.
#[derive(Debug, Error)]
pub enum NetworksError {
    /// One of them is none.
    #[error("{0:?} is no network; write ADDRESS/BITS, such as 10.0.0.0/8 or fd00::/8")]
    Unreadable(String),
    /// There are too many.
    #[error("more than {NETWORKS} networks; write larger ones")]
    TooMany,
}

impl FromStr for Networks {
    type Err = NetworksError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let networks = || text.split(',').map(str::trim).filter(|network| !network.is_empty());
        if networks().count() > NETWORKS {
            return Err(NetworksError::TooMany);
        }
        let network = |text: &str| text.parse().map_err(|_| NetworksError::Unreadable(text.to_owned()));
        networks().map(network).collect::<Result<_, _>>().map(Self)
    }
}

/// Bounds on what a client controls.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Bytes of a request's line and headers together; more is answered 431
    #[arg(long, value_name = "BYTES", env = "NET_PINGORA_MAX_HEAD_BYTES", default_value = "61440")]
    pub max_head_bytes: NonZeroUsize,

    /// Headers of a request; more is answered 431
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_MAX_HEADERS", default_value = "200")]
    pub max_headers: NonZeroUsize,

    /// Bytes of a request's target; more is answered 414
    #[arg(long, value_name = "BYTES", env = "NET_PINGORA_MAX_URI_BYTES", default_value = "16384")]
    pub max_uri_bytes: NonZeroUsize,

    /// Connections open at once over all listeners; more are closed at once
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_MAX_CONNECTIONS", default_value = "50000")]
    pub max_connections: NonZeroUsize,

    /// Connections one client address may have open; more are closed at once
    ///
    /// Of IPv6 a /64 counts as one address. Behind a load balancer that speaks no PROXY protocol all clients may
    /// share one.
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_MAX_CONNECTIONS_PER_ADDRESS", default_value = "10000")]
    pub max_connections_per_address: NonZeroUsize,

    /// Requests in flight at once; more are answered 503
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_MAX_REQUESTS", default_value = "100000")]
    pub max_requests: NonZeroUsize,

    /// TLS handshakes in progress at once over all listeners; more are closed at once
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_MAX_HANDSHAKES", default_value = "1000")]
    pub max_handshakes: NonZeroUsize,

    /// Streams open at once on one HTTP/2 connection
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_MAX_STREAMS", default_value = "128")]
    pub max_streams: NonZeroU32,

    /// Streams a client may cancel at once on one HTTP/2 connection; more end it
    ///
    /// A tenth of it comes back every second. Who cancels more than `--max-streams` is read slower: half the time
    /// that a stream takes to come back, for each.
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_MAX_RESETS", default_value = "1000")]
    pub max_resets: NonZeroU32,

    /// Frames that carry nothing, which a client may send at once on one HTTP/2 connection; more end it
    ///
    /// SETTINGS, PING, empty DATA and the like. A tenth of it comes back every second, and one for every
    /// request and every 64 bytes the client is sent.
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_MAX_CONTROL_FRAMES", default_value = "1000")]
    pub max_control_frames: NonZeroU32,

    /// Malformed streams on one HTTP/2 connection, those beyond the most, and those whose client makes us reset them; more
    /// end it
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_MAX_MALFORMED", default_value = "1000")]
    pub max_malformed: NonZeroU32,

    /// Memory in use above which requests are answered 503 and new connections closed: `auto`, `off` or bytes
    ///
    /// `auto` is nine tenths of what the container may have, and counts what the kernel has for its sockets.
    /// Bytes, such as 200Mi, are the process's own.
    #[arg(long, value_name = "MEMORY", env = "NET_PINGORA_MAX_MEMORY", default_value = "auto")]
    pub max_memory: Memory,

    /// Bytes a second; a client or endpoint that is waited for and is slower runs into the stall timeout
    #[arg(long, value_name = "BYTES", env = "NET_PINGORA_MIN_RATE", default_value = "256")]
    pub min_rate: NonZeroU64,
}

/// Deadlines.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Deadlines")]
pub struct TimeoutArgs {
    /// From the first byte of a request to the end of its headers, in total
    #[arg(long, value_name = "TIME", env = "NET_PINGORA_HEAD_TIMEOUT", default_value = "10s",
        value_parser = deadline::deadline)]
    pub head_timeout: Duration,

    /// From accept to the end of a TLS handshake
    #[arg(long, value_name = "TIME", env = "NET_PINGORA_HANDSHAKE_TIMEOUT", default_value = "10s",
        value_parser = deadline::deadline)]
    pub handshake_timeout: Duration,

    /// How long a client connection may be silent before and between requests
    #[arg(long, value_name = "TIME", env = "NET_PINGORA_IDLE_TIMEOUT", default_value = "60s",
        value_parser = deadline::deadline)]
    pub idle_timeout: Duration,

    /// How long a client may take nothing of a response, or bring nothing of a body whose length it has told
    ///
    /// An endpoint may take nothing of a request, or acknowledge nothing, for as long. The minimum rate gives who goes on more time.
    #[arg(long, value_name = "TIME", env = "NET_PINGORA_STALL_TIMEOUT", default_value = "60s",
        value_parser = deadline::deadline)]
    pub stall_timeout: Duration,

    /// Age after which a client connection ends with the request it serves; `off` never
    #[arg(long, value_name = "TIME", env = "NET_PINGORA_MAX_CONNECTION_AGE", default_value = "off")]
    pub max_connection_age: Deadline,

    /// One attempt to connect to an endpoint
    #[arg(long, value_name = "TIME", env = "NET_PINGORA_CONNECT_TIMEOUT", default_value = "5s",
        value_parser = deadline::deadline)]
    pub connect_timeout: Duration,

    /// How long an unused connection to an endpoint is kept
    #[arg(long, value_name = "TIME", env = "NET_PINGORA_UPSTREAM_IDLE_TIMEOUT", default_value = "60s",
        value_parser = deadline::deadline)]
    pub upstream_idle_timeout: Duration,

    /// How long an endpoint may take until its response begins, then 504; `off` for ever
    #[arg(long, value_name = "TIME", env = "NET_PINGORA_RESPONSE_TIMEOUT", default_value = "off")]
    pub response_timeout: Deadline,

    /// How long requests in flight may go on once a drain has begun
    #[arg(long, value_name = "TIME", env = "NET_PINGORA_DRAIN_TIMEOUT", default_value = "25s",
        value_parser = deadline::time)]
    pub drain_timeout: Duration,

    /// How long readiness fails before listeners close, so that load balancers notice
    #[arg(long, value_name = "TIME", env = "NET_PINGORA_DRAIN_DELAY", default_value = "5s",
        value_parser = deadline::time)]
    pub drain_delay: Duration,
}

/// What is logged, and how. Logs go to standard error.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// Form of the log on standard error
    #[arg(long, value_enum, env = "NET_PINGORA_LOG_FORMAT", default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// Least level that is logged: error, warn, info, debug, trace; or directives such as
    /// `info,net_pingora_gateway=debug`
    #[arg(long, value_name = "LEVEL", env = "NET_PINGORA_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}
