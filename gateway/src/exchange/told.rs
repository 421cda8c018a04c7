//! What logs may tell of an error.

use std::fmt;

use pingora_error::{Error, ErrorType};

/// An error without what a peer has sent: Pingora puts the whole head into the error of one it cannot parse, and heads
/// have secrets and any length.
pub(super) struct Told<'a>(pub(super) &'a Error);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Some(cause) if *self.0.etype() == ErrorType::InvalidHTTPHeader => {
                write!(f, "{} {}: {cause}", self.0.esource().as_str(), self.0.etype().as_str())
            }
            _ => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_has_sent_is_not_told() {
        let cause = std::io::Error::other("invalid HTTP version");
        let invalid = Error::because(ErrorType::InvalidHTTPHeader, "buf: set-cookie: secret", cause).into_up();
        assert_eq!(Told(&invalid).to_string(), "Upstream InvalidHTTPHeader: invalid HTTP version");
        let refused = Error::explain(ErrorType::ConnectError, "to 192.0.2.1:80").into_up();
        assert!(Told(&refused).to_string().contains("192.0.2.1"));
    }
}
