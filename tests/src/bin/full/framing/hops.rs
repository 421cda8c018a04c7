//! What is said to the next hop: `Connection`, `Upgrade` and `Expect` (RFC 9110 §7.6.1, §7.8, §10.1.1).

use super::case::{Case, Table, Wanted, get, post, request, smuggled};

/// Names a hop must not strip, or the next one reads another request.
const NOMINATED: &[&[u8]] = &[
    b"Content-Length",
    b"content-length, close",
    b"Transfer-Encoding",
    b"Host",
    b"X-Marker",
    b"X-Request-Id",
    b"X-Forwarded-For, X-Forwarded-Proto",
    b"Connection",
    b"keep-alive, Content-Length, Host",
    b"upgrade, Content-Length",
    b"TE, Trailer, Transfer-Encoding",
    b"Expect",
];

const CONNECTIONS: &[&[u8]] = &[
    b"close",
    b"CLOSE",
    b"close, keep-alive",
    b"keep-alive",
    b"",
    b",",
    b"\x80",
    b"\"close\"",
    b"keep-alive\r\nConnection: close",
    b"close\r\nConnection: keep-alive",
    b"HTTP2-Settings",
];

const UPGRADES: &[&[u8]] = &[
    b"Upgrade: websocket\r\n",
    b"Connection: upgrade\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"Connection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
    b"Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n",
    b"Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket/13\r\n",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
    b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
    b"Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n",
    b"Connection: Upgrade\r\nUpgrade:\r\n",
    b"Connection: Upgrade\r\nUpgrade: \x80\r\n",
    b"Connection: Upgrade\r\nUpgrade: other\r\n",
];

const EXPECTS: &[&[u8]] = &[
    b"Expect: 100-continue\r\n",
    b"Expect: 100-CONTINUE\r\n",
    b"Expect: 100-continue\r\nExpect: 100-continue\r\n",
    b"Expect: 100-continue, 100-continue\r\n",
    b"Expect: 100-continue;x\r\n",
    b"Expect: y 100-continue\r\n",
    b"Expect: 200-ok\r\n",
    b"Expect:\r\n",
];

const LENGTH: &[u8] = b"Content-Length: 5\r\n";

const CODING: &[u8] = b"Transfer-Encoding: chunked\r\n";

const CHUNKS: &[u8] = b"5\r\nhello\r\n0\r\n\r\n";

pub(super) fn cases() -> Vec<Case> {
    let mut table = Table::new("hop");
    for nominated in NOMINATED {
        let header = [b"Connection: ", *nominated, b"\r\n"].concat();
        let name = |body| format!("Connection: {} with {body}", nominated.escape_ascii());
        table.add(Wanted::Either, name("a length"), post(&[&header, LENGTH].concat(), b"hello"));
        table.add(
            Wanted::Either,
            name("a request as its body"),
            post(&[header.as_slice(), &length_of(smuggled())].concat(), smuggled()),
        );
        table.add(Wanted::Either, name("chunks"), post(&[&header, CODING].concat(), CHUNKS));
        table.add(Wanted::Either, name("no body"), get(&header));
    }
    for connection in CONNECTIONS {
        let header = [b"Connection: ", *connection, b"\r\n", LENGTH].concat();
        table.add(Wanted::Either, format_args!("Connection: {}", connection.escape_ascii()), post(&header, b"hello"));
    }
    for upgrade in UPGRADES {
        let name = |what| format!("{} with {what}", upgrade.escape_ascii());
        table.add(Wanted::Either, name("no body"), get(upgrade));
        table.add(Wanted::Either, name("length 0"), post(&[upgrade, &b"Content-Length: 0\r\n"[..]].concat(), b""));
        table.add(Wanted::Either, name("a length"), post(&[upgrade, LENGTH].concat(), b"hello"));
        table.add(Wanted::Either, name("chunks"), post(&[upgrade, CODING].concat(), CHUNKS));
        let old = request(b"GET /case-#### HTTP/1.0", &[upgrade, &b"Connection: keep-alive\r\n"[..]].concat(), b"");
        table.add(Wanted::Either, name("HTTP/1.0"), old);
    }
    for expect in EXPECTS {
        let name = |what| format!("{} with {what}", expect.escape_ascii());
        table.add(Wanted::Either, name("a length"), post(&[expect, LENGTH].concat(), b"hello"));
        table.add(Wanted::Either, name("length 0"), post(&[expect, &b"Content-Length: 0\r\n"[..]].concat(), b""));
        table.add(Wanted::Either, name("no body"), get(expect));
        table.add(Wanted::Either, name("chunks"), post(&[expect, CODING].concat(), CHUNKS));
        table.add(Wanted::Broken, name("bad chunks"), post(&[expect, CODING].concat(), b"5\r\nhelloXX0\r\n\r\n"));
        table.add(Wanted::Refused, name("length and coding"), post(&[expect, LENGTH, CODING].concat(), CHUNKS));
        let old =
            request(b"POST /case-#### HTTP/1.0", &[expect, LENGTH, b"Connection: keep-alive\r\n"].concat(), b"hello");
        table.add(Wanted::Either, name("HTTP/1.0"), old);
    }
    table.cases
}

fn length_of(body: &[u8]) -> Vec<u8> {
    format!("Content-Length: {}\r\n", body.len()).into_bytes()
}
