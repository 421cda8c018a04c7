//! Messages of `demo.Echo` on the wire (gRPC over HTTP2, "Length-Prefixed-Message").

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message as _;

/// Bytes of one message at most.
pub(super) const LARGEST: usize = 4 << 20;

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// The only message of `demo.Echo`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Message {
    /// What is echoed.
    #[prost(string, tag = "1")]
    pub text: String,
}

/// Bytes that are no message of `demo.Echo`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// A compressed message.
    #[error("a compressed message; send it without grpc-encoding")]
    Compressed,
    /// More bytes than are read.
    #[error("a message of {0} bytes; send at most {LARGEST}")]
    TooLarge(usize),
    /// Bytes that are no protobuf message with one string.
    #[error("no message of demo.Echo: {0}")]
    Encoding(#[from] prost::DecodeError),
}

/// A message as gRPC sends it.
pub fn frame(message: &Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    bytes.put_slice(&message.encode_to_vec());
    bytes.freeze()
}

impl Message {
    /// Cuts the first whole message off; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the bytes are no message, a compressed one, or one that is too large.
    pub fn cut(bytes: &mut BytesMut) -> Result<Option<Self>, BadMessage> {
        let Some(mut prefix) = bytes.get(..PREFIX) else { return Ok(None) };
        let (compressed, length) = (prefix.get_u8() != 0, prefix.get_u32() as usize);
        if compressed {
            return Err(BadMessage::Compressed);
        }
        if length > LARGEST {
            return Err(BadMessage::TooLarge(length));
        }
        if bytes.len() < PREFIX + length {
            return Ok(None);
        }
        bytes.advance(PREFIX);
        Ok(Some(Self::decode(bytes.split_to(length))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_where_they_end() {
        let message = Message { text: "hello".to_owned() };
        let whole = frame(&message);
        let mut bytes = BytesMut::from(&whole[..3]);
        assert_eq!(Message::cut(&mut bytes), Ok(None));
        bytes.extend_from_slice(&whole[3..]);
        bytes.extend_from_slice(&whole);
        assert_eq!(Message::cut(&mut bytes), Ok(Some(message.clone())));
        assert_eq!(Message::cut(&mut bytes), Ok(Some(message)));
        assert_eq!(Message::cut(&mut bytes), Ok(None));
    }

    #[test]
    fn what_is_no_message_is_refused_before_it_is_read() {
        let cut = |bytes: &[u8]| Message::cut(&mut BytesMut::from(bytes));
        assert_eq!(cut(&[1, 0, 0, 0, 9]), Err(BadMessage::Compressed));
        assert_eq!(cut(&[0, 1, 0, 0, 0]), Err(BadMessage::TooLarge(1 << 24)));
        // Field 1 as a varint, where a string belongs.
        assert!(matches!(cut(&[0, 0, 0, 0, 2, 8, 1]), Err(BadMessage::Encoding(_))));
    }
}
