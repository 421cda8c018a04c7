//! What is known of a request while it is served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use net_pingora_routing::{Match, Protocol};

use super::decide::Hops;
use crate::activator::{Slot, UnderWay};
use crate::front::Connection;
use crate::observe::answers::Reason;
use crate::observe::metrics::Counted;

/// What is known of a request while it is served.
pub(super) struct Context {
    /// The connection it came on.
    pub(super) connection: Arc<Connection>,
    /// When its head was complete.
    pub(super) started: Instant,
    /// When the upstream's response head came.
    pub(super) responded: Option<Instant>,
    /// `X-Request-Id`, the client's or ours.
    pub(super) request_id: HeaderValue,
    /// The host the client asked for.
    pub(super) host: HeaderValue,
    /// The path and split of every hop: more than one when a backend is our own internal Service.
    pub(super) hops: Hops,
    /// Endpoints that took no connection, or closed it without an answer.
    pub(super) tried: Vec<SocketAddr>,
    /// Tries at an upstream.
    pub(super) attempts: usize,
    /// Whether the backend has an endpoint that was not tried.
    pub(super) others: bool,
    /// The endpoint of the last try.
    pub(super) upstream: Option<SocketAddr>,
    /// The protocol spoken to it.
    pub(super) protocol: Protocol,
    /// Counts the request at its endpoint.
    pub(super) slot: Option<Slot>,
    /// Counts the request at its revision, if that is served through us.
    pub(super) under_way: Option<UnderWay>,
    /// How long it has waited for a pod.
    pub(super) held: Option<Duration>,
    /// Whether the connection of the last try had served requests before.
    pub(super) reused: bool,
    /// Whether the last try failed to connect.
    pub(super) unconnected: bool,
    /// Why the gateway answers itself.
    pub(super) answer: Option<Reason>,
    /// Counts the request in the gateway.
    pub(super) _counted: Counted,
}

impl Context {
    pub(super) fn new(connection: Arc<Connection>, counted: Counted) -> Self {
        Self {
            connection,
            started: Instant::now(),
            responded: None,
            request_id: HeaderValue::from_static(""),
            host: HeaderValue::from_static(""),
            hops: Hops::new(),
            tried: Vec::new(),
            attempts: 0,
            others: false,
            upstream: None,
            protocol: Protocol::Http1,
            slot: None,
            under_way: None,
            held: None,
            reused: false,
            unconnected: false,
            answer: None,
            _counted: counted,
        }
    }

    /// The path and split whose backend is asked.
    pub(super) fn last_hop(&self) -> Option<&Match> {
        self.hops.last()
    }
}
