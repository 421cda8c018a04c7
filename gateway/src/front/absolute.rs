//! Requests whose target is a URL (RFC 9112 §3.2.2): its authority wins over Host, and an upstream sees a path.

use bytes::{BufMut, BytesMut};

use super::request_line::is_absolute;

/// The same head with a path as its target and the URL's authority as its Host. Other heads are left as they are.
pub(super) fn in_origin_form(head: BytesMut) -> BytesMut {
    rewritten(&head).unwrap_or(head)
}

fn rewritten(head: &[u8]) -> Option<BytesMut> {
    let method_end = memchr::memchr(b' ', head)?;
    // Nearly all targets begin with a slash.
    if head.get(method_end + 1) == Some(&b'/') {
        return None;
    }
    let (method, rest) = head.split_at_checked(method_end)?;
    let (target, rest) = rest.get(1..)?.split_at_checked(memchr::memchr(b' ', rest.get(1..)?)?)?;
    let (version, headers) = rest.split_at_checked(memchr::memchr(b'\n', rest)? + 1)?;
    let (authority, path) = parts(target).filter(|_| is_absolute(target))?;
    let mut whole = BytesMut::with_capacity(head.len() + authority.len());
    whole.put_slice(method);
    whole.put_u8(b' ');
    put_path(&mut whole, method, path);
    whole.put_slice(version);
    whole.put_slice(b"Host: ");
    whole.put_slice(authority);
    whole.put_slice(b"\r\n");
    for line in headers.split_inclusive(|&byte| byte == b'\n').filter(|line| !is_host(line)) {
        whole.put_slice(line);
    }
    Some(whole)
}

/// Authority, and all that follows it but a fragment, which is nobody's business (RFC 9110 §7.1).
fn parts(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let target = target.split(|&byte| byte == b'#').next()?;
    let scheme_end = memchr::memmem::find(target, b"://")? + 3;
    let rest = target.get(scheme_end..)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    rest.split_at_checked(end)
}

fn put_path(whole: &mut BytesMut, method: &[u8], path: &[u8]) {
    // RFC 9112 §3.2.4: without a path, OPTIONS asks about the server itself.
    if path.is_empty() && method.trim_ascii_start() == b"OPTIONS" {
        whole.put_u8(b'*');
    } else if !path.starts_with(b"/") {
        whole.put_u8(b'/');
    }
    whole.put_slice(path);
}

fn is_host(line: &[u8]) -> bool {
    line.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"host:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9112_3_2_2_a_url_becomes_a_path_and_its_authority_the_host() {
        for (head, wanted) in [
            ("GET http://a.example:81/x?y HTTP/1.1", "GET /x?y HTTP/1.1\r\nHost: a.example:81"),
            ("GET HTTPS://a.example HTTP/1.1", "GET / HTTP/1.1\r\nHost: a.example"),
            ("GET http://a.example?q=http://b/ HTTP/1.1", "GET /?q=http://b/ HTTP/1.1\r\nHost: a.example"),
            ("OPTIONS http://a.example HTTP/1.1", "OPTIONS * HTTP/1.1\r\nHost: a.example"),
            ("GET http://a.example/x#y HTTP/1.1", "GET /x HTTP/1.1\r\nHost: a.example"),
            ("\r\nGET http://a.example/ HTTP/1.1", "\r\nGET / HTTP/1.1\r\nHost: a.example"),
        ] {
            let head = format!("{head}\r\nX: 1\r\nHOST: other\r\n\r\n");
            let wanted = format!("{wanted}\r\nX: 1\r\n\r\n");
            assert_eq!(in_origin_form(head.as_bytes().into()), wanted, "{head}");
        }
    }

    #[test]
    fn other_heads_are_left_as_they_are() {
        for head in ["GET /http://a HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "", "GET"] {
            assert_eq!(in_origin_form(head.as_bytes().into()), head);
        }
    }
}
