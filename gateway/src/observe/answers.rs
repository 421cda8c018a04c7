//! Answers the gateway makes itself: why, and their log.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use net_pingora_routing::{Miss, Missing};

/// Why the gateway answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No rule names the host.
    UnknownHost,
    /// Only internal listeners serve the host.
    OtherListener,
    /// No path of the host is a prefix of the request's.
    NoPath,
    /// A path matches, its headers do not.
    NoHeaders,
    /// Plain HTTP where the KIngress wants HTTPS.
    Redirect,
    /// The split's Service does not exist.
    NoService,
    /// The split's Service has no such port.
    NoPort,
    /// The split's Service has no ready endpoint.
    NoEndpoints,
    /// The ExternalName host does not resolve.
    NameUnresolved,
    /// No endpoint that was tried takes a connection.
    ConnectFailed,
    /// The gateway has no port or file left to connect with.
    Exhausted,
    /// The endpoint does not prove to be who it should be.
    UpstreamUntrusted,
    /// The endpoint is to prove who it is, and nobody is trusted to vouch for it.
    NoAuthority,
    /// The endpoint closed the connection before a response.
    UpstreamClosed,
    /// The endpoint's response is no HTTP.
    UpstreamInvalid,
    /// The endpoint said nothing in time.
    UpstreamTimeout,
    /// The request was routed to ourselves too often.
    Loop,
    /// The request is no HTTP we speak.
    BadRequest,
    /// The request's body has a transfer coding beside `chunked` (RFC 9112 §6.1).
    TransferCoding,
    /// CONNECT: this is no forward proxy.
    Connect,
    /// Host is missing or doubled.
    BadHost,
    /// The request's head did not arrive in time.
    HeadTimeout,
    /// The request's body did not arrive fast enough.
    BodyTimeout,
    /// The request's target is longer than the limit.
    UriTooLong,
    /// The request's head is longer, or has more headers, than the limit.
    HeadTooLarge,
    /// As many requests are in flight as the limit allows.
    Overloaded,
    /// As many requests wait for a pod as may.
    HoldFull,
    /// No pod of the revision could take the request in time.
    HoldTimeout,
    /// A fault of the gateway.
    Internal,
}

impl Reason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; 29] = [
        Self::UnknownHost,
        Self::OtherListener,
        Self::NoPath,
        Self::NoHeaders,
        Self::Redirect,
        Self::NoService,
        Self::NoPort,
        Self::NoEndpoints,
        Self::NameUnresolved,
        Self::ConnectFailed,
        Self::Exhausted,
        Self::UpstreamUntrusted,
        Self::NoAuthority,
        Self::UpstreamClosed,
        Self::UpstreamInvalid,
        Self::UpstreamTimeout,
        Self::Loop,
        Self::BadRequest,
        Self::TransferCoding,
        Self::Connect,
        Self::BadHost,
        Self::HeadTimeout,
        Self::BodyTimeout,
        Self::UriTooLong,
        Self::HeadTooLarge,
        Self::Overloaded,
        Self::HoldFull,
        Self::HoldTimeout,
        Self::Internal,
    ];

    /// Name in logs and metrics.
    pub const fn name(self) -> &'static str {
        self.facts().1
    }

    /// Status of the answer.
    pub const fn status(self) -> u16 {
        self.facts().0
    }

    /// What the client is told, in printable ASCII: the exact reason is for the log.
    pub const fn text(self) -> &'static str {
        match self.status() {
            301 => "moved to https",
            400 => "malformed request",
            404 => "no route for this request",
            405 => "method not allowed",
            408 => "the request took too long",
            414 => "the request's target is too long",
            431 => "the request's head is too large",
            501 => "unknown transfer coding",
            502 => "the backend's response is not HTTP",
            503 => "no backend can take this request",
            504 => "the backend took too long",
            508 => "the route leads back to itself",
            _ => "internal error",
        }
    }

    /// The status a gRPC client gets (gRPC's http-grpc-status-mapping, but for what ran out of time).
    pub const fn grpc_status(self) -> u8 {
        match self.status() {
            404 => 12,
            504 => 4,
            502 | 503 => 14,
            _ => 13,
        }
    }

    /// Status and name.
    const fn facts(self) -> (u16, &'static str) {
        match self {
            Self::UnknownHost => (404, "unknown_host"),
            Self::OtherListener => (404, "other_listener"),
            Self::NoPath => (404, "no_path"),
            Self::NoHeaders => (404, "no_headers"),
            Self::Redirect => (301, "redirect"),
            Self::NoService => (503, "no_service"),
            Self::NoPort => (503, "no_port"),
            Self::NoEndpoints => (503, "no_endpoints"),
            Self::NameUnresolved => (503, "name_unresolved"),
            Self::ConnectFailed => (503, "connect_failed"),
            Self::Exhausted => (503, "exhausted"),
            Self::UpstreamUntrusted => (503, "upstream_untrusted"),
            Self::NoAuthority => (503, "no_authority"),
            Self::UpstreamClosed => (503, "upstream_closed"),
            Self::UpstreamInvalid => (502, "upstream_invalid"),
            Self::UpstreamTimeout => (504, "upstream_timeout"),
            Self::Loop => (508, "loop"),
            Self::BadRequest => (400, "bad_request"),
            Self::TransferCoding => (501, "transfer_coding"),
            Self::Connect => (405, "connect"),
            Self::BadHost => (400, "bad_host"),
            Self::HeadTimeout => (408, "head_timeout"),
            Self::BodyTimeout => (408, "body_timeout"),
            Self::UriTooLong => (414, "uri_too_long"),
            Self::HeadTooLarge => (431, "head_too_large"),
            Self::Overloaded => (503, "overloaded"),
            Self::HoldFull => (503, "hold_full"),
            Self::HoldTimeout => (504, "hold_timeout"),
            Self::Internal => (500, "internal"),
        }
    }
}

impl From<Miss> for Reason {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::UnknownHost => Self::UnknownHost,
            Miss::OtherListener => Self::OtherListener,
            Miss::NoPath => Self::NoPath,
            Miss::NoHeaders => Self::NoHeaders,
        }
    }
}

impl From<Missing> for Reason {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Service => Self::NoService,
            Missing::Port => Self::NoPort,
        }
    }
}

/// One answer of the gateway's own.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// Why.
    pub reason: Reason,
    /// The error behind it, if there is one.
    pub detail: Option<&'a dyn Display>,
    /// Host header or `:authority`, as sent.
    pub host: &'a str,
    /// Path, as sent.
    pub path: &'a str,
    /// Name of the listener.
    pub listener: &'static str,
    /// `X-Request-Id`, the client's or ours.
    pub request_id: &'a str,
}

/// The log of own answers: at most 10 a second for each reason. Writing takes no lock of ours.
#[derive(Debug)]
pub struct AnswerLog {
    start: Instant,
    allowances: [Allowance; Reason::ALL.len()],
}

impl Default for AnswerLog {
    fn default() -> Self {
        Self { start: Instant::now(), allowances: Default::default() }
    }
}

impl AnswerLog {
    /// Logs the answer, or counts it for the next line of the same reason.
    pub fn log(&self, answer: &Answer<'_>) {
        let allowance = self.allowances.get(answer.reason as usize);
        let Some(suppressed) = allowance.and_then(|allowance| allowance.take(self.start.elapsed())) else { return };
        tracing::info!(
            reason = answer.reason.name(),
            status = answer.reason.status(),
            detail = answer.detail.map(tracing::field::display),
            host = answer.host,
            path = answer.path,
            listener = answer.listener,
            request_id = answer.request_id,
            suppressed,
            "answered by the gateway"
        );
    }
}

/// One line every 100 ms on average ...
const INTERVAL_NANOS: u64 = 100_000_000;
/// ... and up to ten at once.
const BURST: u64 = 10;

/// A token bucket as one number: the time at which it is full again (GCRA, ITU-T I.371).
#[derive(Debug, Default)]
struct Allowance {
    full_at: AtomicU64,
    suppressed: AtomicU64,
}

impl Allowance {
    /// `Some` when a line may be written at `now`, with the number of those that were not.
    fn take(&self, now: Duration) -> Option<u64> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let latest = now.saturating_add((BURST - 1) * INTERVAL_NANOS);
        let spend = |full_at: u64| (full_at <= latest).then(|| full_at.max(now).saturating_add(INTERVAL_NANOS));
        if self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok() {
            return Some(self.suppressed.swap(0, Ordering::Relaxed));
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_lines_at_once_then_ten_a_second_and_the_next_tells_what_was_left_out() {
        let allowance = Allowance::default();
        for (at_millis, asked, written, told) in
            [(0, 25, 10, 0), (99, 1, 0, 0), (100, 3, 1, 16), (1_100, 12, 10, 2), (60_000, 11, 10, 2)]
        {
            let lines: Vec<_> = (0..asked).filter_map(|_| allowance.take(Duration::from_millis(at_millis))).collect();
            assert_eq!((lines.len(), lines.iter().sum::<u64>()), (written, told), "at {at_millis} ms");
        }
    }

    #[test]
    fn every_reason_has_its_own_place_and_name_and_a_plain_text() {
        let mut names = std::collections::HashSet::new();
        for (at, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at, "{reason:?}");
            assert!(names.insert(reason.name()), "{reason:?}");
            assert!(reason.text().bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'%'), "{reason:?}");
        }
    }
}
