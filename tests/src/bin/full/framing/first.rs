//! The first line: method, target and version (RFC 9112 §3).

use super::case::{Case, Table, Wanted, request};

/// Methods of known and of unknown name; CONNECT has cases of its own.
const METHODS: &[&[u8]] = &[
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"TRACE",
    b"PATCH",
    b"PURGE",
    b"get",
    b"Get",
    b"GETX",
    b"G",
    b"PROPFIND",
    b"M-SEARCH",
    b"!#$%&'*+-.^_`|~",
];

const NO_METHODS: &[&[u8]] = &[
    b"",
    b"GE T",
    b"GET\t",
    b"GET\x00",
    b"\x00GET",
    b"GET\x0b",
    b"GE(T",
    b"GET:",
    b"GET/",
    b"\"GET\"",
    b"G\xc3\x89T",
    b"GET\xa0",
    b"GET,",
    b"{GET}",
    b"GET\r",
    b"GET\n",
    b"G\rET",
    b"GET?",
    b"GE=T",
    b"G@T",
    b"[GET]",
    b"GET\x7f",
];

/// Targets in the origin form, some of them odd.
const TARGETS: &[&[u8]] = &[
    b"/case-####",
    b"/case-####?",
    b"/case-####?a=b&c",
    b"/case-####??",
    b"//case-####",
    b"/case-####//",
    b"/./case-####",
    b"/a/../case-####",
    b"/case-####/..",
    b"/case-####;a=b",
    b"/case-####:80",
    b"/case-####@b.example",
    b"/case-####%0d%0aX:%20y",
    b"/case-####%2f%2e%2e",
    b"/case-####/http://b.example/",
    b"//b.example/case-####",
    b"/case-####?http://b.example/",
];

const ODD_TARGETS: &[&[u8]] = &[
    b"/case-####%",
    b"/case-####%zz",
    b"/../case-####",
    b"/case-####%00",
    b"/case-#####a",
    b"/case-####?a#b",
    b"/case-####\\..",
    b"/case-####<>",
    b"/case-####\"",
    b"/case-####{}",
    b"/case-####|^`",
    b"/case-####[]",
    b"/case-####\x80",
    b"/case-####\xff",
    b"/case-####\xc3\xa9",
    b"/case-####\x7f",
    b"/case-####\x01",
    b"/case-####\x0b",
    b"/case-####\x1b",
    b"?case-####",
];

const NO_TARGETS: &[&[u8]] = &[
    b"",
    b"case-####",
    b"*/case-####",
    b"**",
    b"a.example:80",
    b"a.example/case-####",
    b"../case-####",
    b"\\case-####",
    b"/case-#### a",
    b"/case-#### /inner-####",
    b" /case-####",
    b"/case-#### ",
    b"\t/case-####",
    b"/case-####\t",
    b"/case-####\ta",
    b"/case-####\x00",
    b"/case-####\x00a",
    b"/case-####\r",
    b"/case-####\ra",
    b"/case-####\n",
    b"/case-#### HTTP/1.1",
    b"/case-#### HTTP/1.1\tHost:b",
    b"/case-####\x0c",
    b"%2fcase-####",
    b"#case-####",
];

const NO_VERSIONS: &[&[u8]] = &[
    b" HTTP/1.2",
    b" HTTP/1.9",
    b" HTTP/0.9",
    b" HTTP/2.0",
    b" HTTP/2",
    b" HTTP/3.0",
    b" HTTP/9.9",
    b" HTTP/1",
    b" HTTP/1.",
    b" HTTP/.1",
    b" HTTP/1.10",
    b" HTTP/1.11",
    b" HTTP/01.1",
    b" HTTP/1.01",
    b" HTTP/11",
    b" HTTP/1,1",
    b" HTTP/1.1.1",
    b" HTTP/-1.1",
    b" HTTP/1.-1",
    b" HTTP/1.x",
    b" http/1.1",
    b" Http/1.1",
    b" HTTPS/1.1",
    b" HTP/1.1",
    b" HTTP 1.1",
    b" HTTP//1.1",
    b" HTTP\\1.1",
    b" /1.1",
    b" 1.1",
    b" ICY/1.1",
    b" HTTP/1.1 ",
    b" HTTP/1.1\t",
    b" HTTP/1.1 a",
    b" HTTP/1.1\x00",
    b" HTTP/1.1\x0b",
    b"  HTTP/1.1",
    b"\tHTTP/1.1",
    b"\x0bHTTP/1.1",
    b"\x0cHTTP/1.1",
    b"\xa0HTTP/1.1",
    b" \tHTTP/1.1",
    b" HTTP/\x001.1",
    b" HTTP/1.1\r",
    b"",
    b" ",
];

pub(super) fn cases() -> Vec<Case> {
    let mut table = Table::new("first line");
    for (wanted, methods) in [(Wanted::Either, METHODS), (Wanted::Refused, NO_METHODS)] {
        for method in methods {
            let line = [method, &b" /case-#### HTTP/1.1"[..]].concat();
            table.add(wanted, format_args!("method {}", method.escape_ascii()), post(&line));
        }
    }
    for (wanted, targets) in [(Wanted::Served, TARGETS), (Wanted::Either, ODD_TARGETS), (Wanted::Refused, NO_TARGETS)] {
        for target in targets {
            let line = [b"GET ", *target, b" HTTP/1.1"].concat();
            table.add(wanted, format_args!("target {}", target.escape_ascii()), request(&line, b"", b""));
        }
    }
    for version in NO_VERSIONS {
        let line = [b"POST /case-####", *version].concat();
        table.add(Wanted::Refused, format_args!("version {}", version.escape_ascii()), post(&line));
    }
    table.add(Wanted::Refused, "HTTP/0.9", b"GET /case-####\r\n".to_vec());
    table.add(Wanted::Refused, "HTTP/0.9 and an empty line", b"GET /case-####\r\n\r\n".to_vec());
    table.add(Wanted::Refused, "HTTP/0.9 with Host", b"GET /case-####\r\nHost: a.example\r\n\r\n".to_vec());
    table.add(Wanted::Refused, "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec());
    table.add(Wanted::Refused, "half the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\n".to_vec());
    table.add(Wanted::Refused, "PRI on HTTP/1.1", b"PRI * HTTP/1.1\r\nHost: a.example\r\n\r\n".to_vec());
    table.add(Wanted::Refused, "TLS", b"\x16\x03\x01\x00\x05hello".to_vec());
    table.add(Wanted::Refused, "a PROXY header", [&b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n"[..], &get()].concat());
    table.add(Wanted::Refused, "a target of 70,000 bytes", request(&long(), b"", b""));
    table.cases
}

fn post(line: &[u8]) -> Vec<u8> {
    request(line, b"Content-Length: 5\r\n", b"hello")
}

fn get() -> Vec<u8> {
    request(b"GET /case-#### HTTP/1.1", b"", b"")
}

fn long() -> Vec<u8> {
    [b"GET /case-####", b"x".repeat(70_000).as_slice(), b" HTTP/1.1"].concat()
}
