//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use net_pingora_loadtest::{Share, Target, Threshold, time};

use crate::output::OutputArgs;

/// Load for HTTP/1.1, HTTP/2, gRPC and WebSocket, and what came of it.
///
/// The flags of hey mean what they mean in hey. Flags may be written with one dash or two.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version, max_term_width = 120, after_help = COMMANDS)]
pub(crate) struct Args {
    /// What to ask: http://, https://, ws:// or wss://
    pub(crate) url: Target,

    /// Requests in all; not with -z
    #[arg(short, default_value_t = 200, value_name = "COUNT", help_heading = LOAD)]
    pub(crate) n: u64,
    /// Connections; with --rate the most that are opened
    #[arg(short, default_value_t = 50, value_name = "COUNT", help_heading = LOAD)]
    pub(crate) c: usize,
    /// Requests a second of each connection, at most
    #[arg(short, value_name = "RATE", help_heading = LOAD)]
    pub(crate) q: Option<f64>,
    /// How long to send requests, as in 10s or 1m30s; -n is ignored then
    #[arg(short, value_parser = duration, value_name = "TIME", help_heading = LOAD)]
    pub(crate) z: Option<Duration>,
    /// Requests a second in all, each sent when its time has come; latencies count from that time
    #[arg(long, value_name = "RATE", conflicts_with = "q", help_heading = LOAD)]
    pub(crate) rate: Option<f64>,
    /// With --rate: random times, as from clients that know nothing of each other
    #[arg(long, requires = "rate", help_heading = LOAD)]
    pub(crate) poisson: bool,
    /// Requests that begin in this first part of the run are not counted
    #[arg(long, value_parser = duration, default_value = "0", value_name = "TIME", help_heading = LOAD)]
    pub(crate) warmup: Duration,
    /// Threads, each on connections of its own [default: the number of cores]
    #[arg(long, visible_alias = "cpus", value_name = "COUNT", help_heading = LOAD)]
    pub(crate) threads: Option<usize>,
    /// Seconds a request may take; 0 is for ever
    #[arg(short, default_value_t = 20.0, value_name = "SECONDS", help_heading = LOAD)]
    pub(crate) t: f64,

    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) protocol: ProtocolArgs,

    /// In place of the summary: csv, a line for each request
    #[arg(short = 'o', value_name = "FORM", help_heading = OUTPUT)]
    pub(crate) output: Option<Output>,
    #[command(flatten, next_help_heading = OUTPUT)]
    pub(crate) texts: OutputArgs,
    /// What the run must keep to, as in 'p99<10ms', 'errors=0', 'rate>1000'; may be repeated
    #[arg(long = "threshold", value_name = "BOUND", help_heading = OUTPUT)]
    pub(crate) thresholds: Vec<Threshold>,
    /// The part of the answers a backend must give, judged at 99.9 %; may be repeated
    #[arg(long = "share", value_name = "NAME=PERCENT", help_heading = OUTPUT)]
    pub(crate) shares: Vec<Share>,
    /// The header that names the backend
    #[arg(long, value_name = "HEADER", requires = "shares", help_heading = OUTPUT)]
    pub(crate) share_header: Option<http::HeaderName>,
    /// The body has the backend's name in it
    #[arg(long, conflicts_with = "share_header", requires = "shares", help_heading = OUTPUT)]
    pub(crate) share_body: bool,
}

/// What requests say.
#[derive(Debug, clap::Args)]
pub(crate) struct RequestArgs {
    /// Method
    #[arg(short, default_value = "GET", value_name = "METHOD", help_heading = REQUEST)]
    pub(crate) m: String,
    /// A header, as in 'Accept: text/html'; may be repeated
    #[arg(short = 'H', value_name = "HEADER", help_heading = REQUEST)]
    pub(crate) headers: Vec<String>,
    /// Accept
    #[arg(short = 'A', value_name = "TYPE", help_heading = REQUEST)]
    pub(crate) accept: Option<String>,
    /// Body, or message of gRPC and WebSocket
    #[arg(short, value_name = "TEXT", conflicts_with = "body_file", help_heading = REQUEST)]
    pub(crate) d: Option<String>,
    /// A file with it
    #[arg(short = 'D', value_name = "FILE", help_heading = REQUEST)]
    pub(crate) body_file: Option<PathBuf>,
    /// Content-Type
    #[arg(short = 'T', default_value = "text/html", value_name = "TYPE", help_heading = REQUEST)]
    pub(crate) content_type: String,
    /// User-Agent
    #[arg(short = 'U', value_name = "TEXT", help_heading = REQUEST)]
    pub(crate) user_agent: Option<String>,
    /// Basic authentication
    #[arg(short, value_name = "USER:PASSWORD", help_heading = REQUEST)]
    pub(crate) a: Option<String>,
    /// Host in place of the URL's, for TLS as well
    #[arg(long, value_name = "HOST", help_heading = REQUEST)]
    pub(crate) host: Option<String>,
    /// A file of hosts, one a line, of which each request takes one at random
    #[arg(long, value_name = "FILE", conflicts_with_all = ["host", "host_pattern"], help_heading = REQUEST)]
    pub(crate) hosts: Option<PathBuf>,
    /// Hosts with a number, as in 'app-{}.example'; each request takes one at random
    #[arg(long, value_name = "PATTERN", conflicts_with = "host", requires = "host_count", help_heading = REQUEST)]
    pub(crate) host_pattern: Option<String>,
    /// How many numbers there are, from 0
    #[arg(long, value_name = "COUNT", requires = "host_pattern", help_heading = REQUEST)]
    pub(crate) host_count: Option<u32>,
    /// Paths with a number, as in '/item/{}', in place of the URL's
    #[arg(long, value_name = "PATTERN", requires = "path_count", help_heading = REQUEST)]
    pub(crate) path_pattern: Option<String>,
    /// How many numbers there are, from 0
    #[arg(long, value_name = "COUNT", requires = "path_pattern", help_heading = REQUEST)]
    pub(crate) path_count: Option<u32>,
}

/// How requests are carried.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct ProtocolArgs {
    /// HTTP/2: by ALPN with https://, by prior knowledge with http://
    #[arg(long = "h2", visible_alias = "h2c", conflicts_with = "grpc", help_heading = PROTOCOL)]
    pub(crate) h2: bool,
    /// gRPC calls of the method that the URL's path names, as in /demo.Echo/Unary
    #[arg(long, value_name = "KIND", help_heading = PROTOCOL)]
    pub(crate) grpc: Option<Grpc>,
    /// Bytes of a message of gRPC or WebSocket, in place of -d and -D
    #[arg(long, value_name = "BYTES", conflicts_with_all = ["d", "body_file"], help_heading = PROTOCOL)]
    pub(crate) message_size: Option<usize>,
    /// Streams a connection of HTTP/2 and gRPC
    #[arg(long, default_value_t = 1, value_name = "COUNT", help_heading = PROTOCOL)]
    pub(crate) streams: usize,
    /// HTTP proxy as host:port
    #[arg(short, value_name = "ADDRESS", help_heading = PROTOCOL)]
    pub(crate) x: Option<String>,
    /// Connect to this host:port in place of the URL's
    #[arg(long, value_name = "ADDRESS", help_heading = PROTOCOL)]
    pub(crate) connect: Option<String>,
    /// Accept certificates of these authorities, a PEM file, in place of the system's
    #[arg(long, value_name = "FILE", conflicts_with = "insecure", help_heading = PROTOCOL)]
    pub(crate) ca: Option<PathBuf>,
    /// Accept any certificate
    #[arg(long, help_heading = PROTOCOL)]
    pub(crate) insecure: bool,
    /// Do not ask for gzip
    #[arg(long, help_heading = PROTOCOL)]
    pub(crate) disable_compression: bool,
    /// A new connection for each request
    #[arg(long, help_heading = PROTOCOL)]
    pub(crate) disable_keepalive: bool,
    /// Do not follow redirects
    #[arg(long, help_heading = PROTOCOL)]
    pub(crate) disable_redirects: bool,
}

const COMMANDS: &str = "Commands with flags of their own, each with --help:
  loadtest cold   bursts at a route that sleeps
  loadtest churn  routes that change under load
  loadtest compare
                  proxies beside each other";

const LOAD: &str = "Load";
const REQUEST: &str = "Request";
const PROTOCOL: &str = "Protocol";
const OUTPUT: &str = "Output";

/// What a gRPC request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Grpc {
    /// A call with one message each way
    Unary,
    /// A message and its echo, on a stream that stays open
    Stream,
}

/// Forms in place of the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A line for each request, of a million at most
    Csv,
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    time::parse(text).ok_or_else(|| "write a number with a unit, as in 10s, 1m30s or 500ms".to_owned())
}
