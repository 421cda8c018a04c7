//! The kinds of work, and the load each is measured with.

use std::net::SocketAddr;

use anyhow::Context;
use bytes::Bytes;
use clap::ValueEnum;
use net_pingora_loadtest::{Names, Plan, Target, Trust};

/// The host that is asked for where there is one route.
pub(crate) const HOST: &str = "app-0.example";

/// Routes where there are many.
pub(crate) const ROUTES: u32 = 10_000;

/// Connections that stay open without requests.
pub(crate) const IDLE: usize = 10_000;

/// Bytes of a small body or message.
const SMALL: usize = 100;

/// What the proxies are given to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Work {
    /// HTTP/1.1, 100 bytes, on connections that stay
    H1,
    /// HTTP/1.1, 16 KiB
    #[value(name = "h1-16k")]
    H1Of16Kib,
    /// HTTP/1.1, 1 MiB
    #[value(name = "h1-1m")]
    H1Of1Mib,
    /// HTTP/1.1, 100 bytes, a new connection for each request
    Connections,
    /// HTTP/2 without TLS to the proxy, HTTP/1.1 behind it
    H2c,
    /// gRPC calls with one message each way, HTTP/2 on both sides
    Grpc,
    /// HTTP/1.1 in TLS 1.3, on connections that stay
    Tls,
    /// WebSocket messages and their echoes
    Websocket,
    /// HTTP/1.1 to 10,000 routes at random
    Routes,
    /// 10,000 connections without requests: memory
    Idle,
}

/// What the proxy speaks to the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    Http1,
    Http2,
    WebSocket,
}

impl Work {
    /// Those of the quick comparison.
    pub(crate) const QUICK: [Self; 4] = [Self::H1, Self::H2c, Self::Tls, Self::Routes];

    /// Its name on the command line and in files.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What it is, for people.
    pub(crate) fn title(self) -> String {
        let value = self.to_possible_value();
        value.and_then(|value| value.get_help().map(ToString::to_string)).unwrap_or_default()
    }

    pub(crate) fn upstream(self) -> Upstream {
        match self {
            Self::Grpc => Upstream::Http2,
            Self::Websocket => Upstream::WebSocket,
            _ => Upstream::Http1,
        }
    }

    /// Whether clients speak HTTP/2.
    pub(crate) fn is_http2(self) -> bool {
        matches!(self, Self::H2c | Self::Grpc)
    }

    /// Hosts that have a route.
    pub(crate) fn hosts(self) -> impl Iterator<Item = String> {
        let count = if self == Self::Routes { ROUTES } else { 1 };
        (0..count).map(|number| format!("app-{number}.example"))
    }

    /// The load on a proxy at this address, without its pace and end.
    pub(crate) fn plan(self, proxy: SocketAddr, threads: usize) -> anyhow::Result<Plan> {
        let (scheme, path) = match self {
            Self::Tls => ("https", "/bytes/100"),
            Self::Websocket => ("ws", "/"),
            Self::Grpc => ("http", "/demo.Echo/Unary"),
            Self::H1Of16Kib => ("http", "/bytes/16384"),
            Self::H1Of1Mib => ("http", "/bytes/1048576"),
            _ => ("http", "/bytes/100"),
        };
        let target: Target = format!("{scheme}://{HOST}{path}").parse()?;
        let mut plan = Plan::new(target);
        plan.connect = Some(proxy.to_string());
        plan.trust = Trust::Anyone;
        plan.threads = threads;
        plan.keep_alive = self != Self::Connections;
        plan.redirects = false;
        (plan.connections, plan.streams) = match self {
            Self::H2c | Self::Grpc => (10, 20),
            Self::H1Of1Mib => (16, 1),
            _ => (64, 1),
        };
        match self {
            Self::H2c => plan.work = net_pingora_loadtest::Work::Http2,
            Self::Grpc => plan.work = net_pingora_loadtest::Work::GrpcUnary,
            Self::Websocket => plan.work = net_pingora_loadtest::Work::WebSocket,
            Self::Routes => {
                plan.request.hosts = Names::pattern("app-{}.example", ROUTES).context("no pattern of hosts")?;
            }
            _ => {}
        }
        plan.request.body = match self {
            // Field 1, a text of the other bytes (protobuf, "Message Structure").
            Self::Grpc => [0x0a, 98].into_iter().chain([b'x'; SMALL - 2]).collect(),
            Self::Websocket => Bytes::from_static(&[b'x'; SMALL]),
            _ => Bytes::new(),
        };
        Ok(plan)
    }
}
