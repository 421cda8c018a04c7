//! Where a chunked body ends (RFC 9112 §7.1), read along as the bytes pass.

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The size of a chunk; `digits` have been read.
    #[default]
    Size,
    /// An extension after the size, up to its CR.
    Extension,
    /// The LF after the size.
    SizeEnd,
    /// Bytes of the chunk.
    Data,
    /// The CR after the chunk.
    DataCr,
    /// The LF after the chunk.
    DataEnd,
    /// The first byte of a trailer line, or of the empty line that ends all.
    TrailerStart,
    /// Inside a trailer line, up to its CR.
    Trailer,
    /// The LF after a trailer line.
    TrailerEnd,
    /// The LF that ends all.
    LastLf,
    /// The body has ended.
    Done,
}

/// Bytes of chunk extensions and trailers together, before they count as an attack.
pub(super) const LONGEST_EXTRAS: usize = 16 * 1024;

/// A chunked body that is not framed as RFC 9112 §7.1 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request's chunked body is not framed as RFC 9112 section 7.1 asks")]
pub(super) struct BadChunk;

/// Follows a chunked body to its end.
#[derive(Clone, Debug, Default)]
pub(super) struct ChunkScanner {
    state: State,
    size: u64,
    digits: u8,
    extras: usize,
}

impl ChunkScanner {
    /// Whether the body has ended.
    pub(super) fn done(&self) -> bool {
        self.state == State::Done
    }

    /// Reads on; says how many of `bytes` belong to the body.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<usize, BadChunk> {
        let mut at = 0;
        while at < bytes.len() && !self.done() {
            if self.state == State::Data {
                at += self.skip_data(bytes.len() - at);
            } else if let Some(&byte) = bytes.get(at) {
                self.state = self.step(byte)?;
                at += 1;
            }
        }
        Ok(at)
    }

    fn skip_data(&mut self, available: usize) -> usize {
        let skip = usize::try_from(self.size).unwrap_or(usize::MAX).min(available);
        self.size -= skip as u64;
        if self.size == 0 {
            self.state = State::DataCr;
        }
        skip
    }

    fn step(&mut self, byte: u8) -> Result<State, BadChunk> {
        match (self.state, byte) {
            (State::Size, b'\r') if self.digits > 0 => Ok(State::SizeEnd),
            (State::Size, b';') if self.digits > 0 => Ok(State::Extension),
            (State::Size, _) => self.digit(byte),
            (State::Extension, b'\r') => Ok(State::SizeEnd),
            (State::Extension | State::TrailerStart | State::Trailer, b'\n') => Err(BadChunk),
            (State::Extension, _) => self.extra(State::Extension),
            (State::SizeEnd, b'\n') => Ok(self.chunk_begins()),
            (State::DataCr, b'\r') => Ok(State::DataEnd),
            (State::DataEnd, b'\n') => Ok(State::Size),
            (State::TrailerStart, b'\r') => Ok(State::LastLf),
            (State::Trailer, b'\r') => Ok(State::TrailerEnd),
            (State::TrailerStart | State::Trailer, _) => self.extra(State::Trailer),
            (State::TrailerEnd, b'\n') => Ok(State::TrailerStart),
            (State::LastLf, b'\n') => Ok(State::Done),
            _ => Err(BadChunk),
        }
    }

    fn digit(&mut self, byte: u8) -> Result<State, BadChunk> {
        let digit = char::from(byte).to_digit(16).ok_or(BadChunk)?;
        // 15 digits cannot overflow, and nobody sends an exabyte in one chunk.
        self.digits += 1;
        if self.digits > 15 {
            return Err(BadChunk);
        }
        self.size = self.size << 4 | u64::from(digit);
        Ok(State::Size)
    }

    fn chunk_begins(&mut self) -> State {
        self.digits = 0;
        if self.size == 0 { State::TrailerStart } else { State::Data }
    }

    fn extra(&mut self, state: State) -> Result<State, BadChunk> {
        self.extras += 1;
        if self.extras > LONGEST_EXTRAS { Err(BadChunk) } else { Ok(state) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_body_ends_after_its_trailers() {
        for body in [
            &b"0\r\n\r\n"[..],
            b"3\r\nabc\r\n0\r\n\r\n",
            b"A\r\n0123456789\r\n1;ext=\"x\"\r\nz\r\n000\r\nTrailer: x\r\n\r\n",
        ] {
            let mut piped = body.to_vec();
            piped.extend_from_slice(b"GET / HTTP/1.1\r\n");
            let mut whole = ChunkScanner::default();
            assert_eq!(whole.advance(&piped), Ok(body.len()), "{}", body.escape_ascii());
            assert!(whole.done());
            let mut bytewise = ChunkScanner::default();
            for byte in body {
                assert!(!bytewise.done());
                assert_eq!(bytewise.advance(&[*byte]), Ok(1));
            }
            assert!(bytewise.done());
        }
    }

    #[test]
    fn a_chunk_that_two_parsers_could_read_differently_is_refused() {
        for body in [
            &b"\r\n"[..],
            b"3\nabc\r\n",
            b"3 \r\nabc\r\n",
            b"0x3\r\nabc\r\n",
            b"-1\r\n",
            b"3\r\nabcd\r\n",
            b"3\r\nabc\n",
            b"3;a\nb\r\n",
            b"1234567890abcdef\r\n",
            b"0\r\nTrailer: x\n\r\n",
            b"0\r\n\n",
        ] {
            assert_eq!(ChunkScanner::default().advance(body), Err(BadChunk), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let body = format!("1;{}\r\n", "x".repeat(LONGEST_EXTRAS + 1));
        assert_eq!(ChunkScanner::default().advance(body.as_bytes()), Err(BadChunk));
    }
}
