//! Chunks, their extensions and the trailers after them (RFC 9112 §7.1).

use super::case::{Case, Table, Wanted, post, smuggled};

const CLEAN: &[&[u8]] = &[
    b"0\r\n\r\n",
    b"1\r\nh\r\n4\r\nello\r\n0\r\n\r\n",
    b"005\r\nhello\r\n0\r\n\r\n",
    b"a\r\n0123456789\r\n0\r\n\r\n",
    b"A\r\n0123456789\r\n0\r\n\r\n",
    b"5\r\nhello\r\n00000\r\n\r\n",
    b"2\r\n\r\n\r\n0\r\n\r\n",
    b"5\r\n0\r\n\r\n\r\n0\r\n\r\n",
    b"5;ext\r\nhello\r\n0\r\n\r\n",
    b"5;ext=1\r\nhello\r\n0\r\n\r\n",
    b"5;ext=\"a b\"\r\nhello\r\n0\r\n\r\n",
    b"5;ext=\"a;b\"\r\nhello\r\n0\r\n\r\n",
    b"5;a;b=c\r\nhello\r\n0;last\r\n\r\n",
];

/// Odd, and not what would move the end of a chunk.
const ODD: &[&[u8]] = &[
    b"5;\r\nhello\r\n0\r\n\r\n",
    b"5;=\r\nhello\r\n0\r\n\r\n",
    b"5;;\r\nhello\r\n0\r\n\r\n",
    b"5;ext=\"open\r\nhello\r\n0\r\n\r\n",
    b"5;ext=\"a\\\"b\"\r\nhello\r\n0\r\n\r\n",
    b"5; ext\r\nhello\r\n0\r\n\r\n",
    b"5;\text\r\nhello\r\n0\r\n\r\n",
    b"5;ext=\x00\r\nhello\r\n0\r\n\r\n",
    b"5;ext=\x80\xff\r\nhello\r\n0\r\n\r\n",
    b"5;ext\x0b\r\nhello\r\n0\r\n\r\n",
    b"000000000000005\r\nhello\r\n0\r\n\r\n",
    b"0000000000000005\r\nhello\r\n0\r\n\r\n",
    b"00000000000000000000005\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b"5\t\r\nhello\r\n0\r\n\r\n",
    b"5 ;ext\r\nhello\r\n0\r\n\r\n",
];

/// What one parser ends here and another there.
const FOUL: &[&[u8]] = &[
    b"+5\r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"-0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"0X5\r\nhello\r\n0\r\n\r\n",
    b"5h\r\nhello\r\n0\r\n\r\n",
    b"5_0\r\nhello\r\n0\r\n\r\n",
    b"5.0\r\nhello\r\n0\r\n\r\n",
    b"5,5\r\nhello\r\n0\r\n\r\n",
    b"5 5\r\nhello\r\n0\r\n\r\n",
    b"5 ext\r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n",
    b"\t5\r\nhello\r\n0\r\n\r\n",
    b"\x0b5\r\nhello\r\n0\r\n\r\n",
    b"5\x0b\r\nhello\r\n0\r\n\r\n",
    b"5\x0c\r\nhello\r\n0\r\n\r\n",
    b"5\x00\r\nhello\r\n0\r\n\r\n",
    b"\x005\r\nhello\r\n0\r\n\r\n",
    b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n",
    b"g\r\nhello\r\n0\r\n\r\n",
    b"\"5\"\r\nhello\r\n0\r\n\r\n",
    b"\r\nhello\r\n0\r\n\r\n",
    b";ext\r\nhello\r\n0\r\n\r\n",
    b"\r\n5\r\nhello\r\n0\r\n\r\n",
    b"\n5\r\nhello\r\n0\r\n\r\n",
    b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    b"fffffffffffffffffffffffb\r\nhello\r\n0\r\n\r\n",
    b"8000000000000005\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\r\n0\r\n\r\n",
    b"5\rhello\r\n0\r\n\r\n",
    b"5\r\r\nhello\r\n0\r\n\r\n",
    b"5\n\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\n0\r\n\r\n",
    b"5\r\nhello\r0\r\n\r\n",
    b"5\r\nhello0\r\n\r\n",
    b"5\r\nhello\r\n\r\n0\r\n\r\n",
    b"5\r\nhello \r\n0\r\n\r\n",
    b"5\r\nhello!\r\n0\r\n\r\n",
    b"5\r\nhello!!\r\n0\r\n\r\n",
    b"4\r\nhello\r\n0\r\n\r\n",
    b"6\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhelloX\n0\r\n\r\n",
    b"5\r\nhelloXX0\r\n\r\n",
    b"5\r\nhello\r\n0\n\n",
    b"5\r\nhello\r\n0\n\r\n",
    b"5\r\nhello\r\n0\r\n\n",
    b"5\r\nhello\r\n0\r\r",
    b"5\r\nhello\r\n0\r\n\r\r\n",
    b"5\r\nhello\r\n0 \r\n\r\n",
    b"5\r\nhello\r\n0x0\r\n\r\n",
    b"5\r\nhello\r\n-0\r\n\r\n",
    b"5;ext\nhello\r\n0\r\n\r\n",
    b"5;e\nxt\r\nhello\r\n0\r\n\r\n",
    b"5;e\rxt\r\nhello\r\n0\r\n\r\n",
    b"5;ext=\"\r\n\"\r\nhello\r\n0\r\n\r\n",
    b"5;ext=\"\n\"\r\nhello\r\n0\r\n\r\n",
    b"5;ext=\"\r\"\r\nhello\r\n0\r\n\r\n",
    b"5;ext\r\r\nhello\r\n0\r\n\r\n",
];

const CLEAN_TRAILERS: &[&[u8]] = &[b"X: y\r\n", b"X: y\r\nZ:\r\n", b"X:y  \r\n"];

/// Of good form, and no trailer (RFC 9110 §6.5.1), or of bad form after the body's end is known.
const ODD_TRAILERS: &[&[u8]] = &[
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: b.example\r\n",
    b"X-Marker: trailer-####\r\n",
    b"X-Request-Id: mine\r\n",
    b"Connection: close\r\n",
    b"no colon\r\n",
    b": no name\r\n",
    b"X : y\r\n",
    b" X: y\r\n",
    b"X: y\r\n folded\r\n",
    b"X\x00: y\r\n",
    b"X: \x00\r\n",
    b"X: \x80\xff\r\n",
    b"GET /inner-#### HTTP/1.1\r\nHost: a.example\r\nX-Marker: inner-####\r\n",
];

const FOUL_TRAILERS: &[&[u8]] =
    &[b"X: y\n", b"X: y\r", b"X: a\rb\r\n", b"X: a\nb\r\n", b"\nX: y\r\n", b"X: y\r\r\n", b"X\n: y\r\n"];

pub(super) fn cases() -> Vec<Case> {
    let mut table = Table::new("chunk");
    for (wanted, bodies) in [(Wanted::Served, CLEAN), (Wanted::Either, ODD), (Wanted::Broken, FOUL)] {
        table.add_each(wanted, bodies, chunked);
    }
    let hidden = [b"0\r\n\r\n", smuggled()].concat();
    let size = format!("{:x}\r\n", hidden.len());
    let inside = [size.as_bytes(), &hidden, b"\r\n0\r\n\r\n"].concat();
    table.add(Wanted::Served, "a chunk that holds a last chunk and a request", chunked(&inside));
    table.add(Wanted::Broken, "an extension of 20,000 bytes", long(b"5;", b"\r\nhello\r\n0\r\n\r\n"));
    table.add(Wanted::Broken, "a trailer of 20,000 bytes", long(b"0\r\nX: ", b"\r\n\r\n"));
    for (wanted, trailers) in
        [(Wanted::Served, CLEAN_TRAILERS), (Wanted::Either, ODD_TRAILERS), (Wanted::Broken, FOUL_TRAILERS)]
    {
        for trailer in trailers {
            let body = [b"5\r\nhello\r\n0\r\n", *trailer, b"\r\n"].concat();
            table.add(wanted, format_args!("trailer {}", trailer.escape_ascii()), chunked(&body));
        }
    }
    table.cases
}

fn chunked(body: &[u8]) -> Vec<u8> {
    post(b"Transfer-Encoding: chunked\r\n", body)
}

fn long(before: &[u8], after: &[u8]) -> Vec<u8> {
    chunked(&[before, &b"x".repeat(20_000), after].concat())
}
