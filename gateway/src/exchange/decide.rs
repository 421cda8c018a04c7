//! What to do with a request: routing, once more for every hop to our own internal Service.

use net_pingora_routing::{Decision, Listener, Match, Request, TableCell, Target, route};
use pingora_http::RequestHeader;
use smallvec::SmallVec;

use super::headers;
use super::probes::{self, ProbeAnswer};
use crate::front::Connection;
use crate::observe::answers::Reason;

/// Hops to our own internal Service before a request counts as going in circles.
const MOST_HOPS: usize = 4;

/// The path and split of every hop; the usual one needs no allocation.
pub(super) type Hops = SmallVec<[Match; 1]>;

/// What to do with a request.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Send it to the backend of the last hop.
    Forward(Hops),
    /// Answer 301 with this Location.
    Redirect(String),
    /// Answer a probe ourselves.
    Probed(ProbeAnswer),
    /// Answer with an error.
    Refuse(Reason),
}

/// Routes a request. What the paths and splits of its way give it, it has after this, but for the
/// last hop: the request is copied for every upstream that is tried, and the copy gets it.
pub(super) fn decide(table: &TableCell, connection: &Connection, request: &mut RequestHeader) -> Verdict {
    let mut hops = Hops::new();
    let mut listener = connection.kind;
    let mut tls = connection.tls;
    loop {
        let hop = match one(table, listener, tls, request) {
            Decision::Forward(hop) => hop,
            Decision::Redirect(_) => return redirect(request),
            Decision::NotFound(miss) => return Verdict::Refuse(miss.into()),
        };
        let Some(split) = hop.split() else { return Verdict::Refuse(Reason::Internal) };
        match &split.backend.upstream().target {
            Target::Internal => {}
            Target::Revision(pods) if probes::is_probe(request) && pods.is_cold() => {
                return probes::of_route(request, &hop.path);
            }
            _ => {
                hops.push(hop);
                return Verdict::Forward(hops);
            }
        }
        let mut parts = request.as_owned_parts();
        if headers::of_route(&mut parts, &hop.path, split).is_err() {
            return Verdict::Refuse(Reason::BadRequest);
        }
        *request = RequestHeader::from(parts);
        hops.push(hop);
        if hops.len() > MOST_HOPS {
            return Verdict::Refuse(Reason::Loop);
        }
        (listener, tls) = (Listener::Internal, false);
    }
}

fn one(table: &TableCell, listener: Listener, tls: bool, request: &RequestHeader) -> Decision {
    let asked =
        Request { listener, tls, host: headers::host(request), path: request.uri.path(), headers: &request.headers };
    route(&table.load(), &asked, fastrand::u32(..))
}

/// RFC 9110 §15.4.2; `:80` is the only port that cannot be right for HTTPS.
fn redirect(request: &RequestHeader) -> Verdict {
    let host = headers::host(request);
    let host = host.strip_suffix(":80").unwrap_or(host);
    let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
    Verdict::Redirect(format!("https://{host}{target}"))
}
