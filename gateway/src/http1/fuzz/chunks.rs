//! The reader of chunked bodies beside a decoder that has the whole body at hand.

use bytes::BytesMut;
use httparse::{Status, parse_chunk_size};
use net_pingora_fuzz::bytes;
use proptest::prelude::*;

use super::split::splits;
use crate::http1::body::Decoder;
use crate::http1::chunks::LONGEST_EXTRAS;

/// What a chunked body is made of, and what has fooled parsers.
const WORDS: [&[u8]; 18] = [
    b"\r\n",
    b"\r",
    b"\n",
    b"0\r\n\r\n",
    b"0\r\n",
    b"3\r\nabc\r\n",
    b"A\r\n",
    b"f",
    b"0",
    b"00000000",
    b"ffffffffffffffff",
    b"0x",
    b" ",
    b";",
    b";a=\"b\"",
    b"-",
    b"Trailer: x\r\n",
    &[b'x'; 9_000],
];

/// How a body ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// Before this offset, with this data.
    At(usize, Vec<u8>),
    /// Not yet.
    Later,
    /// It is not framed as it should be.
    Bad,
}

#[test]
fn any_split_of_a_chunked_body_ends_where_a_slow_decoder_ends() {
    bytes("chunks", 5_000, &super::corpus("chunks"), &WORDS, |input| {
        let end = decoded(input);
        prop_assert_eq!(&in_parts(input, &[input.len()]), &end);
        for ends in splits(input) {
            prop_assert_eq!(&in_parts(input, &ends), &end, "{:?}", ends);
        }
        Ok(())
    });
}

/// The end when the body arrives up to each of `ends` in turn.
fn in_parts(body: &[u8], ends: &[usize]) -> End {
    let (mut decoder, mut waiting, mut data) = (Decoder::chunked(), BytesMut::new(), Vec::new());
    let mut start = 0;
    for &end in ends {
        waiting.extend_from_slice(&body[start..end]);
        start = end;
        loop {
            match decoder.next(&mut waiting) {
                Err(_) => return End::Bad,
                Ok(Some(part)) => data.extend_from_slice(&part),
                Ok(None) => break,
            }
        }
        if decoder.is_done() {
            return End::At(end - waiting.len(), data);
        }
        assert!(waiting.is_empty(), "what is not beyond the body is part of it");
    }
    End::Later
}

/// RFC 9112 §7.1, written as its grammar is.
fn decoded(body: &[u8]) -> End {
    let mut input = Input { rest: body, extras: 0 };
    match input.chunks() {
        Ok(data) => End::At(body.len() - input.rest.len(), data),
        Err(end) => end,
    }
}

/// What is left of a body; what is not there yet is `Later`.
struct Input<'a> {
    rest: &'a [u8],
    extras: usize,
}

impl<'a> Input<'a> {
    fn chunks(&mut self) -> Result<Vec<u8>, End> {
        let mut data = Vec::new();
        loop {
            let size = self.size()?;
            if size == 0 {
                return self.trailers().map(|()| data);
            }
            data.extend_from_slice(self.take(usize::try_from(size).map_err(|_| End::Later)?)?);
            self.line_end()?;
        }
    }

    /// `chunk-size [ chunk-ext ] CRLF`
    fn size(&mut self) -> Result<u64, End> {
        let line = self.rest;
        let digits = self.take_while(|byte| byte.is_ascii_hexdigit());
        if digits.len() > 15 {
            return Err(End::Bad);
        }
        let next = *self.rest.first().ok_or(End::Later)?;
        let size = str::from_utf8(digits).map(|digits| u64::from_str_radix(digits, 16));
        let Ok(Ok(size)) = size else { return Err(End::Bad) };
        if next == b';' {
            self.take(1)?;
            self.extra()?;
        }
        self.line_end()?;
        // The parser behind us, where it reads the line at all, reads the same.
        if let Ok(Status::Complete(read)) = parse_chunk_size(line) {
            assert_eq!(read, (line.len() - self.rest.len(), size));
        }
        Ok(size)
    }

    /// `trailer-section CRLF`
    fn trailers(&mut self) -> Result<(), End> {
        while *self.rest.first().ok_or(End::Later)? != b'\r' {
            self.extra()?;
            self.line_end()?;
        }
        self.line_end()
    }

    /// Whatever stands before a CR, within the limit.
    fn extra(&mut self) -> Result<(), End> {
        let extra = self.take_while(|byte| !matches!(byte, b'\r' | b'\n'));
        self.extras += extra.len();
        if self.extras > LONGEST_EXTRAS { Err(End::Bad) } else { Ok(()) }
    }

    fn line_end(&mut self) -> Result<(), End> {
        for wanted in b"\r\n" {
            if self.take(1)? != [*wanted] {
                return Err(End::Bad);
            }
        }
        Ok(())
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], End> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(End::Later)?;
        self.rest = rest;
        Ok(taken)
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.rest.iter().take_while(|byte| wanted(**byte)).count();
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }
}
