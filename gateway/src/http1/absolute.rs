//! Requests whose target is a URL (RFC 9112 §3.2.2): its authority wins over Host, and an upstream sees a path.

use super::request_line::is_absolute;

/// The authority of a target that is a URL, and the target in origin form.
pub(super) fn in_origin_form<'a>(method: &[u8], target: &'a [u8]) -> Option<(&'a [u8], Vec<u8>)> {
    // Nearly all targets are paths.
    if target.starts_with(b"/") || !is_absolute(target) {
        return None;
    }
    let (authority, path) = parts(target)?;
    // RFC 9112 §3.2.4: without a path, OPTIONS asks about the server itself.
    let begin: &[u8] = match path.first() {
        Some(b'/') => b"",
        None if method == b"OPTIONS" => b"*",
        _ => b"/",
    };
    Some((authority, [begin, path].concat()))
}

/// Authority, and all that follows it but a fragment, which is nobody's business (RFC 9110 §7.1).
fn parts(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let target = target.split(|&byte| byte == b'#').next()?;
    let scheme_end = memchr::memmem::find(target, b"://")? + 3;
    let rest = target.get(scheme_end..)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    rest.split_at_checked(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9112_3_2_2_a_url_becomes_a_path_and_its_authority_the_host() {
        for (method, target, authority, path) in [
            ("GET", "http://a.example:81/x?y", "a.example:81", "/x?y"),
            ("GET", "HTTPS://a.example", "a.example", "/"),
            ("GET", "http://a.example?q=http://b/", "a.example", "/?q=http://b/"),
            ("OPTIONS", "http://a.example", "a.example", "*"),
            ("OPTIONS", "http://a.example/", "a.example", "/"),
            ("GET", "http://a.example/x#y", "a.example", "/x"),
        ] {
            let read = in_origin_form(method.as_bytes(), target.as_bytes());
            assert_eq!(read, Some((authority.as_bytes(), path.as_bytes().to_vec())), "{target}");
        }
    }

    #[test]
    fn other_targets_are_left_as_they_are() {
        for target in ["/http://a", "*", "", "http://", "ftp://a/"] {
            assert_eq!(in_origin_form(b"GET", target.as_bytes()), None, "{target}");
        }
    }
}
