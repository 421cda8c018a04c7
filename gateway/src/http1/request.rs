//! The head of a request, from the bytes that the scanner has let through.

use bytes::{Bytes, BytesMut};
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use pingora_http::RequestHeader;

use super::absolute::in_origin_form;

/// Headers that a request gets on its way: room for them from the beginning.
const ADDED: usize = 6;

/// Reads a whole head; `None` where a method, a target, a name or a value has bytes that it may not have.
pub(crate) fn parse(head: BytesMut) -> Option<RequestHeader> {
    let head = head.freeze();
    let mut lines = Lines(&head).skip_while(|line| line.is_empty());
    let (method, target, version) = request_line(lines.next()?)?;
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = Method::from_bytes(method).ok()?;
    parts.version = version;
    parts.headers = headers(&head, lines)?;
    let target = match in_origin_form(method, target) {
        None => head.slice_ref(target),
        Some((authority, path)) => {
            parts.headers.insert(HOST, HeaderValue::from_bytes(authority).ok()?);
            Bytes::from(path)
        }
    };
    parts.uri = Uri::from(path(&target)?);
    Some(RequestHeader::from(parts))
}

/// Lines of a head, each without its CRLF.
#[derive(Clone)]
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.0)?;
        let (line, rest) = self.0.split_at_checked(end + 1)?;
        self.0 = rest;
        line.strip_suffix(b"\r\n")
    }
}

fn request_line(line: &[u8]) -> Option<(&[u8], &[u8], Version)> {
    let (method, rest) = line.split_at_checked(memchr::memchr(b' ', line)?)?;
    let (target, version) = rest.get(1..)?.split_last_chunk::<9>()?;
    match version {
        b" HTTP/1.1" => Some((method, target, Version::HTTP_11)),
        b" HTTP/1.0" => Some((method, target, Version::HTTP_10)),
        _ => None,
    }
}

/// The headers up to the empty line; their values are parts of the head.
fn headers<'a>(head: &Bytes, lines: impl Iterator<Item = &'a [u8]> + Clone) -> Option<HeaderMap> {
    let lines = lines.take_while(|line| !line.is_empty());
    let mut headers = HeaderMap::try_with_capacity(lines.clone().count() + ADDED).ok()?;
    for line in lines {
        let (name, value) = line.split_at_checked(memchr::memchr(b':', line)?)?;
        let name = HeaderName::from_bytes(name).ok()?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(trim(value.get(1..)?))).ok()?;
        headers.try_append(name, value).ok()?;
    }
    Some(headers)
}

/// Without the whitespace around it (RFC 9110 §5.6.3).
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Nearly all targets are a path that the head's own bytes can be. Bytes that no URI has (RFC 3986 §2) are escaped, as
/// browsers escape them; a fragment is nobody's business (RFC 9110 §7.1).
fn path(target: &Bytes) -> Option<PathAndQuery> {
    let path = PathAndQuery::from_maybe_shared(target.clone());
    path.or_else(|_| PathAndQuery::try_from(escaped(target))).ok()
}

fn escaped(target: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(target.len() + 16);
    for &byte in target {
        if byte.is_ascii_graphic() && !b"\"<>`".contains(&byte) {
            escaped.push(byte);
        } else {
            escaped.extend_from_slice(&[b'%', hex(byte >> 4), hex(byte & 0xf)]);
        }
    }
    escaped
}

fn hex(digit: u8) -> u8 {
    b"0123456789ABCDEF".get(usize::from(digit)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Option<RequestHeader> {
        parse(BytesMut::from(head))
    }

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let head = read("\r\nPUT /a?b=%20c HTTP/1.0\r\nHost:a \r\nX-Mine: \t1\t \r\nx-mine:\r\n\r\n").unwrap();
        assert_eq!((head.method.as_str(), head.version), ("PUT", Version::HTTP_10));
        assert_eq!((head.raw_path(), head.uri.query()), (&b"/a?b=%20c"[..], Some("b=%20c")));
        let headers: Vec<_> = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(headers, [("host", &b"a"[..]), ("x-mine", b"1"), ("x-mine", b"")]);
    }

    #[test]
    fn a_target_keeps_its_bytes_or_they_are_escaped() {
        for (target, wanted) in [
            ("/é|?{|".as_bytes(), "/é|?{|"),
            (b"/caf\xe9", "/caf%E9"),
            ("/é<a>%3C".as_bytes(), "/%C3%A9%3Ca%3E%3C"),
            (b"/%`", "/%%60"),
            (b"/a#b", "/a"),
            (b"http://b/c?d", "/c?d"),
            (b"//b/c", "//b/c"),
        ] {
            let head = [b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
            let head = parse(BytesMut::from(&*head)).unwrap();
            assert_eq!(head.raw_path(), wanted.as_bytes(), "{}", target.escape_ascii());
        }
    }

    #[test]
    fn rfc_9112_3_2_2_the_authority_of_a_url_is_the_host() {
        let head = read("GET http://b:81/c HTTP/1.1\r\nA: 1\r\nHost: a\r\nHost: a\r\n\r\n").unwrap();
        let headers: Vec<_> = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!((head.raw_path(), &headers[..]), (&b"/c"[..], &[("a", &b"1"[..]), ("host", b"b:81")][..]));
    }

    #[test]
    fn rfc_9110_5_names_and_values_have_no_other_bytes() {
        for line in ["a(: b", "a\x7f: b", "é: b", "a: \x0cb", "a: b\0", "a: \x7f", "a: b\rc", ": b"] {
            assert!(read(&format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n")).is_none(), "{line:?}");
        }
        assert!(read("GET / HTTP/1.1\r\nHost: a\r\na: caf\u{e9}\tb\r\n\r\n").is_some());
    }
}
