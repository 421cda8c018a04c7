//! Whether a connection outlives a message (RFC 9112 §9.3).

use http::header::CONNECTION;
use http::{HeaderMap, Version};

/// Whether the sender of these headers wants the connection to go on.
pub(super) fn wanted(headers: &HeaderMap, version: Version) -> bool {
    let (mut close, mut keep) = (false, false);
    for value in headers.get_all(CONNECTION) {
        for token in value.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            close |= token.eq_ignore_ascii_case(b"close");
            keep |= token.eq_ignore_ascii_case(b"keep-alive");
        }
    }
    !close && (keep || version == Version::HTTP_11)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9112_9_3_close_wins_and_http_1_0_must_be_asked() {
        for (version, values, goes_on) in [
            (Version::HTTP_11, &[][..], true),
            (Version::HTTP_11, &["Keep-Alive"][..], true),
            (Version::HTTP_11, &["close"][..], false),
            (Version::HTTP_11, &["keep-alive, Close"][..], false),
            (Version::HTTP_11, &["upgrade", "close"][..], false),
            (Version::HTTP_11, &["closed"][..], true),
            (Version::HTTP_10, &[][..], false),
            (Version::HTTP_10, &["x, keep-alive"][..], true),
        ] {
            let headers = values.iter().map(|value| (CONNECTION, value.parse().unwrap())).collect::<Vec<_>>();
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(name, value);
            }
            assert_eq!(wanted(&map, version), goes_on, "{version:?} {values:?}");
        }
    }
}
