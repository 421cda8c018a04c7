//! Whether a failed try may be repeated, and what to tell the client if it is not.

use std::io;

use pingora_error::{Error, ErrorSource, ErrorType};
use pingora_http::RequestHeader;

use crate::observe::answers::Reason;
use crate::observe::metrics::ConnectFailure;
use crate::upstream;

/// Tries at upstreams for one request, the first included.
pub(super) const MOST_ATTEMPTS: usize = 3;

/// Whether a request that may have reached an upstream can be sent once more: an idempotent method
/// (RFC 9110 §9.2.2) whose body, if any, is still known from its first byte.
pub(super) fn is_safe(request: &RequestHeader, body_is_lost: bool) -> bool {
    request.method.is_idempotent() && !body_is_lost
}

/// Whether the error is of the kind a repetition can cure: a kept connection that turned out to be closed, a stream
/// the upstream has refused, or, where there are `others` to ask, an endpoint that has closed without an answer.
pub(super) fn asked_for(error: &mut Error, connection_was_kept: bool, others: bool) -> bool {
    error.retry.decide_reuse(connection_was_kept);
    error.retry() || (others && reason(error, false) == Some(Reason::UpstreamClosed))
}

/// The answer to a request that failed; `None` when there is nobody left to answer.
pub(super) fn reason(error: &Error, unconnected: bool) -> Option<Reason> {
    if unconnected {
        return Some(match upstream::failure(error) {
            ConnectFailure::Tls => Reason::UpstreamUntrusted,
            ConnectFailure::Ports | ConnectFailure::Files => Reason::Exhausted,
            ConnectFailure::Refused | ConnectFailure::Timeout => Reason::ConnectFailed,
        });
    }
    match (error.esource(), error.etype()) {
        // The client's own framing; anything else its stream fails with is that it has left.
        (ErrorSource::Downstream, ErrorType::ReadError) if is_invalid(error) => Some(Reason::BadRequest),
        (ErrorSource::Downstream, ErrorType::ReadTimedout) => Some(Reason::BodyTimeout),
        (ErrorSource::Upstream, ErrorType::ReadTimedout | ErrorType::WriteTimedout) => Some(Reason::UpstreamTimeout),
        (ErrorSource::Upstream, ErrorType::InvalidHTTPHeader | ErrorType::InvalidH2) => Some(Reason::UpstreamInvalid),
        (ErrorSource::Upstream, _) if is_invalid(error) || is_broken_off(error) => Some(Reason::UpstreamInvalid),
        (ErrorSource::Upstream, _) => Some(Reason::UpstreamClosed),
        (
            ErrorSource::Downstream,
            ErrorType::WriteError
            | ErrorType::WriteTimedout
            | ErrorType::ReadError
            | ErrorType::ConnectionClosed
            | ErrorType::H2Error,
        ) => None,
        (ErrorSource::Downstream, _) => Some(Reason::BadRequest),
        (ErrorSource::Internal | ErrorSource::Unset, _) => Some(Reason::Internal),
    }
}

/// Whether the client took too little of its response.
pub(super) fn is_stalled_client(error: &Error) -> bool {
    matches!((error.esource(), error.etype()), (ErrorSource::Downstream, ErrorType::WriteTimedout))
}

fn is_invalid(error: &Error) -> bool {
    let cause = error.root_cause().downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::InvalidData)
}

/// Whether the `h2` crate has broken off because of what the peer sent.
fn is_broken_off(error: &Error) -> bool {
    error.root_cause().downcast_ref::<h2::Error>().is_some_and(h2::Error::is_library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_idempotent_request_whose_body_is_known_is_sent_twice() {
        for (method, lost, safe) in
            [("GET", false, true), ("PUT", false, true), ("GET", true, false), ("POST", false, false)]
        {
            let request = RequestHeader::build(method, b"/", None).unwrap();
            assert_eq!(is_safe(&request, lost), safe, "{method} {lost}");
        }
    }

    #[test]
    fn every_failure_has_its_answer() {
        let error = |kind: ErrorType, source: fn(Box<Error>) -> Box<Error>| source(Error::new(kind));
        for (failure, unconnected, wanted) in [
            (error(ErrorType::ConnectRefused, Error::into_up), true, Some(Reason::ConnectFailed)),
            (error(ErrorType::TLSHandshakeFailure, Error::into_up), true, Some(Reason::UpstreamUntrusted)),
            (error(ErrorType::BindError, Error::into_up), true, Some(Reason::Exhausted)),
            (error(ErrorType::SocketError, Error::into_up), true, Some(Reason::Exhausted)),
            (error(ErrorType::ReadTimedout, Error::into_up), false, Some(Reason::UpstreamTimeout)),
            (error(ErrorType::ConnectionClosed, Error::into_up), false, Some(Reason::UpstreamClosed)),
            (error(ErrorType::InvalidHTTPHeader, Error::into_up), false, Some(Reason::UpstreamInvalid)),
            (error(ErrorType::ConnectionClosed, Error::into_down), false, None),
            (error(ErrorType::InvalidHTTPHeader, Error::into_down), false, Some(Reason::BadRequest)),
            (error(ErrorType::InternalError, Error::into_in), false, Some(Reason::Internal)),
        ] {
            assert_eq!(reason(&failure, unconnected), wanted, "{failure}");
        }
    }
}
