//! `Content-Length` (RFC 9110 §8.6, RFC 9112 §6.2).

use super::case::{Case, Table, Wanted, post, request};

/// Numbers as the grammar has them, with white space around.
const CLEAN: &[&[u8]] = &[b"5", b"  5", b"5  ", b"\t5\t", b"05", b"0000000000005"];

/// Lists of the same number may be read as one (RFC 9110 §8.6).
const LISTS: &[&[u8]] = &[b"5,5", b"5, 5", b"5 ,5", b"5,5,5"];

/// No length at all.
const FOUL: &[&[u8]] = &[
    b"",
    b"+5",
    b"-5",
    b"-0",
    b"+0",
    b"- 5",
    b"5-",
    b"5.",
    b"5.0",
    b".5",
    b"5e0",
    b"5h",
    b"5L",
    b"0x5",
    b"0X5",
    b"x5",
    b"0o5",
    b"0b101",
    b"five",
    b"5 5",
    b"5\t5",
    b"5;",
    b"5;5",
    b"5,",
    b",5",
    b"5,6",
    b"6, 5",
    b"0, 5",
    b"5, chunked",
    b"1_0",
    b"'5'",
    b"\"5\"",
    b"(5)",
    b"5 bytes",
    b"5%00",
    b"\x005",
    b"5\x00",
    b"\x0b5",
    b"5\x0b",
    b"\x0c5",
    b"5\x0c",
    b"\xa05",
    b"\xef\xbc\x95",
    b"5\r",
    b"\r5",
    b"18446744073709551616",
    b"18446744073709551621",
    b"99999999999999999999999999",
    b"-18446744073709551611",
];

/// Two headers that differ, or of which one is no length.
const CONFLICTS: &[(&[u8], &[u8])] = &[
    (b"5", b"6"),
    (b"6", b"5"),
    (b"0", b"5"),
    (b"5", b"0"),
    (b"5", b""),
    (b"", b"5"),
    (b"5", b"+5"),
    (b"+5", b"5"),
    (b"5", b"five"),
    (b"five", b"5"),
];

/// Names that some parser takes for `Content-Length`.
const NAMES: &[&[u8]] = &[
    b"Content-Length ",
    b"Content-Length\t",
    b" Content-Length",
    b"\tContent-Length",
    b"Content-Length\x00",
    b"\x00Content-Length",
    b"Content-Length\x0b",
    b"\x0bContent-Length",
    b"Content-Length\x0c",
    b"Content-Length\r",
    b"Content Length",
    b"Content-Length\xa0",
    b"\"Content-Length\"",
    b"Content-\r\n Length",
    b":Content-Length",
];

const BODY: &[u8] = b"hello";

pub(super) fn cases() -> Vec<Case> {
    let mut table = Table::new("length");
    for method in ["POST", "GET"] {
        for (wanted, values) in [(Wanted::Served, CLEAN), (Wanted::Either, LISTS), (Wanted::Refused, FOUL)] {
            for value in values {
                let name = format!("{method} {}", value.escape_ascii());
                let line = format!("{method} /case-#### HTTP/1.1");
                table.add(wanted, name, request(line.as_bytes(), &header(value), BODY));
            }
        }
    }
    let twice = |first: &[u8], second: &[u8]| post(&[header(first), header(second)].concat(), BODY);
    table.add(Wanted::Either, "5 twice", twice(b"5", b"5"));
    table.add(Wanted::Either, "5 and 05", twice(b"5", b"05"));
    table.add(Wanted::Either, "three times", post(&header(b"5").repeat(3), BODY));
    for (first, second) in CONFLICTS {
        let name = format!("{} and {}", first.escape_ascii(), second.escape_ascii());
        table.add(Wanted::Refused, name, twice(first, second));
    }
    table.add_each(Wanted::Refused, NAMES, |name| post(&[name, b": 5\r\n"].concat(), BODY));
    // Other names: what follows the head is no body.
    for name in ["Content_Length", "Content-Lengths", "X-Content-Length", "ContentLength", "Content--Length"] {
        table.add(Wanted::Served, name, post(format!("{name}: 5\r\n").as_bytes(), b""));
    }
    for name in ["CONTENT-LENGTH", "content-length", "cOnTeNt-LeNgTh"] {
        table.add(Wanted::Served, name, post(format!("{name}: 5\r\n").as_bytes(), BODY));
    }
    table.add(Wanted::Served, "HTTP/1.0 with keep-alive", request(b"POST /case-#### HTTP/1.0", KEPT, BODY));
    for huge in ["4294967301", "9223372036854775807", "9223372036854775808", "18446744073709551615"] {
        table.add(Wanted::Unfinished, format!("{huge}, short"), post(&header(huge.as_bytes()), BODY));
    }
    table.cases
}

const KEPT: &[u8] = b"Connection: keep-alive\r\nContent-Length: 5\r\n";

fn header(value: &[u8]) -> Vec<u8> {
    [b"Content-Length: ", value, b"\r\n"].concat()
}
