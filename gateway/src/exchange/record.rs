//! What a request leaves behind: counts, and a line in the access log.

use std::time::Instant;

use net_pingora_routing::{ObjectKey, Split};

use super::context::Context;
use super::downstream::Downstream;
use crate::observe::Observer;
use crate::observe::access::AccessRecord;

/// Status of a client that left before the answer, as nginx counts it.
const CLIENT_LEFT: u16 = 499;

/// Counts a finished request with every split it went through, and logs it if asked to.
pub(super) fn record(observer: &Observer, down: &Downstream, ctx: &Context) {
    let status = down.session.response_written().map_or(CLIENT_LEFT, |response| response.status.as_u16());
    let duration = ctx.started.elapsed();
    for split in ctx.hops.iter().filter_map(|hop| hop.split()) {
        split.traffic.series_or(|traffic| observer.metrics.claim(traffic)).record(status, duration);
    }
    let connection = &ctx.connection;
    if !connection.settings.access_log {
        return;
    }
    let request = down.request();
    let split = ctx.last_hop().and_then(|hop| hop.split());
    let ingress: Option<&ObjectKey> = ctx.hops.first().map(|hop| &hop.path.ingress.key);
    let revision = split.and_then(revision);
    AccessRecord {
        request_id: ctx.request_id.to_str().unwrap_or_default(),
        client: connection.peer,
        method: request.method.as_str(),
        host: ctx.host.to_str().unwrap_or_default(),
        path: request.uri.path_and_query().map_or("", |target| target.as_str()),
        protocol: &format!("{:?}", request.version),
        listener: connection.listener,
        ingress,
        service: split.map(|split| &*split.backend.key.service),
        revision,
        status,
        bytes_in: down.session.body_bytes_read() as u64,
        bytes_out: down.sent,
        duration,
        upstream_time: ctx.responded.map(|at: Instant| at.duration_since(ctx.started)),
        upstream: ctx.upstream,
        answer: ctx.answer,
    }
    .log();
}

/// The revision a split names, as Serving writes it.
fn revision(split: &Split) -> Option<&str> {
    let named = split.append_headers.iter().find(|(name, _)| name == "knative-serving-revision");
    named.and_then(|(_, value)| value.to_str().ok())
}
