//! Bodies: where they end when read (RFC 9112 §6.3), and how they are framed when written.

use std::io;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue};

use super::chunks::{BadChunk, ChunkScanner};
use super::stream::Stream;

/// What is still to be read of a body.
#[derive(Debug)]
pub(crate) enum Decoder {
    /// So many bytes, one at least.
    Length(u64),
    /// Chunks, up to the last one.
    Chunked(ChunkScanner),
    /// Everything until the peer closes.
    UntilClose,
    /// Nothing.
    Done,
}

impl Decoder {
    /// A body of so many bytes.
    pub(crate) fn of_length(length: u64) -> Self {
        if length == 0 { Self::Done } else { Self::Length(length) }
    }

    /// A body of chunks.
    pub(crate) fn chunked() -> Self {
        Self::Chunked(ChunkScanner::default())
    }

    /// Whether nothing more is to be read.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Bytes that are certain to come.
    pub(super) fn certain(&self) -> u64 {
        match self {
            Self::Length(left) => *left,
            Self::Chunked(scanner) => scanner.left(),
            Self::UntilClose | Self::Done => 0,
        }
    }

    /// The next data among the bytes that wait, if there are any.
    ///
    /// # Errors
    /// When the body is not framed as it should be.
    pub(super) fn next(&mut self, waiting: &mut BytesMut) -> Result<Option<Bytes>, BadChunk> {
        let length = match self {
            Self::Length(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(waiting.len());
                *left -= length as u64;
                length
            }
            Self::Chunked(scanner) => {
                let _ = waiting.split_to(scanner.frame(waiting)?);
                scanner.data(waiting.len())
            }
            Self::UntilClose => waiting.len(),
            Self::Done => 0,
        };
        let data = (length > 0).then(|| waiting.split_to(length).freeze());
        self.end(waiting)?;
        if waiting.is_empty() && self.is_done() {
            // What waits for the next message keeps no buffer of this one's.
            *waiting = BytesMut::new();
        }
        Ok(data)
    }

    /// Notes the end as soon as it is there, so that it can be told with the last data.
    fn end(&mut self, waiting: &mut BytesMut) -> Result<(), BadChunk> {
        let ended = match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(scanner) => {
                let _ = waiting.split_to(scanner.frame(waiting)?);
                scanner.done()
            }
            Self::UntilClose | Self::Done => false,
        };
        if ended {
            *self = Self::Done;
        }
        Ok(())
    }
}

/// What is still to be written of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Encoder {
    /// So many bytes.
    Length(u64),
    /// Chunks, up to the last one.
    Chunked,
    /// Everything until we close.
    UntilClose,
    /// Nothing: the message has no body, or all of it was written.
    Done,
}

impl Encoder {
    /// How the headers of a message say that its body is framed; `None` if they do not.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        if headers.contains_key(TRANSFER_ENCODING) {
            return Some(Self::Chunked);
        }
        headers.get(CONTENT_LENGTH).and_then(digits).map(Self::Length)
    }

    /// Writes some of the body.
    ///
    /// # Errors
    /// When the peer takes no more, or the body is longer than its head has said.
    pub(super) async fn write(&mut self, stream: &mut Stream, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or_else(|| told("longer"))?;
                stream.write(data).await
            }
            Self::Chunked if data.is_empty() => Ok(()),
            Self::Chunked => {
                stream.keep(|kept| size(kept, data.len()))?;
                stream.write(data).await?;
                stream.keep(|kept| kept.extend_from_slice(b"\r\n"))
            }
            Self::UntilClose => stream.write(data).await,
            // A message that has no body (RFC 9110 §6.4.1), whatever somebody gives it.
            Self::Done => Ok(()),
        }
    }

    /// Ends the body, and begins to send what was written.
    ///
    /// # Errors
    /// When the peer takes no more, or the body is shorter than its head has said.
    pub(super) async fn finish(&mut self, stream: &mut Stream) -> io::Result<()> {
        match std::mem::replace(self, Self::Done) {
            Self::Length(left) if left > 0 => return Err(told("shorter")),
            Self::Chunked => stream.keep(|kept| kept.extend_from_slice(b"0\r\n\r\n"))?,
            Self::Length(_) | Self::UntilClose | Self::Done => {}
        }
        stream.flush().await
    }
}

fn told(how: &str) -> io::Error {
    io::Error::other(format!("the body is {how} than its head has said"))
}

/// The line before a chunk.
fn size(kept: &mut Vec<u8>, length: usize) {
    use io::Write;
    // A vector takes every byte.
    let _ = write!(kept, "{length:x}\r\n");
}

/// A number of ASCII digits only: no sign, no list (RFC 9110 §8.6).
fn digits(value: &HeaderValue) -> Option<u64> {
    super::scan::digits(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_known_with_the_last_data() {
        for (mut body, bytes, parts, rest) in [
            (Decoder::of_length(3), "abcd", vec!["abc"], "d"),
            (Decoder::chunked(), "1\r\na\r\n2\r\nbc\r\n0\r\n\r\nd", vec!["a", "bc"], "d"),
            (Decoder::of_length(0), "d", vec![], "d"),
        ] {
            let mut waiting = BytesMut::from(bytes);
            for part in parts {
                assert!(!body.is_done());
                assert_eq!(body.next(&mut waiting).unwrap().unwrap(), part);
            }
            assert!(body.is_done());
            assert_eq!(body.next(&mut waiting).unwrap(), None);
            assert_eq!(waiting, rest);
        }
    }
}
