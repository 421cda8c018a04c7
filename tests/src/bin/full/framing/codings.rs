//! `Transfer-Encoding` (RFC 9112 §6.1), alone, beside `Content-Length`, and where HTTP/1.0 does not know it.

use super::case::{Case, Table, Wanted, post, request};

const CLEAN: &[&[u8]] = &[b"chunked", b"CHUNKED", b"cHuNkEd", b"  chunked", b"chunked  ", b"\tchunked\t"];

/// What a recipient must not take for `chunked`, or does not know.
const FOUL: &[&[u8]] = &[
    b"",
    b"chunke",
    b"xchunked",
    b"chunkedx",
    b"chunked chunked",
    b"chunked,",
    b",chunked",
    b", chunked",
    b"chunked, chunked",
    b"chunked,chunked",
    b"chunked;",
    b"chunked;q=1",
    b"chunked, identity",
    b"identity, chunked",
    b"identity",
    b"gzip",
    b"gzip, chunked",
    b"chunked, gzip",
    b"deflate",
    b"compress, chunked",
    b"x-gzip",
    b"trailers",
    b"none",
    b"cow",
    b"cow, chunked",
    b"\"chunked\"",
    b"'chunked'",
    b"(chunked)",
    b"chunked\x00",
    b"\x00chunked",
    b"\x0bchunked",
    b"chunked\x0b",
    b"\x0cchunked",
    b"chunked\x0c",
    b"\xa0chunked",
    b"chun\xc5\xb7ed",
    b"chun\xe2\x84\xaaed",
    b"chunked\r",
    b"\rchunked",
    b"chunked\r\n ",
    b"\r\n chunked",
    b"\r\n\tchunked",
    b"identity\r\n chunked",
    b"chunked\n",
    b"\nchunked",
    b"chu\tnked",
    b"chu nked",
];

/// Names that some parser takes for `Transfer-Encoding`.
const NAMES: &[&[u8]] = &[
    b"Transfer-Encoding ",
    b"Transfer-Encoding\t",
    b" Transfer-Encoding",
    b"\tTransfer-Encoding",
    b"Transfer-Encoding\x00",
    b"\x00Transfer-Encoding",
    b"Transfer-Encoding\x0b",
    b"\x0bTransfer-Encoding",
    b"Transfer-Encoding\r",
    b"Transfer Encoding",
    b"Transfer-Encoding\xa0",
    b"Transfer-\r\n Encoding",
];

/// Two headers.
const PAIRS: &[(&[u8], &[u8])] = &[
    (b"chunked", b"chunked"),
    (b"chunked", b"identity"),
    (b"identity", b"chunked"),
    (b"gzip", b"chunked"),
    (b"chunked", b"gzip"),
    (b"chunked", b""),
    (b"", b"chunked"),
    (b"chunked", b"cow"),
    (b"cow", b"chunked"),
];

const BODY: &[u8] = b"5\r\nhello\r\n0\r\n\r\n";

/// As long as `BODY`.
const LENGTH: &[u8] = b"Content-Length: 15\r\n";

pub(super) fn cases() -> Vec<Case> {
    let mut table = Table::new("coding");
    table.add_each(Wanted::Served, CLEAN, |value| post(&header(value), BODY));
    table.add_each(Wanted::Refused, FOUL, |value| post(&header(value), BODY));
    for value in CLEAN.iter().chain(FOUL) {
        let (name, header) = (value.escape_ascii(), header(value));
        let both = [LENGTH, &header].concat();
        table.add(Wanted::Refused, format!("length, then {name}"), post(&both, BODY));
        let both = [&header, LENGTH].concat();
        table.add(Wanted::Refused, format!("{name}, then length"), post(&both, BODY));
        // RFC 9112 §6.1: the framing of such a request is faulty.
        let old = request(b"POST /case-#### HTTP/1.0", &[&header, KEPT].concat(), BODY);
        let wanted = if CLEAN.contains(value) { Wanted::Either } else { Wanted::Refused };
        table.add(wanted, format!("HTTP/1.0 {name}"), old);
    }
    for (first, second) in PAIRS {
        let name = format!("{} and {}", first.escape_ascii(), second.escape_ascii());
        table.add(Wanted::Refused, name, post(&[header(first), header(second)].concat(), BODY));
    }
    table.add_each(Wanted::Refused, NAMES, |name| post(&[name, b": chunked\r\n"].concat(), BODY));
    table.add_each(Wanted::Served, &[b"TRANSFER-ENCODING", b"transfer-encoding"], |name| {
        post(&[name, b": chunked\r\n"].concat(), BODY)
    });
    // Other names: the body is what the length says.
    table.add_each(Wanted::Served, &[b"Transfer_Encoding", b"TransferEncoding", b"X-Transfer-Encoding"], |name| {
        post(&[name, b": chunked\r\n", LENGTH].concat(), BODY)
    });
    for method in ["GET", "HEAD", "OPTIONS", "DELETE"] {
        let line = format!("{method} /case-#### HTTP/1.1");
        table.add(Wanted::Either, format!("{method} with chunks"), request(line.as_bytes(), &header(b"chunked"), BODY));
    }
    table.cases
}

const KEPT: &[u8] = b"Connection: keep-alive\r\n";

fn header(value: &[u8]) -> Vec<u8> {
    [b"Transfer-Encoding: ", value, b"\r\n"].concat()
}
