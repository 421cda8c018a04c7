//! Heads as they stand on the wire (RFC 9112 §3, §4).

use http::HeaderMap;
use pingora_http::{RequestHeader, ResponseHeader};

/// Bytes of most heads.
const ROOM: usize = 512;

/// What a response tells of the connection it comes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    /// It goes on as HTTP/1.1 has it: nothing need be said.
    Kept,
    /// It goes on although the client speaks HTTP/1.0.
    KeptBy10,
    /// It ends with this response.
    Closed,
}

impl Persistence {
    fn header(self) -> &'static [u8] {
        match self {
            Self::Kept => b"",
            Self::KeptBy10 => b"connection: keep-alive\r\n",
            Self::Closed => b"connection: close\r\n",
        }
    }
}

/// Whether a target cannot be told in a request line.
pub(super) fn breaks_line(target: &[u8]) -> bool {
    target.is_empty() || target.iter().any(|&byte| byte <= b' ' || byte == 0x7f)
}

/// Writes the head of a request.
pub(super) fn request(to: &mut Vec<u8>, head: &RequestHeader) {
    to.reserve(ROOM);
    put(to, &[head.method.as_str().as_bytes(), b" ", head.raw_path(), b" HTTP/1.1\r\n"]);
    headers(to, &head.headers);
    put(to, &[b"\r\n"]);
}

/// Writes the head of a response, `date` included where it has none.
pub(super) fn response(to: &mut Vec<u8>, head: &ResponseHeader, persistence: Option<Persistence>, date: Option<&[u8]>) {
    to.reserve(ROOM);
    let reason = head.get_reason_phrase().unwrap_or_default();
    put(to, &[b"HTTP/1.1 ", head.status.as_str().as_bytes(), b" ", reason.as_bytes(), b"\r\n"]);
    headers(to, &head.headers);
    if let Some(date) = date {
        put(to, &[b"date: ", date, b"\r\n"]);
    }
    put(to, &[persistence.map_or(b"", Persistence::header), b"\r\n"]);
}

fn headers(to: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        put(to, &[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
}

fn put(to: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        to.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_LENGTH, HOST};
    use http::{HeaderValue, StatusCode};

    use super::*;

    #[test]
    fn rfc_9112_heads_are_lines() {
        let mut head = RequestHeader::build("PUT", b"/a?b", None).unwrap();
        head.insert_header(HOST, "c").unwrap();
        let mut written = Vec::new();
        request(&mut written, &head);
        assert_eq!(written, b"PUT /a?b HTTP/1.1\r\nhost: c\r\n\r\n");

        let mut head = ResponseHeader::build(StatusCode::OK, None).unwrap();
        head.insert_header(CONTENT_LENGTH, HeaderValue::from_static("1")).unwrap();
        head.set_reason_phrase(Some("Fine")).unwrap();
        for (persistence, date, wanted) in [
            (None, None, ""),
            (Some(Persistence::Kept), None, ""),
            (Some(Persistence::KeptBy10), None, "connection: keep-alive\r\n"),
            (Some(Persistence::Closed), Some(&b"today"[..]), "date: today\r\nconnection: close\r\n"),
        ] {
            let mut written = Vec::new();
            response(&mut written, &head, persistence, date);
            let wanted = format!("HTTP/1.1 200 Fine\r\ncontent-length: 1\r\n{wanted}\r\n");
            assert_eq!(written.escape_ascii().to_string(), wanted.as_bytes().escape_ascii().to_string());
        }
    }

    #[test]
    fn rfc_9112_3_2_a_target_has_no_delimiters() {
        for target in ["", "/a b", "/a\r\n", "/\0", "/\x7f"] {
            assert!(breaks_line(target.as_bytes()), "{target:?}");
        }
        assert!(!breaks_line("/é*".as_bytes()));
    }
}
