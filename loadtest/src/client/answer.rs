//! Reads one HTTP/1.1 answer from bytes as they come; bodies are counted, not kept (RFC 9112).

use http::HeaderName;

use super::chunks::Chunks;
use crate::failure::Failure;

/// Headers of an answer at most.
const HEADERS: usize = 128;

/// Bytes of a head at most.
const HEAD: usize = 64 << 10;

/// Bytes of a body that are kept at most, where any are.
const KEPT: usize = 64 << 10;

/// What of an answer is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keep {
    /// The request was HEAD: there is no body.
    pub(crate) head: bool,
    pub(crate) location: bool,
    pub(crate) header: Option<HeaderName>,
    pub(crate) body: bool,
}

/// An answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Bytes of the body, without its framing.
    pub(crate) bytes: u64,
    /// The connection carries no other request.
    pub(crate) closes: bool,
    pub(crate) location: Option<String>,
    /// The header or the body that is kept.
    pub(crate) kept: Option<Vec<u8>>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Head,
    Length(u64),
    Chunked(Chunks),
    /// The body ends with the connection.
    Open,
    Done,
}

/// Reads an answer.
#[derive(Debug)]
pub(crate) struct Reader {
    state: State,
    /// A head that came in pieces.
    partial: Vec<u8>,
    answer: Answer,
}

impl Default for Reader {
    fn default() -> Self {
        Self { state: State::Head, partial: Vec::new(), answer: Answer::default() }
    }
}

impl Reader {
    /// Reads on; true when the answer is complete.
    pub(crate) fn feed(&mut self, bytes: &[u8], keep: &Keep) -> Result<bool, Failure> {
        if self.state != State::Head {
            return self.body(bytes, keep);
        }
        if self.partial.is_empty() {
            return match self.head(bytes, keep)? {
                Some(length) => self.after_head(&bytes[length..], keep),
                None => self.put_by(bytes),
            };
        }
        self.put_by(bytes)?;
        let all = std::mem::take(&mut self.partial);
        let Some(length) = self.head(&all, keep)? else {
            self.partial = all;
            return Ok(false);
        };
        self.after_head(&all[length..], keep)
    }

    /// The connection has ended; the answer if that is where it ends.
    pub(crate) fn end(self) -> Option<Answer> {
        matches!(self.state, State::Open | State::Done).then_some(self.answer)
    }

    fn put_by(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        self.partial.extend_from_slice(bytes);
        if self.partial.len() > HEAD {
            return Err(Failure::bad(format!("a head of more than {HEAD} bytes")));
        }
        Ok(false)
    }

    /// What follows a head: its body, or after an interim answer the next head (RFC 9110 §15.2).
    fn after_head(&mut self, rest: &[u8], keep: &Keep) -> Result<bool, Failure> {
        match self.state {
            State::Head if rest.is_empty() => Ok(false),
            State::Head => self.feed(rest, keep),
            _ => self.body(rest, keep),
        }
    }

    /// Reads a head; its length if it is all there.
    fn head(&mut self, bytes: &[u8], keep: &Keep) -> Result<Option<usize>, Failure> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        let length = match head.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(Failure::bad(format!("no HTTP/1.1 answer: {error}"))),
        };
        let status = head.code.unwrap_or_default();
        if status == 101 || !(100..200).contains(&status) {
            self.answer.status = status;
            self.answer.closes = head.version == Some(0);
            self.state = self.framing(head.headers, keep)?;
        }
        Ok(Some(length))
    }

    /// How the body is framed (RFC 9112 §6.3), and what else of the headers matters.
    fn framing(&mut self, headers: &[httparse::Header<'_>], keep: &Keep) -> Result<State, Failure> {
        let (mut length, mut coded) = (None, false);
        for header in headers {
            let (name, value) = (header.name, header.value);
            if name.eq_ignore_ascii_case("content-length") {
                let text = std::str::from_utf8(value).ok();
                let parsed = text.and_then(|text| text.trim().parse::<u64>().ok());
                length = Some(parsed.ok_or_else(|| Failure::bad("a Content-Length that is no number"))?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                coded = value.to_ascii_lowercase().ends_with(b"chunked");
            } else if name.eq_ignore_ascii_case("connection") {
                let value = value.to_ascii_lowercase();
                if value == b"close" {
                    self.answer.closes = true;
                } else if value == b"keep-alive" {
                    self.answer.closes = false;
                }
            } else if keep.location && name.eq_ignore_ascii_case("location") {
                self.answer.location = Some(String::from_utf8_lossy(value).into_owned());
            }
            if keep.header.as_ref().is_some_and(|kept| name.eq_ignore_ascii_case(kept.as_str())) {
                self.answer.kept = Some(value.to_vec());
            }
        }
        let status = self.answer.status;
        Ok(match length {
            _ if keep.head || matches!(status, 101 | 204 | 304) => State::Done,
            _ if coded => State::Chunked(Chunks::default()),
            Some(0) => State::Done,
            Some(length) => State::Length(length),
            None => {
                self.answer.closes = true;
                State::Open
            }
        })
    }

    fn body(&mut self, bytes: &[u8], keep: &Keep) -> Result<bool, Failure> {
        let rest = match &mut self.state {
            State::Head | State::Done => bytes,
            State::Open => {
                self.answer.add(bytes, keep);
                return Ok(false);
            }
            State::Length(left) => {
                let (mine, rest) = bytes.split_at(usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len()));
                *left -= mine.len() as u64;
                let done = *left == 0;
                self.answer.add(mine, keep);
                if !done {
                    return Ok(false);
                }
                rest
            }
            State::Chunked(chunks) => {
                let answer = &mut self.answer;
                match chunks.feed(bytes, |data| answer.add(data, keep))? {
                    Some(read) => &bytes[read..],
                    None => return Ok(false),
                }
            }
        };
        self.state = State::Done;
        // Nothing was asked that these bytes could answer.
        self.answer.closes |= !rest.is_empty();
        Ok(true)
    }
}

impl Answer {
    fn add(&mut self, data: &[u8], keep: &Keep) {
        self.bytes += data.len() as u64;
        if keep.body {
            let kept = self.kept.get_or_insert_default();
            let room = KEPT.saturating_sub(kept.len()).min(data.len());
            kept.extend_from_slice(&data[..room]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `text` cut into pieces of every size; all must agree.
    fn read(text: &str, keep: &Keep) -> Option<(u16, u64, bool, String)> {
        let mut seen = None;
        for size in (1..=text.len()).rev() {
            let mut reader = Reader::default();
            let complete = text.as_bytes().chunks(size).try_fold(false, |_, piece| reader.feed(piece, keep));
            let answer = complete.ok().and_then(|_| reader.end());
            let kept = |answer: &Answer| String::from_utf8(answer.kept.clone().unwrap_or_default()).unwrap();
            let answer = answer.map(|answer| (answer.status, answer.bytes, answer.closes, kept(&answer)));
            if let Some(seen) = &seen {
                assert_eq!(&answer, seen, "{text:?} in pieces of {size}");
            }
            seen = Some(answer);
        }
        seen.flatten()
    }

    #[test]
    fn answers_end_where_their_framing_says() {
        let body = Keep { body: true, ..Keep::default() };
        let ok = |status, bytes, closes, kept: &str| Some((status, bytes, closes, kept.to_owned()));
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", ok(200, 3, false, "abc")),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", ok(200, 0, true, "")),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", ok(200, 3, false, "abc")),
            ("HTTP/1.1 204 No Content\r\n\r\n", ok(204, 0, false, "")),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", ok(304, 0, false, "")),
            ("HTTP/1.1 503 No\r\n\r\nto the end", ok(503, 10, true, "to the end")),
            ("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", ok(200, 1, false, "a")),
            ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", ok(200, 1, true, "a")),
            ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", ok(200, 1, false, "a")),
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", None),
            ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc", None),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", None),
            ("SSH-2.0-OpenSSH\r\n", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(read(text, &body), wanted, "{text:?}");
        }
    }

    #[test]
    fn only_what_is_asked_for_is_kept() {
        let text = "HTTP/1.1 302 Found\r\nLocation: /b\r\nX-Backend: blue\r\nContent-Length: 2\r\n\r\nhi";
        let read = |keep: Keep| {
            let mut reader = Reader::default();
            reader.feed(text.as_bytes(), &keep).unwrap();
            let answer = reader.end().unwrap();
            (answer.location, answer.kept.map(|kept| String::from_utf8(kept).unwrap()))
        };
        assert_eq!(read(Keep::default()), (None, None));
        assert_eq!(read(Keep { location: true, ..Keep::default() }), (Some("/b".to_owned()), None));
        let header = Keep { header: Some(HeaderName::from_static("x-backend")), ..Keep::default() };
        assert_eq!(read(header), (None, Some("blue".to_owned())));
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        let mut reader = Reader::default();
        let keep = Keep { head: true, ..Keep::default() };
        assert_eq!(reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", &keep), Ok(true));
    }

    #[test]
    fn more_than_was_asked_for_ends_the_connection() {
        let mut reader = Reader::default();
        reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP", &Keep::default()).unwrap();
        assert!(reader.end().unwrap().closes);
    }
}
