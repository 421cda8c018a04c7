//! What a request leaves behind: counts, and a line in the access log.

use std::time::Instant;

use http::{Method, Uri, Version};
use net_pingora_routing::{ObjectKey, Split};

use super::context::Context;
use crate::observe::Observer;
use crate::observe::access::AccessRecord;

/// What both sides of a request have said.
pub(super) struct Exchanged<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) version: Version,
    pub(super) status: u16,
    /// Bytes of the request's body.
    pub(super) bytes_in: u64,
    /// Bytes of the response's body.
    pub(super) bytes_out: u64,
}

/// Counts a finished request with every split it went through, and logs it if asked to.
pub(super) fn record(observer: &Observer, ctx: &Context, exchanged: &Exchanged<'_>) {
    let status = exchanged.status;
    let duration = ctx.started.elapsed();
    for split in ctx.hops.iter().filter_map(|hop| hop.split()) {
        split.traffic.series_or(|traffic| observer.metrics.claim(traffic)).record(status, duration);
    }
    let connection = &ctx.connection;
    if !connection.settings.access_log {
        return;
    }
    let split = ctx.last_hop().and_then(|hop| hop.split());
    let ingress: Option<&ObjectKey> = ctx.hops.first().map(|hop| &hop.path.ingress.key);
    let revision = split.and_then(revision);
    AccessRecord {
        request_id: ctx.request_id.to_str().unwrap_or_default(),
        client: connection.peer,
        method: exchanged.method.as_str(),
        host: ctx.host.to_str().unwrap_or_default(),
        path: exchanged.uri.path_and_query().map_or("", |target| target.as_str()),
        protocol: &format!("{:?}", exchanged.version),
        listener: connection.listener,
        ingress,
        service: split.map(|split| &*split.backend.key.service),
        revision,
        status,
        bytes_in: exchanged.bytes_in,
        bytes_out: exchanged.bytes_out,
        duration,
        upstream_time: ctx.responded.map(|at: Instant| at.duration_since(ctx.started)),
        upstream: ctx.upstream,
        held: ctx.held,
        answer: ctx.answer,
    }
    .log();
}

/// The revision a split names, as Serving writes it.
fn revision(split: &Split) -> Option<&str> {
    let named = split.append_headers.iter().find(|(name, _)| name == "knative-serving-revision");
    named.and_then(|(_, value)| value.to_str().ok())
}
