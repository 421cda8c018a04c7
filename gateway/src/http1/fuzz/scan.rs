//! The scanner and the reader of request heads beside httparse and RFC 9112.

use httparse::{EMPTY_HEADER, Header, Request, Status};
use net_pingora_fuzz::bytes;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::split::splits;
use crate::http1::request::parse;
use crate::http1::request_line::is_absolute;
use crate::http1::scan::{Framing, HeadScanner, Progress};
use crate::settings::Limits;

/// What a head is made of, and what has fooled parsers.
const WORDS: [&[u8]; 27] = [
    b"\r\n",
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b"\r\n ",
    b"\r\n\t",
    b" ",
    b":",
    b"\0",
    b"\x0b",
    b"\x0c",
    b",",
    b"0",
    b"18446744073709551616",
    b"GET / HTTP/1.1\r\n",
    b"POST /a b HTTP/1.0\r\n",
    b"CONNECT ",
    b"HTTP/1.0",
    b"Host: a\r\n",
    b"Content-Length: 5\r\n",
    b"content-length:5\r\n",
    b"Content-Length : 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"chunked",
    b"Upgrade: websocket\r\n",
    b"A: b\r\n",
];

/// Limits that inputs of this length reach.
const NARROW: Limits = Limits { head_bytes: 120, headers: 4, uri_bytes: 20, ..WIDE };

/// Limits that inputs of this length do not reach.
const WIDE: Limits = Limits::new();

#[test]
fn any_split_of_a_head_gives_the_verdict_of_the_whole() {
    bytes("head", 5_000, &super::corpus("head"), &WORDS, |input| {
        for limits in [WIDE, NARROW] {
            let whole = HeadScanner::default().advance(input, &limits);
            if let Progress::Complete(length, _) = whole {
                prop_assert!(is_clean(&input[..length]));
            }
            for ends in splits(input) {
                prop_assert_eq!(&in_parts(input, &ends, &limits), &whole, "{:?} {:?}", ends, limits);
            }
        }
        agrees_with_httparse(input)
    });
}

/// The verdict when the input arrives up to each end in turn.
fn in_parts(input: &[u8], ends: &[usize], limits: &Limits) -> Progress {
    let mut scanner = HeadScanner::default();
    let verdicts = ends.iter().map(|&end| scanner.advance(&input[..end], limits));
    verdicts.into_iter().find(|verdict| *verdict != Progress::Partial).unwrap_or(Progress::Partial)
}

/// A head that is let through has one end and one framing, whoever reads it; a head that cannot be misread is
/// let through.
fn agrees_with_httparse(input: &[u8]) -> TestCaseResult {
    let mut headers = [EMPTY_HEADER; 256];
    let mut request = Request::new(&mut headers);
    let status = request.parse(input);
    let read = framing(&request);
    match (HeadScanner::default().advance(input, &WIDE), status) {
        (Progress::Complete(length, framing), Ok(status)) => {
            prop_assert_eq!(status, Status::Complete(length));
            prop_assert_eq!(read, Some(framing));
            reads_as_httparse(&input[..length], Some(&request))?;
        }
        (Progress::Complete(length, _), Err(_)) => reads_as_httparse(&input[..length], None)?,
        (verdict, Ok(Status::Complete(length))) => {
            let plain = lines_end_alike(&input[..length]) && request.method != Some("CONNECT");
            prop_assert!(!plain || read.is_none(), "{:?} for what reads as {:?}", verdict, read);
        }
        (_, Ok(Status::Partial) | Err(_)) => {}
    }
    Ok(())
}

/// What httparse refuses is refused, what it reads is read so, byte by byte.
fn reads_as_httparse(head: &[u8], wanted: Option<&Request<'_, '_>>) -> TestCaseResult {
    let Some(read) = parse(head.into()) else { return Ok(()) };
    let Some(wanted) = wanted else {
        // It knows no escapes.
        let line = head.split(|&byte| byte == b'\n').find(|line| line.len() > 1).unwrap_or_default();
        let odd = |byte: &u8| !byte.is_ascii() || b"<>\"".contains(byte);
        prop_assert!(line.iter().any(odd), "httparse refuses it");
        return Ok(());
    };
    let target = wanted.path.unwrap_or_default();
    prop_assert_eq!(Some(read.method.as_str()), wanted.method);
    prop_assert_eq!(read.version == http::Version::HTTP_11, wanted.version == Some(1));
    // A URL's authority is the host.
    if !is_absolute(target.as_bytes()) {
        let path = target.split('#').next().unwrap_or_default();
        prop_assert!(is_escaped(read.raw_path(), path.as_bytes()), "{:?} for {}", read.uri, path);
        let of = |name: &str, value: &[u8]| (name.to_ascii_lowercase(), value.to_vec());
        let mut headers: Vec<_> = wanted.headers.iter().map(|header| of(header.name, header.value)).collect();
        let mut ours: Vec<_> = read.headers.iter().map(|(name, value)| of(name.as_str(), value.as_bytes())).collect();
        // A map keeps the order of one name's values only.
        headers.sort_by(|one, other| one.0.cmp(&other.0));
        ours.sort_by(|one, other| one.0.cmp(&other.0));
        prop_assert_eq!(ours, headers);
    }
    Ok(())
}

/// Whether a path is another with some bytes escaped (RFC 3986 §2.1), but those that need it least.
fn is_escaped(escaped: &[u8], path: &[u8]) -> bool {
    let rest = path.iter().try_fold(escaped, |rest, &byte| {
        let escape = (!byte.is_ascii_alphanumeric()).then(|| format!("%{byte:02X}"));
        rest.strip_prefix(&[byte]).or_else(|| rest.strip_prefix(escape?.as_bytes()))
    });
    rest.is_some_and(<[u8]>::is_empty)
}

/// Whether every line ends with CRLF and no other.
fn lines_end_alike(head: &[u8]) -> bool {
    let feeds = head.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    feeds.into_iter().all(|(at, _)| at > 0 && head[at - 1] == b'\r')
}

/// Whether the lines of a head are told apart and named in one way only (RFC 9112 §2.2, §5.1, §5.2).
fn is_clean(head: &[u8]) -> bool {
    let text: String = head.iter().copied().map(char::from).collect();
    let mut lines = text.split("\r\n").skip_while(|line| line.is_empty()).skip(1);
    let named = |line: &str| {
        line.split_once(':').is_some_and(|(name, _)| !name.is_empty() && !name.contains([' ', '\t', '\r', '\x0c']))
    };
    let headers: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    lines_end_alike(head) && headers.into_iter().all(named) && lines.eq([""])
}

/// RFC 9112 §6.3, rule by rule, for what we serve; `None` is to be refused.
fn framing(request: &Request<'_, '_>) -> Option<Framing> {
    let [_] = values(request.headers, "host")[..] else { return None };
    if !is_target(request) || request.method?.len() > 31 {
        return None;
    }
    let codings = values(request.headers, "transfer-encoding").join(&b","[..]);
    let lengths = values(request.headers, "content-length");
    if has(request.headers, "transfer-encoding") {
        // §6.1: both together, and a coding in HTTP/1.0, are faulty.
        let faulty = !lengths.is_empty() || request.version == Some(0);
        return (!faulty && codings.eq_ignore_ascii_case(b"chunked")).then_some(Framing::Chunked);
    }
    match lengths[..] {
        [] if upgrades(request) => Some(Framing::Upgrade),
        [] => Some(Framing::Empty),
        // More than other parsers can count is none, and neither are two.
        [length] => decimal(length).filter(|length| *length < 1 << 63).map(|length| match length {
            0 => Framing::Empty,
            length => Framing::Length(length),
        }),
        _ => None,
    }
}

/// RFC 9110 §7.8 and RFC 6455 §4.1: GET by HTTP/1.1, with an option of the connection.
fn upgrades(request: &Request<'_, '_>) -> bool {
    let connection = values(request.headers, "connection").join(&b","[..]).to_ascii_lowercase();
    let mut options = connection.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let protocols = values(request.headers, "upgrade");
    let websocket = protocols.iter().any(|value| value.eq_ignore_ascii_case(b"websocket"));
    (request.method, request.version) == (Some("GET"), Some(1))
        && websocket
        && options.any(|option| option == b"upgrade")
}

/// RFC 9112 §3.2: a path, a URL of ours, or the server itself.
fn is_target(request: &Request<'_, '_>) -> bool {
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let lower = target.to_ascii_lowercase();
    let authority = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"));
    let absolute = authority.is_some_and(|authority| !authority.is_empty() && !authority.starts_with(['/', '?', '#']));
    target.starts_with('/') || absolute || (method, target) == ("OPTIONS", "*")
}

fn has(headers: &[Header<'_>], name: &str) -> bool {
    headers.iter().any(|header| header.name.eq_ignore_ascii_case(name))
}

fn values<'a>(headers: &[Header<'a>], name: &str) -> Vec<&'a [u8]> {
    headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value).collect()
}

/// One or more digits, as a number.
fn decimal(value: &[u8]) -> Option<u64> {
    let digit = |number: u64, byte: &u8| number.checked_mul(10)?.checked_add(u64::from(byte.checked_sub(b'0')?));
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    digits.then(|| value.iter().try_fold(0, digit))?
}
