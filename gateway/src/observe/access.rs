//! The access log: one event a request, off by default.
//!
//! An event costs what the subscriber's writer costs: give it one that hands lines to another
//! thread, or a slow terminal slows requests down.

use std::net::SocketAddr;
use std::time::Duration;

use net_pingora_routing::ObjectKey;

use super::answers::Reason;

/// Target of the events, to filter by.
pub const TARGET: &str = "access";

/// What one request was and how it went.
#[derive(Clone, Copy, Debug)]
pub struct AccessRecord<'a> {
    /// `X-Request-Id`, the client's or ours.
    pub request_id: &'a str,
    /// The client, as the trusted hops tell it.
    pub client: SocketAddr,
    /// Method of the request.
    pub method: &'a str,
    /// Host header or `:authority`, as sent.
    pub host: &'a str,
    /// Path and query, as sent.
    pub path: &'a str,
    /// Protocol of the client's side: `HTTP/1.1`, `HTTP/2`.
    pub protocol: &'a str,
    /// Name of the listener.
    pub listener: &'static str,
    /// The KIngress that served it.
    pub ingress: Option<&'a ObjectKey>,
    /// The Service of the drawn split.
    pub service: Option<&'a str>,
    /// The revision the split names in `Knative-Serving-Revision`.
    pub revision: Option<&'a str>,
    /// Status the client got.
    pub status: u16,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the response's body.
    pub bytes_out: u64,
    /// From the end of the request's head to the end of the response.
    pub duration: Duration,
    /// From the end of the request's head to the upstream's response head.
    pub upstream_time: Option<Duration>,
    /// The endpoint that answered, or the last one tried.
    pub upstream: Option<SocketAddr>,
    /// How long it has waited for a pod, if its revision is served through us.
    pub held: Option<Duration>,
    /// Why the gateway answered itself, if it did.
    pub answer: Option<Reason>,
}

impl AccessRecord<'_> {
    /// Writes the line. Absent fields are left out.
    pub fn log(&self) {
        tracing::info!(
            target: TARGET,
            request_id = self.request_id,
            client = %self.client,
            method = self.method,
            host = self.host,
            path = self.path,
            protocol = self.protocol,
            listener = self.listener,
            ingress = self.ingress.map(tracing::field::display),
            service = self.service,
            revision = self.revision,
            status = self.status,
            bytes_in = self.bytes_in,
            bytes_out = self.bytes_out,
            duration_ms = millis(self.duration),
            upstream_ms = self.upstream_time.map(millis),
            upstream = self.upstream.map(tracing::field::display),
            held_ms = self.held.map(millis),
            answer = self.answer.map(Reason::name),
            "request"
        );
    }
}

/// Milliseconds with their fraction, to the microsecond.
fn millis(duration: Duration) -> f64 {
    Duration::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)).as_secs_f64() * 1e3
}
