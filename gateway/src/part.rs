//! What an upstream's response comes in, whichever protocol it speaks.

use bytes::Bytes;
use http::HeaderMap;
use pingora_http::ResponseHeader;

/// A part of a response.
pub(crate) enum Part {
    /// A head; `true` when that is all.
    Head(Box<ResponseHeader>, bool),
    /// Some of the body; `true` when it is the last.
    Body(Bytes, bool),
    /// What HTTP/2 tells after a body.
    Trailers(Box<HeaderMap>),
    /// Nothing more.
    End,
}

impl Part {
    /// Whether the response ends with it.
    pub(crate) fn is_end(&self) -> bool {
        match self {
            Self::Head(_, end) | Self::Body(_, end) => *end,
            Self::Trailers(_) | Self::End => true,
        }
    }
}
