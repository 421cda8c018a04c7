//! Where lines end, and what a header's name and value may hold (RFC 9112 §2.2 and §5, RFC 9110 §5).

use super::case::{Case, Table, Wanted, get, post};

/// Bytes that are no token's (RFC 9110 §5.6.2).
const NO_TOKEN: &[u8] = b"\x00\x01\x07\x08\t\x0b\x0c\x1b\x1f \"(),/;<=>?@[\\]{}\x7f\x80\xa0\xff";

/// Bytes that a value must not have (RFC 9110 §5.5); CR and LF have cases of their own.
const NO_VALUE: &[u8] = b"\x00";

/// Bytes that a value should not have.
const ODD_VALUE: &[u8] = b"\x01\x07\x08\x0b\x0c\x1b\x1f\x7f\x80\x85\xa0\xff";

/// Heads with line ends of other kinds.
const ENDS: &[&[u8]] = &[
    b"GET /case-#### HTTP/1.1\nHost: a.example\nX-Marker: case-####\n\n",
    b"GET /case-#### HTTP/1.1\nHost: a.example\r\nX-Marker: case-####\r\n\r\n",
    b"GET /case-#### HTTP/1.1\r\nHost: a.example\nX-Marker: case-####\r\n\r\n",
    b"GET /case-#### HTTP/1.1\r\nHost: a.example\r\nX-Marker: case-####\n\r\n",
    b"GET /case-#### HTTP/1.1\r\nHost: a.example\r\nX-Marker: case-####\r\n\n",
    b"GET /case-#### HTTP/1.1\r\nHost: a.example\r\nX-Marker: case-####\n\n",
    b"GET /case-#### HTTP/1.1\rHost: a.example\rX-Marker: case-####\r\r",
    b"GET /case-#### HTTP/1.1\rHost: a.example\r\nX-Marker: case-####\r\n\r\n",
    b"GET /case-#### HTTP/1.1\r\nHost: a.example\rX-Marker: case-####\r\n\r\n",
    b"GET /case-#### HTTP/1.1\r\nHost: a.example\r\nX-Marker: case-####\r\r\n\r\n",
    b"GET /case-#### HTTP/1.1\r\r\nHost: a.example\r\nX-Marker: case-####\r\n\r\n",
    b"GET /case-#### HTTP/1.1\r\nHost: a.example\r\nX-Marker: case-####\r\n\r\r\n",
    b"GET /case-#### HTTP/1.1\r\nHost: a.example\r\nX-Marker: case-####\n\r\n\r\n",
    b"GET /case-#### HTTP/1.1\n\rHost: a.example\n\rX-Marker: case-####\n\r\n\r",
    b"GET /case-#### HTTP/1.1\r\nHost: a.example\r\nX: a\rb\r\nX-Marker: case-####\r\n\r\n",
    b"GET /case-#### HTTP/1.1\r\nHost: a.example\r\nX: a\nb: c\r\nX-Marker: case-####\r\n\r\n",
    b"GET /case-#### HTTP/1.1\r\nHost: a.example\r\nX: a\rContent-Length: 5\r\nX-Marker: case-####\r\n\r\n",
    b"GET /case-#### HTTP/1.1\r\nHost: a.example\r\nX: a\nContent-Length: 5\r\nX-Marker: case-####\r\n\r\n",
    b"GET /case-#### HTTP/1.1\r\nHost: a.example\r\nX: a\rTransfer-Encoding: chunked\r\nX-Marker: case-####\r\n\r\n",
    b"GET /case-#### HTTP/1.1\r\nHost: a.example\r\nX-Marker: case-####\r\nX: \r\r\n\r\n",
    b"GET /case-#### HTTP/1.1\x0bHost: a.example\r\nX-Marker: case-####\r\n\r\n",
    b"GET /case-#### HTTP/1.1\xe2\x80\xa8Host: a.example\r\nX-Marker: case-####\r\n\r\n",
];

/// What stands before a request; RFC 9112 §2.2 lets a server skip empty lines.
const SKIPPED: &[&[u8]] = &[b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n\r\n\r\n\r\n"];

const NOT_SKIPPED: &[&[u8]] = &[
    b"\n",
    b"\n\n",
    b"\r",
    b" \r\n",
    b"\t\r\n",
    b" ",
    b"\t",
    b"\x00",
    b"\x00\r\n",
    b"\x0b\r\n",
    b"\r\n\n",
    b"\r\n\r",
    b"\xef\xbb\xbf",
    b"X: y\r\n",
    b": y\r\n",
];

/// Header lines that are no header.
const NO_HEADER: &[&[u8]] = &[
    b"no colon\r\n",
    b"nocolon\r\n",
    b": no name\r\n",
    b":\r\n",
    b" : y\r\n",
    b"X\r\n: y\r\n",
    b"X :y\r\n",
    b"X\t: y\r\n",
    b" X: y\r\n",
    b"\tX: y\r\n",
    b"X: y\r\n folded\r\n",
    b"X: y\r\n\tfolded\r\n",
    b"X: y\r\n \r\n",
    b"X: y\r\n\t\r\n",
    b"X: y\r\n Content-Length: 5\r\n",
    b"X: y\r\n Transfer-Encoding: chunked\r\n",
    b"X:\r\n y\r\n",
    b"X: y\r\n \r\n z\r\n",
    b" folded\r\n",
    b"GET /inner-#### HTTP/1.1\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"\x0bX: y\r\n",
    b"\xa0X: y\r\n",
];

/// Header lines that are fine.
const FINE: &[&[u8]] = &[
    b"X:\r\n",
    b"X: \r\n",
    b"X:y\r\n",
    b"X:\t y \t\r\n",
    b"X: y: z\r\n",
    b"X: :\r\n",
    b"!#$%&'*+-.^_`|~09azAZ: y\r\n",
    b"X: \"y\"\r\n",
    b"X: a\tb\r\n",
    b"X: y\r\nX: y\r\nx: z\r\n",
    b"X: GET /inner-#### HTTP/1.1\r\n",
    b"X: \\r\\nContent-Length: 5\r\n",
    b"X: %0d%0aContent-Length: 5\r\n",
];

pub(super) fn cases() -> Vec<Case> {
    let mut table = Table::new("line");
    table.add_each(Wanted::Refused, ENDS, <[u8]>::to_vec);
    for (wanted, starts) in [(Wanted::Served, SKIPPED), (Wanted::Refused, NOT_SKIPPED)] {
        for start in starts {
            table.add(wanted, format_args!("first {}", start.escape_ascii()), [start, get(b"").as_slice()].concat());
        }
    }
    table.add_each(Wanted::Refused, NO_HEADER, |line| post(&[line, LENGTH].concat(), b"hello"));
    table.add_each(Wanted::Served, FINE, |line| post(&[line, LENGTH].concat(), b"hello"));
    for &byte in NO_TOKEN {
        let byte = &[byte];
        for (place, name) in [("first", [byte, &b"Name"[..]]), ("last", [&b"Name"[..], byte])] {
            let header = [&name.concat(), &b": y\r\n"[..]].concat();
            table.add(Wanted::Refused, format_args!("{} {place} in a name", byte.escape_ascii()), get(&header));
        }
    }
    for (wanted, bytes) in [(Wanted::Refused, NO_VALUE), (Wanted::Either, ODD_VALUE)] {
        for &byte in bytes {
            let header = [b"X: a", &[byte][..], b"b\r\n"].concat();
            table.add(wanted, format_args!("{} in a value", [byte].escape_ascii()), get(&header));
        }
    }
    table.cases
}

const LENGTH: &[u8] = b"Content-Length: 5\r\n";
