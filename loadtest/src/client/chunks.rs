//! The chunked transfer coding, as bytes come (RFC 9112 §7.1).

use crate::failure::Failure;

/// Where in the coding the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// Before the first digit of a size.
    #[default]
    Begin,
    /// Among the digits of a size.
    Size(u64),
    /// In a chunk's extensions.
    Extension(u64),
    /// In its data, of which so much is left.
    Data(u64),
    /// In the line end after data.
    DataEnd,
    /// In the trailers; whether the line has anything in it yet.
    Trailer(bool),
}

impl Chunks {
    /// Reads on and hands the data over; at the end how many bytes belonged to the body.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut data: impl FnMut(&[u8])) -> Result<Option<usize>, Failure> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if let Self::Data(left) = *self {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                data(&bytes[at..at + take]);
                at += take;
                let left = left - take as u64;
                *self = if left == 0 { Self::DataEnd } else { Self::Data(left) };
                continue;
            }
            at += 1;
            match self.step(byte)? {
                Some(next) => *self = next,
                None => return Ok(Some(at)),
            }
        }
        Ok(None)
    }

    /// What comes after a byte of framing; `None` at the end.
    fn step(self, byte: u8) -> Result<Option<Self>, Failure> {
        let bad = || Failure::bad("a chunk without a size, or longer than its size");
        Ok(Some(match (self, byte) {
            (Self::Begin, _) => Self::Size(digit(byte).ok_or_else(bad)?),
            (Self::Size(size) | Self::Extension(size), b'\n') => {
                if size == 0 {
                    Self::Trailer(false)
                } else {
                    Self::Data(size)
                }
            }
            (Self::Size(size), b'\r' | b';' | b' ' | b'\t') | (Self::Extension(size), _) => Self::Extension(size),
            (Self::Size(size), _) => {
                let size = size.checked_mul(16).ok_or_else(bad)?;
                Self::Size(size + digit(byte).ok_or_else(bad)?)
            }
            (Self::DataEnd, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => Self::Begin,
            (Self::DataEnd | Self::Data(_), _) => return Err(bad()),
            (Self::Trailer(false), b'\n') => return Ok(None),
            (Self::Trailer(_), b'\n') => Self::Trailer(false),
            (Self::Trailer(begun), b'\r') => Self::Trailer(begun),
            (Self::Trailer(_), _) => Self::Trailer(true),
        }))
    }
}

fn digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_told_from_framing() {
        let cases = [
            ("0\r\n\r\n", Some(("", ""))),
            ("3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", Some(("abc0123456789", ""))),
            ("1\r\na\r\n0\r\nX-A: b\r\nX-C: d\r\n\r\nrest", Some(("a", "rest"))),
            ("g\r\n", None),
            ("\r\n", None),
            ("1\r\nab\r\n", None),
            ("11111111111111111\r\n", None),
        ];
        for (text, wanted) in cases {
            let (mut chunks, mut data) = (Chunks::default(), Vec::new());
            let read = chunks.feed(text.as_bytes(), |piece| data.extend_from_slice(piece));
            let read = read.ok().flatten().map(|read| (std::str::from_utf8(&data).unwrap(), &text[read..]));
            assert_eq!(read, wanted, "{text:?}");
        }
    }

    #[test]
    fn a_body_that_is_not_over_asks_for_more() {
        assert_eq!(Chunks::default().feed(b"3\r\nab", |_| ()), Ok(None));
    }
}
