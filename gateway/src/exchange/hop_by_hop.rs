//! Headers that are between two neighbours only (RFC 9110 §7.6.1).

use http::header::{CONNECTION, HOST, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora_error::{Error, ErrorType, OrErr, Result};
use pingora_http::ResponseHeader;
use smallvec::SmallVec;

/// More names in `Connection` than this are an attack.
const MOST_NOMINATED: usize = 9;

/// Headers that tell who asks for what: a client that has them removed hides something.
const PROTECTED: [HeaderName; 4] = [
    HOST,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
];

type Names = SmallVec<[HeaderName; 4]>;

/// Removes them from a request; one for a WebSocket, the only upgrade that is passed on, says so anew.
///
/// # Errors
/// When `Connection` is no list of names, is too long, or names what may not be removed.
pub(super) fn remove_from_request(headers: &mut HeaderMap, websocket: bool) -> Result<()> {
    for name in nominated(headers)? {
        headers.remove(&name);
    }
    for name in present(headers, is_of_requests) {
        headers.remove(&name);
    }
    if websocket {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    Ok(())
}

/// Removes them from a response that upgrades nothing. What its `Connection` names and may not is left.
pub(super) fn remove_from_response(response: &mut ResponseHeader) {
    for name in nominated(&response.headers).unwrap_or_default() {
        response.remove_header(&name);
    }
    for name in present(&response.headers, is_of_responses) {
        response.remove_header(&name);
    }
}

/// What a request may not take along.
fn is_of_requests(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}

/// What a response may not take along; its framing is told anew for the client.
fn is_of_responses(name: &str) -> bool {
    matches!(name, "connection" | "keep-alive" | "proxy-connection" | "upgrade")
}

/// Few messages have many: a pass over their names costs less than a look-up of each of ours.
fn present(headers: &HeaderMap, ours: fn(&str) -> bool) -> Names {
    headers.keys().filter(|name| ours(name.as_str())).cloned().collect()
}

fn nominated(headers: &HeaderMap) -> Result<Names> {
    let mut names = Names::new();
    let values = headers.get_all(CONNECTION).into_iter();
    let tokens = values.flat_map(|value| value.as_bytes().split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
    for token in tokens.filter(|token| !token.is_empty()) {
        if names.len() == MOST_NOMINATED {
            return Error::e_explain(ErrorType::InvalidHTTPHeader, "Connection names too many headers");
        }
        names.push(name(token)?);
    }
    Ok(names)
}

fn name(token: &[u8]) -> Result<HeaderName> {
    let name = HeaderName::from_bytes(token).or_err(ErrorType::InvalidHTTPHeader, "Connection names no header")?;
    if PROTECTED.contains(&name) {
        return Error::e_explain(ErrorType::InvalidHTTPHeader, "Connection names a header that must stay");
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn rfc_9110_7_6_1_what_is_for_us_only_goes_no_further() {
        let mut one = request(&[
            ("connection", "close, x-mine"),
            ("x-mine", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABk"),
            ("x-theirs", "1"),
        ]);
        remove_from_request(&mut one, false).unwrap();
        let left: Vec<_> = one.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x-theirs"]);
    }

    #[test]
    fn a_websocket_is_asked_for_in_our_own_words() {
        let mut one = request(&[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")]);
        remove_from_request(&mut one, true).unwrap();
        assert_eq!((&one[CONNECTION], &one[UPGRADE]), (&"Upgrade".parse().unwrap(), &"websocket".parse().unwrap()));
    }

    #[test]
    fn connection_cannot_hide_who_asks_for_what() {
        let long = ["a"; MOST_NOMINATED + 1].join(",");
        for value in ["host", "X-Forwarded-For", "x-forwarded-proto", "\"quoted\"", ":authority", "a b", &long] {
            assert!(remove_from_request(&mut request(&[("connection", value)]), false).is_err(), "{value}");
        }
    }
}
