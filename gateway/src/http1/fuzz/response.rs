//! The head of a response beside httparse, and its body's length beside RFC 9112 §6.3 taken word by word.

use bytes::BytesMut;
use http::Method;
use httparse::{EMPTY_HEADER, Response, Status};
use net_pingora_fuzz::bytes;
use proptest::prelude::*;

use crate::http1::response::{body, take};

/// What a response is made of, and what has fooled parsers.
const WORDS: [&[u8]; 20] = [
    b"\r\n",
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b"\r\n ",
    b" ",
    b":",
    b",",
    b"\0",
    b"3",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 204 \r\n",
    b"HTTP/1.1 103\r\n",
    b"Content-Length: 3\r\n",
    b"content-length : 3, 3\r\n",
    b"Content-Length: 4\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Connection: close\r\n",
    b"A: b\r\n",
];

#[test]
fn any_head_of_a_response_is_read_as_httparse_reads_it() {
    bytes("response", 5_000, &super::corpus("response"), &WORDS, |input| {
        let mut headers = [EMPTY_HEADER; 256];
        let mut wanted = Response::new(&mut headers);
        let mut config = httparse::ParserConfig::default();
        config.allow_spaces_after_header_name_in_responses(true);
        config.allow_obsolete_multiline_headers_in_responses(true);
        let status = config.parse_response(&mut wanted, input);
        let mut waiting = BytesMut::from(input);
        let read = take(&mut waiting);
        let Ok(Some(mut head)) = read else {
            // Until its end, a head may be one yet.
            prop_assert!(read.is_err() || !matches!(status, Ok(Status::Complete(_))));
            return Ok(());
        };
        prop_assert_eq!(status, Ok(Status::Complete(input.len() - waiting.len())));
        prop_assert_eq!(Some(head.status.as_u16()), wanted.code);
        let of = |name: &str, value: &[u8]| (name.to_ascii_lowercase(), value.to_vec());
        let mut theirs: Vec<_> = wanted.headers.iter().map(|header| of(header.name, &unfolded(header.value))).collect();
        let mut ours: Vec<_> = head.headers.iter().map(|(name, value)| of(name.as_str(), value.as_bytes())).collect();
        theirs.sort_by(|one, other| one.0.cmp(&other.0));
        ours.sort_by(|one, other| one.0.cmp(&other.0));
        prop_assert_eq!(&ours, &theirs);
        let framed = body(&mut head, &Method::GET).map(|body| format!("{body:?}")).ok();
        let kind = framed.as_deref().map(|body| body.split(['(', ' ']).next().unwrap_or_default());
        prop_assert_eq!(kind, framing(head.status.as_u16(), &theirs));
        Ok(())
    });
}

/// Lines that are continued, as one.
fn unfolded(value: &[u8]) -> Vec<u8> {
    if !value.contains(&b'\n') {
        return value.to_vec();
    }
    let text: String = value.iter().copied().map(char::from).collect();
    let lines: Vec<_> = text.lines().map(|line| line.trim_matches([' ', '\t'])).collect();
    lines.join(" ").chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect()
}

/// RFC 9112 §6.3 for the response to a GET; `None` where it cannot be told.
fn framing(status: u16, headers: &[(String, Vec<u8>)]) -> Option<&'static str> {
    let values = |name: &str| -> Vec<String> {
        let values = headers.iter().filter(|(one, _)| one == name).map(|(_, value)| String::from_utf8_lossy(value));
        values
            .flat_map(|value| value.split(',').map(|one| one.trim_matches([' ', '\t']).to_owned()).collect::<Vec<_>>())
            .collect()
    };
    let codings = values("transfer-encoding");
    let chunked = match &codings[..] {
        [] => false,
        [coding] if coding.eq_ignore_ascii_case("chunked") => true,
        _ => return None,
    };
    let lengths = if chunked { Vec::new() } else { values("content-length") };
    let same = lengths.windows(2).all(|two| number(&two[0]) == number(&two[1]));
    let known = lengths.iter().all(|length| number(length).is_some());
    match lengths.first() {
        Some(_) if !(same && known) => None,
        _ if matches!(status, 204 | 304) => Some("Done"),
        _ if chunked => Some("Chunked"),
        Some(length) if number(length) == Some(0) => Some("Done"),
        Some(_) => Some("Length"),
        None => Some("UntilClose"),
    }
}

fn number(digits: &str) -> Option<u64> {
    let clean = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    clean.then(|| digits.parse().ok())?.filter(|&number: &u64| number < 1 << 63)
}
