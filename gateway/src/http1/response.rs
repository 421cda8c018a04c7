//! The head of a response, from the bytes of an upstream.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use httparse::{Header, ParserConfig, Response, Status};
use pingora_error::{Error, ErrorType, OrErr, Result};
use pingora_http::ResponseHeader;

use super::body::Decoder;
use super::request::trim;
use super::scan::digits;

/// Headers of a response; Envoy takes 100 by default.
const HEADERS: usize = 256;

/// Takes a head off the front of `waiting`; `None` while it is not whole.
///
/// # Errors
/// When it is no head of HTTP/1.
pub(super) fn take(waiting: &mut BytesMut) -> Result<Option<ResponseHeader>> {
    match end(waiting) {
        Some(length) => parse(&waiting.split_to(length).freeze()),
        // What cannot become a head need not be awaited.
        None => read(waiting, |_| Ok(None)),
    }
}

/// Where the empty line ends.
fn end(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    for feed in memchr::memchr_iter(b'\n', bytes) {
        if matches!(bytes.get(start..feed), Some(b"" | b"\r")) {
            return Some(feed + 1);
        }
        start = feed + 1;
    }
    None
}

/// Reads a head as far as it has come; `whole` gets one that is whole.
fn read<'a, T>(bytes: &'a [u8], whole: impl FnOnce(&Response<'_, 'a>) -> Result<Option<T>>) -> Result<Option<T>> {
    let mut space = [const { MaybeUninit::uninit() }; HEADERS];
    let mut read = Response::new(&mut []);
    let mut config = ParserConfig::default();
    // RFC 9112 §5.1 and §5.2: whitespace before the colon is removed from responses, folded lines are joined.
    config.allow_spaces_after_header_name_in_responses(true);
    config.allow_obsolete_multiline_headers_in_responses(true);
    let status = config.parse_response_with_uninit_headers(&mut read, bytes, &mut space);
    match status.or_err(ErrorType::InvalidHTTPHeader, "a response's head")? {
        Status::Complete(_) => whole(&read),
        Status::Partial => Ok(None),
    }
}

fn parse(bytes: &Bytes) -> Result<Option<ResponseHeader>> {
    let head = read(bytes, |read| {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        let status = StatusCode::from_u16(read.code.unwrap_or_default());
        parts.status = status.or_err(ErrorType::InvalidHTTPHeader, "a response's status")?;
        parts.version = if read.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
        parts.headers = headers(bytes, read.headers)?;
        let mut head = ResponseHeader::from(parts);
        head.set_reason_phrase(read.reason)?;
        Ok(Some(head))
    })?;
    // Its empty line was the first one.
    let head = head.ok_or_else(|| Error::explain(ErrorType::InvalidHTTPHeader, "a response without a head"))?;
    Ok(Some(head))
}

/// The headers; their values are parts of the head.
fn headers(bytes: &Bytes, read: &[Header<'_>]) -> Result<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(read.len());
    for header in read {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_maybe_shared(match memchr::memchr(b'\n', header.value) {
            None => bytes.slice_ref(header.value),
            Some(_) => unfolded(header.value),
        });
        let name = name.or_err(ErrorType::InvalidHTTPHeader, "a response's header")?;
        headers.append(name, value.or_err(ErrorType::InvalidHTTPHeader, "a response's header")?);
    }
    Ok(headers)
}

/// RFC 9112 §5.2: a fold is a space.
fn unfolded(value: &[u8]) -> Bytes {
    let lines = value.split(|&byte| byte == b'\n').map(|line| trim(line.strip_suffix(b"\r").unwrap_or(line)));
    Bytes::from(lines.collect::<Vec<_>>().join(&b' '))
}

/// How the body of a final response is framed (RFC 9112 §6.3), and makes its head say so in one way only.
///
/// # Errors
/// When its length is told in two ways, or it is in a coding that we have not asked for (RFC 9110 §10.1.4): that would
/// reach the client undone.
pub(super) fn body(head: &mut ResponseHeader, asked: &Method) -> Result<Decoder> {
    let chunked = is_chunked(&head.headers)?;
    if chunked {
        // RFC 9112 §6.3: the coding overrides the length.
        head.remove_header(&CONTENT_LENGTH);
    }
    let length = length(head)?;
    if *asked == Method::HEAD || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Ok(Decoder::Done);
    }
    Ok(match length {
        _ if chunked => Decoder::chunked(),
        Some(length) => Decoder::of_length(length),
        None => Decoder::UntilClose,
    })
}

fn is_chunked(headers: &HeaderMap) -> Result<bool> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(false),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(true),
        _ => Error::e_explain(ErrorType::InvalidHTTPHeader, "a transfer coding nobody has asked for"),
    }
}

/// RFC 9110 §8.6: a length that is told several times is taken if it is always the same, and told once.
fn length(head: &mut ResponseHeader) -> Result<Option<u64>> {
    let mut told =
        head.headers.get_all(CONTENT_LENGTH).iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    let Some(first) = told.next().map(trim) else { return Ok(None) };
    let length = digits(first);
    let (mut more, mut equal) = (false, length.is_some());
    for other in told {
        more = true;
        equal &= digits(trim(other)) == length;
    }
    if !equal {
        return Error::e_explain(ErrorType::InvalidHTTPHeader, "a length that is none");
    }
    if more {
        let once = HeaderValue::from_bytes(first).or_err(ErrorType::InvalidHTTPHeader, "a length that is none")?;
        head.insert_header(CONTENT_LENGTH, once)?;
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str, asked: &Method) -> Result<(ResponseHeader, Decoder)> {
        let mut head = take(&mut BytesMut::from(head))?.expect("a whole head");
        let body = body(&mut head, asked)?;
        Ok((head, body))
    }

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let whole = b"HTTP/1.0 299 Fine then\r\nSet-Cookie: a=1\r\nset-cookie : b=2 \r\nX: caf\xe9\r\n\r\nbody";
        let end = whole.len() - 4;
        for cut in 0..end {
            assert!(take(&mut BytesMut::from(&whole[..cut])).unwrap().is_none(), "{cut}");
        }
        let mut waiting = BytesMut::from(&whole[..]);
        let head = take(&mut waiting).unwrap().unwrap();
        assert_eq!(waiting, "body");
        assert_eq!((head.version, head.status.as_u16()), (Version::HTTP_10, 299));
        assert_eq!(head.get_reason_phrase(), Some("Fine then"));
        let headers: Vec<_> = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(headers, [("set-cookie", &b"a=1"[..]), ("set-cookie", b"b=2"), ("x", b"caf\xe9")]);
    }

    #[test]
    fn rfc_9112_5_2_a_folded_line_is_joined() {
        let folded = "HTTP/1.1 200 OK\r\na: b\r\n  c \r\n\td\r\ne: f\n g\r\n\r\n";
        let head = take(&mut BytesMut::from(folded)).unwrap().unwrap();
        assert_eq!((&head.headers["a"], &head.headers["e"]), (&"b c d".parse().unwrap(), &"f g".parse().unwrap()));
    }

    #[test]
    fn what_cannot_become_a_head_is_not_awaited() {
        for begin in ["SSH-2.0", "<html>", "HTTP/2.0 2", "HTTP/1.1 2000", "HTTP/1.1 200 OK\r\na(: b"] {
            assert!(take(&mut BytesMut::from(begin)).is_err(), "{begin}");
        }
    }

    #[test]
    fn what_is_no_head_is_an_error() {
        for head in [
            "\r\n",
            "garbage\r\n\r\n",
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\na(: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: \0\r\n\r\n",
        ] {
            assert!(take(&mut BytesMut::from(head)).is_err(), "{head:?}");
        }
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(HEADERS + 1));
        assert!(take(&mut BytesMut::from(&*many)).is_err());
    }

    #[test]
    fn rfc_9112_6_3_how_long_a_body_is() {
        for (asked, head, wanted) in [
            (Method::GET, "200 OK\r\nContent-Length: 3", "Length(3)"),
            (Method::GET, "200 OK\r\nContent-Length: 0", "Done"),
            (Method::GET, "200 OK\r\nContent-Length: 3\r\ncontent-length: 3 , 3", "Length(3)"),
            (Method::GET, "200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 3", "Chunked"),
            (Method::GET, "200 OK", "UntilClose"),
            (Method::HEAD, "200 OK\r\nContent-Length: 3", "Done"),
            (Method::GET, "204 No Content", "Done"),
            (Method::GET, "304 Not Modified\r\nContent-Length: 3", "Done"),
        ] {
            let (head, body) = read(&format!("HTTP/1.1 {head}\r\n\r\n"), &asked).unwrap();
            assert!(format!("{body:?}").starts_with(wanted), "{head:?} {body:?}");
            assert!(head.headers.get_all(CONTENT_LENGTH).iter().count() <= 1);
            assert!(!head.headers.contains_key(TRANSFER_ENCODING) || !head.headers.contains_key(CONTENT_LENGTH));
        }
    }

    #[test]
    fn a_length_or_a_coding_that_two_could_read_differently_is_refused() {
        for line in [
            "Content-Length: +3",
            "Content-Length: 3\r\nContent-Length: 4",
            "Content-Length: 3,",
            "Content-Length: 99999999999999999999",
            "Content-Length:",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: identity",
        ] {
            assert!(read(&format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n"), &Method::GET).is_err(), "{line}");
        }
    }
}
