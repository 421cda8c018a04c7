//! Counts gRPC's messages as bytes come ("Length-Prefixed-Message").

use crate::failure::Failure;

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Messages seen so far.
#[derive(Debug, Default)]
pub(super) struct Messages {
    prefix: [u8; PREFIX],
    /// Bytes of the prefix that are there.
    begun: usize,
    /// Bytes of the message that are not.
    left: usize,
    count: u64,
}

impl Messages {
    /// Messages that have begun, their prefix being complete.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether no message is in the middle.
    pub(super) fn are_whole(&self) -> bool {
        self.begun == 0 && self.left == 0
    }

    /// Reads on.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let take = self.left.min(bytes.len());
                self.left -= take;
                bytes = &bytes[take..];
                continue;
            }
            let take = (PREFIX - self.begun).min(bytes.len());
            self.prefix[self.begun..self.begun + take].copy_from_slice(&bytes[..take]);
            self.begun += take;
            bytes = &bytes[take..];
            if self.begun == PREFIX {
                let [compressed, length @ ..] = self.prefix;
                if compressed > 1 {
                    return Err(Failure::bad("bytes that are no gRPC message"));
                }
                self.left = u32::from_be_bytes(length) as usize;
                self.begun = 0;
                self.count += 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_however_they_are_cut() {
        let bytes = [&[0, 0, 0, 0, 2][..], b"ab", &[0, 0, 0, 0, 0], &[1, 0, 0, 0, 1], b"c"].concat();
        for size in 1..=bytes.len() {
            let mut messages = Messages::default();
            for piece in bytes.chunks(size) {
                messages.feed(piece).unwrap();
            }
            assert_eq!((messages.count(), messages.are_whole()), (3, true), "pieces of {size}");
        }
    }

    #[test]
    fn a_message_in_the_middle_is_not_whole() {
        for (bytes, count) in [(&[0][..], 0), (&[0, 0, 0, 0, 2, 1], 1)] {
            let mut messages = Messages::default();
            messages.feed(bytes).unwrap();
            assert_eq!((messages.count(), messages.are_whole()), (count, false), "{bytes:?}");
        }
        assert!(Messages::default().feed(b"HTTP/").is_err());
    }
}
