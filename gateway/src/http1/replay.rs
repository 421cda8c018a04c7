//! The beginning of a request's body, for as long as another upstream may have to be told it.

use bytes::{Bytes, BytesMut};

/// Bytes that are known; Pingora knows as many of an HTTP/2 request.
const MOST: usize = 64 * 1024;

/// What was read of a body.
#[derive(Debug)]
pub(super) enum Replay {
    /// All of it.
    Known(BytesMut),
    /// More than is kept.
    Lost,
}

impl Replay {
    pub(super) fn add(&mut self, data: &Bytes) {
        if let Self::Known(known) = self {
            if known.len() + data.len() <= MOST {
                known.extend_from_slice(data);
            } else {
                *self = Self::Lost;
            }
        }
    }

    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Lost)
    }

    /// What was read so far.
    pub(super) fn known(&self) -> Option<Bytes> {
        match self {
            Self::Known(known) if !known.is_empty() => Some(Bytes::copy_from_slice(known)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_known_until_it_is_too_long() {
        let mut replay = Replay::Known(BytesMut::new());
        assert_eq!(replay.known(), None);
        replay.add(&Bytes::from(vec![b'x'; MOST - 1]));
        replay.add(&Bytes::from_static(b"y"));
        assert!(replay.known().is_some_and(|known| known.len() == MOST && known.ends_with(b"xy")));
        replay.add(&Bytes::from_static(b"z"));
        assert!(replay.is_lost() && replay.known().is_none());
    }
}
