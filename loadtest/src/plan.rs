//! What to ask, how often, and for how long.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::names::Names;
use crate::shares::Share;
use crate::target::Target;

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whom to ask, and the scheme; host and path of requests are [`Plan::request`]'s.
    pub target: Target,
    /// `host:port` to connect to in place of the target's.
    pub connect: Option<String>,
    /// `host:port` of an HTTP proxy to go through.
    pub proxy: Option<String>,
    /// Which certificates of servers are accepted.
    pub trust: Trust,
    /// What a request is.
    pub work: Work,
    /// What requests say.
    pub request: Request,
    /// When requests are sent.
    pub load: Load,
    /// When it ends.
    pub end: End,
    /// Connections of all threads together; in an open loop the most that are opened.
    pub connections: usize,
    /// Streams a connection of HTTP/2.
    pub streams: usize,
    /// Threads, each with connections of its own.
    pub threads: usize,
    /// How long a request may take; `None` waits for ever.
    pub timeout: Option<Duration>,
    /// Requests that begin in this first part of the run are not counted.
    pub warmup: Duration,
    /// Whether a connection is used again.
    pub keep_alive: bool,
    /// Whether redirects are followed, at most ten of them.
    pub redirects: bool,
    /// Which backend answered, where that is to be told.
    pub shares: Option<Shares>,
    /// How many requests are kept one by one, for [`crate::Report::samples`] and [`crate::Report::lost`] each.
    pub samples: usize,
}

/// The protocol, and what counts as one request of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: by ALPN with TLS, by prior knowledge without.
    Http2,
    /// A gRPC call with one message each way.
    GrpcUnary,
    /// A message, and its echo, on a gRPC stream that stays open.
    GrpcStream,
    /// A message, and its echo, on a WebSocket that stays open.
    WebSocket,
}

impl Work {
    /// Whether requests share connections of HTTP/2.
    pub fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::GrpcUnary | Self::GrpcStream)
    }
}

/// What requests say.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, where the protocol leaves it open.
    pub method: Method,
    /// Values of Host, or `:authority`.
    pub hosts: Names,
    /// Paths with their queries.
    pub paths: Names,
    /// Further headers.
    pub headers: HeaderMap,
    /// The body, or the message of gRPC and WebSocket.
    pub body: Bytes,
}

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// Each connection or stream sends when it has its answer.
    Closed {
        /// Requests a second of each, at most.
        each: Option<f64>,
    },
    /// At times that do not depend on answers.
    Open {
        /// Requests a second of all together.
        rate: f64,
        /// The times.
        arrivals: Arrivals,
    },
}

/// Distances between the requests of an open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// All the same.
    Constant,
    /// Exponentially distributed: a Poisson process.
    Poisson,
}

/// When a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// After so many requests.
    Requests(u64),
    /// After this time; what is under way is waited for.
    After(Duration),
}

/// Which certificates of servers are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those of the system's authorities.
    System,
    /// Those of the authorities in a PEM file.
    Authorities(PathBuf),
    /// Any.
    Anyone,
}

/// How backends are told apart, and what part of the answers each should give.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    /// Where an answer names its backend.
    pub told_by: ToldBy,
    /// Backends and their parts.
    pub expected: Vec<Share>,
}

/// Where an answer names its backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToldBy {
    /// The value of this header is the name.
    Header(http::HeaderName),
    /// The name stands somewhere in the first 64 KiB of the body.
    Body,
}

impl Plan {
    /// 200 requests over 50 connections of HTTP/1.1, on all cores: what hey does by itself.
    pub fn new(target: Target) -> Self {
        let request = Request {
            method: Method::GET,
            hosts: Names::One(target.authority.clone()),
            paths: Names::One(target.path.clone()),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        Self {
            target,
            request,
            connect: None,
            proxy: None,
            trust: Trust::System,
            work: Work::Http1,
            load: Load::Closed { each: None },
            end: End::Requests(200),
            connections: 50,
            streams: 1,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            timeout: Some(Duration::from_secs(20)),
            warmup: Duration::ZERO,
            keep_alive: true,
            redirects: true,
            shares: None,
            samples: 0,
        }
    }
}
