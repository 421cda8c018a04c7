//! Who is asked: `Host` and the forms of a target that name a host (RFC 9112 §3.2).

use super::case::{Case, Table, Wanted};

const LINE: &[u8] = b"GET /case-#### HTTP/1.1";

const MARKER: &[u8] = b"X-Marker: case-####\r\n";

/// Header lines of a request to a path.
const FINE: &[&[u8]] =
    &[b"host: a.example\r\n", b"HOST:a.example\r\n", b"Host: \t a.example \t\r\n", b"Host: A.EXAMPLE\r\n"];

const ODD: &[&[u8]] = &[
    b"Host: a.example:80\r\n",
    b"Host: a.example:\r\n",
    b"Host: a.example.\r\n",
    b"Host: a.example:99999\r\n",
    b"Host: a.example:080\r\n",
    b"Host:\r\n",
    b"Host: b.example\r\n",
    b"Host: 127.0.0.1\r\n",
    b"Host: [::1]\r\n",
    b"Host: a.example\r\nX-Forwarded-Host: b.example\r\n",
    b"Host: a.example\r\nForwarded: host=b.example\r\n",
];

const FOUL: &[&[u8]] = &[
    b"",
    b"Host: a.example\r\nHost: a.example\r\n",
    b"Host: a.example\r\nHost: b.example\r\n",
    b"Host: b.example\r\nHost: a.example\r\n",
    b"Host: a.example\r\nhost: b.example\r\n",
    b"Host:\r\nHost: a.example\r\n",
    b"Host: a.example\r\nHost:\r\n",
    b"Host : a.example\r\n",
    b" Host: a.example\r\n",
    b"Host\x00: a.example\r\n",
    b"Host: a.example\r\n b.example\r\n",
    b"Host:\r\n a.example\r\n",
    b"X: y\r\n Host: a.example\r\n",
    b"Host: a.example\rHost: b.example\r\n",
    b"Host: a.example\nHost: b.example\r\n",
    b"Host: a.example\x00\r\n",
    b"Host: a.example\x00.b.example\r\n",
    b"Host: a.example\x0b\r\n",
    b"Host: a.example b.example\r\n",
    b"Host: a.example\tb.example\r\n",
    b"Host: a.example, b.example\r\n",
    b"Host: a.example/\r\n",
    b"Host: a.example/case\r\n",
    b"Host: a.example?b\r\n",
    b"Host: a.example#b\r\n",
    b"Host: a.example\\b\r\n",
    b"Host: user@a.example\r\n",
    b"Host: a.example@b.example\r\n",
    b"Host: http://a.example\r\n",
    b"Host: a.example:port\r\n",
    b"Host: a.example:80:80\r\n",
    b"Host: a.example:+80\r\n",
    b"Host: a.example:-80\r\n",
    b"Host: :80\r\n",
    b"Host: a.exampl\xc3\xa9\r\n",
    b"Host: \xff\r\n",
    b"Host: a_example!%zz\r\n",
    b"Host: \"a.example\"\r\n",
    b"Host: <a.example>\r\n",
    b"Host: a.example;b\r\n",
    b"Host: [a.example]\r\n",
    b"Host: [::1\r\n",
];

/// Lines and the `Host` beside them, where the target names a host too.
const FORMS: &[(Wanted, &[u8], &[u8])] = &[
    (Wanted::Served, b"GET http://a.example/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Served, b"GET http://a.example/case-####?q HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET HTTP://a.example/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http://A.EXAMPLE/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http://a.example:80/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http://a.example/case-#### HTTP/1.1", b"a.example:80"),
    (Wanted::Either, b"GET http://a.example HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http://a.example/ HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http://a.example?case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET https://a.example/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET ftp://a.example/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET a://a.example/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http://a.example/case-#### HTTP/1.1", b"b.example"),
    (Wanted::Either, b"GET http://b.example/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http://a.example/case-#### HTTP/1.1", b""),
    (Wanted::Either, b"GET http://a.example/case-####/../ HTTP/1.1", b"c.example"),
    (Wanted::Either, b"GET http://user@a.example/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http://user:word@a.example/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http://a.example#b.example/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http:///case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http:/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http:case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http://a.example\\@b.example/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http://a.example:80:80/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http://a.example%00/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET http://[::1]/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET ://a.example/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Either, b"OPTIONS http://a.example HTTP/1.1", b"a.example"),
    (Wanted::Either, b"OPTIONS * HTTP/1.1", b"a.example"),
    (Wanted::Either, b"GET * HTTP/1.1", b"a.example"),
    (Wanted::Refused, b"CONNECT a.example:80 HTTP/1.1", b"a.example:80"),
    (Wanted::Refused, b"CONNECT a.example HTTP/1.1", b"a.example"),
    (Wanted::Refused, b"CONNECT /case-#### HTTP/1.1", b"a.example"),
    (Wanted::Refused, b"CONNECT http://a.example/case-#### HTTP/1.1", b"a.example"),
    (Wanted::Refused, b"CONNECT * HTTP/1.1", b"a.example"),
    (Wanted::Refused, b"CONNECT a.example:80 HTTP/1.0", b"a.example:80"),
    (Wanted::Either, b"connect a.example:80 HTTP/1.1", b"a.example:80"),
    (Wanted::Refused, b"GET a.example:80 HTTP/1.1", b"a.example:80"),
    (Wanted::Refused, b"POST a.example:80 HTTP/1.1", b"a.example:80"),
    (Wanted::Refused, b"GET a.example HTTP/1.1", b"a.example"),
];

/// Requests of HTTP/1.0.
const OLD: &[(Wanted, &[u8])] = &[
    (Wanted::Either, b""),
    (Wanted::Served, b"Host: a.example\r\nConnection: keep-alive\r\n"),
    (Wanted::Either, b"Host: a.example\r\n"),
    (Wanted::Either, b"Host: a.example\r\nConnection: Keep-Alive, close\r\n"),
    (Wanted::Either, b"Host: a.example\r\nKeep-Alive: timeout=5\r\n"),
    (Wanted::Either, b"Host: a.example\r\nProxy-Connection: keep-alive\r\n"),
    (Wanted::Refused, b"Host: a.example\r\nHost: b.example\r\nConnection: keep-alive\r\n"),
];

pub(super) fn cases() -> Vec<Case> {
    let mut table = Table::new("host");
    for (wanted, hosts) in [(Wanted::Served, FINE), (Wanted::Either, ODD), (Wanted::Refused, FOUL)] {
        table.add_each(wanted, hosts, |host| [LINE, b"\r\n", host, MARKER, b"\r\n"].concat());
    }
    for (wanted, line, host) in FORMS {
        let name = format!("{} with Host: {}", line.escape_ascii(), host.escape_ascii());
        table.add(*wanted, name, [line, &b"\r\nHost: "[..], host, b"\r\n", MARKER, b"\r\n"].concat());
    }
    for (wanted, headers) in OLD {
        let name = format!("HTTP/1.0 {}", headers.escape_ascii());
        table.add(*wanted, name, [b"GET /case-#### HTTP/1.0\r\n", *headers, MARKER, b"\r\n"].concat());
    }
    table.cases
}
