//! The first line of an HTTP/1 request (RFC 9112 §3).
//!
//! Nothing is mended: a target that is no path would be routed as one thing and read by the upstream as another.

use crate::observe::answers::Reason;
use crate::settings::Limits;

/// Bytes of a method and the space after it.
const LONGEST_METHOD: usize = 32;
/// Bytes of the longest line with its end that are not those of its target.
pub(super) const BESIDE_TARGET: usize = LONGEST_METHOD + b" HTTP/1.1\r\n".len();

/// What matters of a clean request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestLine {
    /// It can ask for a WebSocket: GET by HTTP/1.1.
    Upgradable,
    /// HTTP/1.0, which knows no transfer codings.
    Http10,
    /// Any other.
    Ordinary,
}

impl RequestLine {
    /// Reads a line without its CRLF: `method SP target SP version`.
    pub(super) fn read(line: &[u8], limits: &Limits) -> Result<Self, Reason> {
        let mut parts = line.split(|&byte| byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Reason::BadRequest);
        };
        if method == b"CONNECT" {
            return Err(Reason::Connect);
        }
        if target.len() > limits.uri_bytes {
            return Err(Reason::UriTooLong);
        }
        let clean = is_method(method) && is_target(method, target) && matches!(version, b"HTTP/1.1" | b"HTTP/1.0");
        match (clean, method, version) {
            (true, b"GET", b"HTTP/1.1") => Ok(Self::Upgradable),
            (true, _, b"HTTP/1.0") => Ok(Self::Http10),
            (true, ..) => Ok(Self::Ordinary),
            (false, ..) => Err(Reason::BadRequest),
        }
    }
}

/// A token (RFC 9110 §5.6.2).
fn is_method(method: &[u8]) -> bool {
    let is_tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    (1..LONGEST_METHOD).contains(&method.len()) && method.iter().all(is_tchar)
}

/// A path, a URL, or the server itself (RFC 9112 §3.2). Bytes of other alphabets are common, controls are not.
fn is_target(method: &[u8], target: &[u8]) -> bool {
    let is_form = target.starts_with(b"/") || is_absolute(target) || (method == b"OPTIONS" && target == b"*");
    is_form && !target.iter().any(u8::is_ascii_control)
}

/// Whether a target is a URL of ours, with an authority of its own (RFC 9112 §3.2.2).
pub(super) fn is_absolute(target: &[u8]) -> bool {
    let after = |scheme: &[u8]| {
        let (begin, rest) = target.split_at_checked(scheme.len())?;
        begin.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let authority = after(b"http://").or_else(|| after(b"https://"));
    authority.is_some_and(|rest| !matches!(rest.first(), None | Some(b'/' | b'?' | b'#')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<RequestLine, Reason> {
        RequestLine::read(line.as_bytes(), &Limits::default())
    }

    #[test]
    fn rfc_9112_3_a_clean_line_has_three_parts() {
        for (line, wanted) in [
            ("GET / HTTP/1.1", RequestLine::Upgradable),
            ("GET / HTTP/1.0", RequestLine::Http10),
            ("POST /a?b=c&d=%20\"<é>|\" HTTP/1.1", RequestLine::Ordinary),
            ("OPTIONS * HTTP/1.1", RequestLine::Ordinary),
            ("GET HTTP://a.example HTTP/1.1", RequestLine::Upgradable),
            ("M-SEARCH https://a.example:1/x HTTP/1.1", RequestLine::Ordinary),
        ] {
            assert_eq!(read(line), Ok(wanted), "{line}");
        }
    }

    #[test]
    fn nothing_is_mended() {
        let long = format!("{} / HTTP/1.1", "M".repeat(LONGEST_METHOD));
        for line in [
            "GET /",
            "GET  / HTTP/1.1",
            "GET /  HTTP/1.1",
            "GET / HTTP/1.1 ",
            " GET / HTTP/1.1",
            "GET\t/ HTTP/1.1",
            "GET /a b HTTP/1.1",
            "GET /a\tb HTTP/1.1",
            "GET /a\rb HTTP/1.1",
            "GET /a\0b HTTP/1.1",
            "GET /\x7f HTTP/1.1",
            "G(T / HTTP/1.1",
            "GET a HTTP/1.1",
            "GET * HTTP/1.1",
            "GET ../x HTTP/1.1",
            "GET a.example:80 HTTP/1.1",
            "connect a.example:80 HTTP/1.1",
            "GET ftp://a.example/ HTTP/1.1",
            "GET http:///x HTTP/1.1",
            "GET http:// HTTP/1.1",
            "GET / HTTP/1.2",
            "GET / HTTP/2.0",
            "GET / http/1.1",
            "GET / HTTP/1.1x",
            &long,
        ] {
            assert_eq!(read(line), Err(Reason::BadRequest), "{line:?}");
        }
    }

    #[test]
    fn connect_and_long_targets_have_answers_of_their_own() {
        assert_eq!(read("CONNECT a.example:80 HTTP/1.1"), Err(Reason::Connect));
        let long = format!("GET /{} HTTP/1.1", "a".repeat(Limits::default().uri_bytes));
        assert_eq!(read(&long), Err(Reason::UriTooLong));
    }
}
