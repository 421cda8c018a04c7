//! The bytes of a request's head: where it ends, how its body is framed, and whether it may be read at all.
//!
//! Two parties that repair differently are how requests are smuggled: what is not clean is refused.

use super::request_line::{BESIDE_TARGET, RequestLine};
use crate::observe::answers::Reason;
use crate::settings::Limits;

/// How the body after a head is framed (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body.
    #[default]
    Empty,
    /// So many bytes.
    Length(u64),
    /// Chunks, up to the last one.
    Chunked,
    /// The request asks for a WebSocket: what follows is not HTTP once it is granted.
    Upgrade,
}

/// What is known of a head after the bytes so far.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More bytes are needed.
    Partial,
    /// The head ends before this offset, and its body is framed so.
    Complete(usize, Framing),
    /// The head is refused.
    Refused(Reason),
}

/// Reads the lines of a head as they arrive, each byte once.
#[derive(Debug, Default)]
pub(crate) struct HeadScanner {
    line_start: usize,
    headers: usize,
    hosts: usize,
    line: Option<RequestLine>,
    length: Option<u64>,
    chunked: bool,
    /// Whether `Upgrade` asks for a WebSocket ...
    websocket: bool,
    /// ... and `Connection` says that it is for us to read.
    upgrade: bool,
}

impl HeadScanner {
    /// Looks at the lines of `bytes` that earlier calls have not seen; `bytes` only ever grows, and how much at
    /// a time makes no difference.
    pub(crate) fn advance(&mut self, bytes: &[u8], limits: &Limits) -> Progress {
        loop {
            let (furthest, reason) = self.limit(limits);
            let line = self.next_line(bytes);
            let seen = if line.is_some() { self.line_start } else { bytes.len() };
            if seen > furthest {
                return Progress::Refused(reason);
            }
            let outcome = match line {
                None => return Progress::Partial,
                Some(Err(reason)) => Err(reason),
                // RFC 9112 §2.2: empty lines before the request line are ignored.
                Some(Ok(b"")) if self.line.is_none() => Ok(()),
                Some(Ok(b"")) => return self.finish(),
                Some(Ok(line)) if self.line.is_none() => {
                    RequestLine::read(line, limits).map(|line| self.line = Some(line))
                }
                Some(Ok(line)) => self.header(line, limits),
            };
            if let Err(reason) = outcome {
                return Progress::Refused(reason);
            }
        }
    }

    /// Where the next line ends at the latest, and what it is otherwise.
    fn limit(&self, limits: &Limits) -> (usize, Reason) {
        let target = self.line_start + limits.uri_bytes + BESIDE_TARGET;
        if self.line.is_some() || target > limits.head_bytes {
            return (limits.head_bytes, Reason::HeadTooLarge);
        }
        (target, Reason::UriTooLong)
    }

    /// The next whole line without its CRLF, if it has arrived.
    fn next_line<'a>(&mut self, bytes: &'a [u8]) -> Option<Result<&'a [u8], Reason>> {
        let rest = bytes.get(self.line_start..)?;
        let end = memchr::memchr(b'\n', rest)?;
        self.line_start += end + 1;
        // RFC 9112 §2.2 lets a recipient accept a bare LF; we do not.
        Some(rest.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Reason::BadRequest))
    }

    fn header(&mut self, line: &[u8], limits: &Limits) -> Result<(), Reason> {
        self.headers += 1;
        if self.headers > limits.headers {
            return Err(Reason::HeadTooLarge);
        }
        let colon = memchr::memchr(b':', line).ok_or(Reason::BadRequest)?;
        let (name, value) = line.split_at(colon);
        // A folded line (RFC 9112 §5.2) or a space before the colon (§5.1) has a space in its name.
        if name.is_empty() || name.iter().any(u8::is_ascii_whitespace) {
            return Err(Reason::BadRequest);
        }
        self.framing_header(name, value.get(1..).unwrap_or_default().trim_ascii())
    }

    /// Notes the headers that frame or address the request; the length of the name tells most apart.
    fn framing_header(&mut self, name: &[u8], value: &[u8]) -> Result<(), Reason> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.hosts += 1,
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.websocket |= value.eq_ignore_ascii_case(b"websocket"),
            10 if name.eq_ignore_ascii_case(b"connection") => {
                let mut tokens = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
                self.upgrade |= tokens.any(|token| token.eq_ignore_ascii_case(b"upgrade"));
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = digits(value).ok_or(Reason::BadRequest)?;
                // RFC 9110 §8.6 lets a recipient mend equal ones; we do not.
                if self.length.replace(length).is_some() {
                    return Err(Reason::BadRequest);
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Reason::TransferCoding);
                }
                self.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&self) -> Progress {
        let framing = match (self.length, self.chunked) {
            // RFC 9112 §6.1: a sender of both is an attacker or broken.
            (Some(_), true) => return Progress::Refused(Reason::BadRequest),
            // RFC 9112 §6.1: HTTP/1.0 knows no codings; what stands between may have framed it otherwise.
            (None, true) if self.line == Some(RequestLine::Http10) => return Progress::Refused(Reason::BadRequest),
            (_, true) => Framing::Chunked,
            (Some(length), _) if length > 0 => Framing::Length(length),
            // RFC 9110 §7.8: what is no option of the connection asks for nothing; RFC 6455 §4.1: by GET.
            (None, _) if self.websocket && self.upgrade && self.line == Some(RequestLine::Upgradable) => {
                Framing::Upgrade
            }
            _ => Framing::Empty,
        };
        match self.hosts {
            1 => Progress::Complete(self.line_start, framing),
            // RFC 9112 §3.2: a request without exactly one Host is refused.
            _ => Progress::Refused(Reason::BadHost),
        }
    }
}

/// A number of ASCII digits only: no sign, no list (RFC 9110 §8.6).
pub(super) fn digits(value: &[u8]) -> Option<u64> {
    let clean = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let number = clean.then(|| str::from_utf8(value).ok()?.parse().ok()).flatten();
    // More than other parsers can count.
    number.filter(|&number| i64::try_from(number).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8]) -> Progress {
        HeadScanner::default().advance(bytes, &Limits::default())
    }

    #[test]
    fn a_head_ends_at_its_empty_line() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut with_body = head.to_vec();
        with_body.extend_from_slice(b"body\nmore");
        assert_eq!(scan(head), Progress::Complete(head.len(), Framing::Empty));
        assert_eq!(scan(&with_body), Progress::Complete(head.len(), Framing::Empty));
        for cut in 0..head.len() {
            assert_eq!(scan(&head[..cut]), Progress::Partial, "{cut}");
        }
    }

    #[test]
    fn a_head_that_comes_byte_by_byte_is_read_as_one() {
        let head = b"\r\nGET /x HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n";
        let mut scanner = HeadScanner::default();
        for end in 1..head.len() {
            assert_eq!(scanner.advance(&head[..end], &Limits::default()), Progress::Partial, "{end}");
        }
        assert_eq!(scanner.advance(head, &Limits::default()), Progress::Complete(head.len(), Framing::Empty));
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        for (head, reason) in [
            (&b"GET / HTTP/1.1\nHost: a\r\n\r\n"[..], Reason::BadRequest),
            (b"GET / HTTP/1.1\r\nHost: a\n\r\n", Reason::BadRequest),
            (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", Reason::BadRequest),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", Reason::BadRequest),
            (b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", Reason::BadRequest),
            (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", Reason::BadRequest),
            (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", Reason::BadRequest),
            (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", Reason::BadRequest),
            (
                b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                Reason::BadRequest,
            ),
            (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", Reason::BadRequest),
            (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", Reason::TransferCoding),
            (b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", Reason::BadHost),
            (b"GET / HTTP/1.1\r\nA: b\r\n\r\n", Reason::BadHost),
            (b"GET / HTTP/1.0\r\n\r\n", Reason::BadHost),
            (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", Reason::Connect),
        ] {
            assert_eq!(scan(head), Progress::Refused(reason), "{}", head.escape_ascii());
        }
    }

    #[test]
    fn a_head_says_how_its_body_is_framed() {
        for (header, framing) in [
            ("A: b", Framing::Empty),
            ("content-LENGTH:  12 ", Framing::Length(12)),
            ("Content-Length: 0", Framing::Empty),
            ("Transfer-Encoding: Chunked", Framing::Chunked),
        ] {
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n");
            assert_eq!(scan(head.as_bytes()), Progress::Complete(head.len(), framing), "{header}");
        }
    }

    #[test]
    fn rfc_9110_7_8_only_an_option_of_the_connection_upgrades_it() {
        let websocket = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket";
        for (line, headers, framing) in [
            ("GET / HTTP/1.1", websocket, Framing::Upgrade),
            ("GET / HTTP/1.0", websocket, Framing::Empty),
            ("POST / HTTP/1.1", websocket, Framing::Empty),
            ("GET / HTTP/1.1", "Upgrade: websocket", Framing::Empty),
            ("GET / HTTP/1.1", "Connection: upgraded\r\nUpgrade: websocket", Framing::Empty),
            ("GET / HTTP/1.1", "Connection: Upgrade\r\nUpgrade: h2c", Framing::Empty),
            ("GET / HTTP/1.1", &format!("{websocket}\r\nContent-Length: 3"), Framing::Length(3)),
            ("GET / HTTP/1.1", &format!("{websocket}\r\nTransfer-Encoding: chunked"), Framing::Chunked),
        ] {
            let head = format!("{line}\r\nHost: a\r\n{headers}\r\n\r\n");
            assert_eq!(scan(head.as_bytes()), Progress::Complete(head.len(), framing), "{line} {headers}");
        }
    }

    #[test]
    fn a_limit_does_not_depend_on_what_arrives_together() {
        let limits = Limits { head_bytes: 100, uri_bytes: 20, ..Limits::default() };
        let head = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "x".repeat(count));
        for (head, wanted) in [
            (head(68), Progress::Complete(100, Framing::Empty)),
            (head(69), Progress::Refused(Reason::HeadTooLarge)),
            (format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "X".repeat(60)), Progress::Refused(Reason::UriTooLong)),
        ] {
            assert_eq!(HeadScanner::default().advance(head.as_bytes(), &limits), wanted, "{head}");
            let mut scanner = HeadScanner::default();
            let bytewise = (1..=head.len()).map(|end| scanner.advance(&head.as_bytes()[..end], &limits));
            assert_eq!(bytewise.into_iter().find(|progress| *progress != Progress::Partial), Some(wanted), "{head}");
        }
    }

    #[test]
    fn a_head_has_limits() {
        let limits = Limits { head_bytes: 100, headers: 2, uri_bytes: 20, ..Limits::default() };
        let long = "x".repeat(101);
        for (head, reason) in [
            (format!("GET /{long} HTTP/1.1\r\n"), Reason::UriTooLong),
            (format!("GET /{long}"), Reason::UriTooLong),
            (format!("GET / HTTP/1.1\r\nHost: a\r\nA: {long}\r\n"), Reason::HeadTooLarge),
            (format!("GET / HTTP/1.1\r\nA: {long}"), Reason::HeadTooLarge),
            ("GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\n".to_owned(), Reason::HeadTooLarge),
        ] {
            let progress = HeadScanner::default().advance(head.as_bytes(), &limits);
            assert_eq!(progress, Progress::Refused(reason), "{head}");
        }
    }
}
