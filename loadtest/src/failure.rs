//! Why a request has no answer.

use std::io;

/// The kinds of errors that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The host's name has no address.
    Resolve,
    /// Nobody listens there.
    ConnectRefused,
    /// Another failure to connect.
    Connect,
    /// No TLS session, or a certificate that is not accepted.
    Tls,
    /// The other side reset the connection or the stream.
    Reset,
    /// The connection ended before the answer did.
    Closed,
    /// No answer in time.
    Timeout,
    /// Bytes that are no answer of the protocol, or an echo that differs.
    BadResponse,
    /// A gRPC status other than 0.
    GrpcStatus,
}

impl Kind {
    /// Its name in reports; stable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::ConnectRefused => "connect_refused",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::BadResponse => "bad_response",
            Self::GrpcStatus => "grpc_status",
        }
    }
}

/// A request that has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// Nothing of the request was processed, so that it may be sent again.
    pub(crate) unprocessed: bool,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), unprocessed: false }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(Kind::BadResponse, message)
    }

    /// The connection ended where an answer should be.
    pub(crate) fn closed() -> Self {
        Self::new(Kind::Closed, "connection closed before the end of the answer")
    }

    /// An error while connecting to `to`.
    pub(crate) fn connect(to: &str, error: &io::Error) -> Self {
        let kind = if error.kind() == io::ErrorKind::ConnectionRefused { Kind::ConnectRefused } else { Kind::Connect };
        Self::new(kind, format!("connect {to}: {error}"))
    }
}

/// An error of an open connection.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
                Kind::Reset
            }
            io::ErrorKind::UnexpectedEof => Kind::Closed,
            io::ErrorKind::InvalidData => Kind::Tls,
            _ => Kind::Connect,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<h2::Error> for Failure {
    fn from(error: h2::Error) -> Self {
        let unprocessed = error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM);
        let message = format!("HTTP/2: {error}");
        if error.is_io() {
            return error.into_io().map_or_else(|| Self::new(Kind::Reset, message), Self::from);
        }
        let kind = if error.is_remote() { Kind::Reset } else { Kind::BadResponse };
        Self { kind, message, unprocessed }
    }
}
