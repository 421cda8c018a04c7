//! Chunked bodies (RFC 9112 §7.1), read as their bytes arrive.

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
#[error("a chunked body is not framed as RFC 9112 section 7.1 asks")]
pub(super) struct BadChunk;

/// Tells the data of a chunked body from what frames it.
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

    /// Bytes of the chunk that are still to come; none while it is not known.
    pub(super) fn left(&self) -> u64 {
        if self.state == State::Data { self.size } else { 0 }
    }

    /// Reads what frames the data, up to the next of it or to the end of the body; how many of `bytes` that was.
    ///
    /// # Errors
    /// When the body is not framed as it should be.
    pub(super) fn frame(&mut self, bytes: &[u8]) -> Result<usize, BadChunk> {
        let mut read = 0;
        while self.state != State::Data
            && !self.done()
            && let Some(&byte) = bytes.get(read)
        {
            self.state = self.step(byte)?;
            read += 1;
        }
        Ok(read)
    }

    /// How many of `available` bytes are data; these are over then.
    pub(super) fn data(&mut self, available: usize) -> usize {
        let data = usize::try_from(self.left()).unwrap_or(usize::MAX).min(available);
        self.size -= data as u64;
        if self.state == State::Data && self.size == 0 {
            self.state = State::DataCr;
        }
        data
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

    /// Reads on; how many of `bytes` belong to the body, and which are data.
    fn advance(scanner: &mut ChunkScanner, bytes: &[u8]) -> Result<(usize, Vec<u8>), BadChunk> {
        let (mut read, mut data) = (0, Vec::new());
        loop {
            let before = read;
            read += scanner.frame(&bytes[read..])?;
            let length = scanner.data(bytes.len() - read);
            data.extend_from_slice(&bytes[read..read + length]);
            read += length;
            if read == before {
                return Ok((read, data));
            }
        }
    }

    #[test]
    fn a_chunked_body_ends_after_its_trailers() {
        for (body, data) in [
            (&b"0\r\n\r\n"[..], &b""[..]),
            (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
            (b"A\r\n0123456789\r\n1;ext=\"x\"\r\nz\r\n000\r\nTrailer: x\r\n\r\n", b"0123456789z"),
        ] {
            let mut piped = body.to_vec();
            piped.extend_from_slice(b"GET / HTTP/1.1\r\n");
            let mut whole = ChunkScanner::default();
            assert_eq!(advance(&mut whole, &piped), Ok((body.len(), data.to_vec())), "{}", body.escape_ascii());
            assert!(whole.done());
            let (mut bytewise, mut read) = (ChunkScanner::default(), Vec::new());
            for byte in body {
                assert!(!bytewise.done());
                let (length, data) = advance(&mut bytewise, &[*byte]).unwrap();
                assert_eq!(length, 1);
                read.extend(data);
            }
            assert!(bytewise.done());
            assert_eq!(read, data);
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
            assert_eq!(advance(&mut ChunkScanner::default(), body), Err(BadChunk), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let body = format!("1;{}\r\n", "x".repeat(LONGEST_EXTRAS + 1));
        assert_eq!(advance(&mut ChunkScanner::default(), body.as_bytes()), Err(BadChunk));
    }
}
