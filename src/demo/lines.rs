//! The lines that the demo prints, with the ports it got.

use std::net::SocketAddr;

use super::line::{Line, Wanted};

/// The manifest to edit first: an 80/20 split.
pub(super) const SPLIT_FILE: &str = "split.yaml";

/// Host of the WebSocket backend and its page.
pub(super) const CHAT_HOST: &str = "chat.default.localhost";

/// Host of the split.
pub(super) const SPLIT_HOST: &str = "hello.default.localhost";

/// What the two revisions of the split say.
pub(super) const OLD: &str = "Hello from hello-00001";
pub(super) const NEW: &str = "Hello from hello-00002";

/// A WebSocket handshake with the key of RFC 6455 §1.3; curl can do no more, so it waits a second for nothing.
const HANDSHAKE: &str = "curl -siN --max-time 1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
    -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' http://chat.default.localhost:PORT/";

/// A call of `demo.Echo/Unary` with the message `text: "hello"`, in gRPC's framing.
const GRPC: &str = "printf '\\0\\0\\0\\0\\007\\012\\005hello' | curl -s --http2-prior-knowledge -H 'te: trailers' \
    -H 'content-type: application/grpc' --data-binary @- http://grpc.default.localhost:PORT/demo.Echo/Unary | tail -c 5";

/// All lines; the first one is also typed by the demo itself.
///
/// curl takes names below `localhost` for loopback by itself; hey does not, so it is told the Host.
pub(super) fn lines(address: SocketAddr) -> Vec<Line> {
    let line = |shows, command: &str, wanted| {
        let command = command.replace("PORT", &address.port().to_string());
        Line { shows, command, wanted }
    };
    let curl = |shows, command, answers| line(shows, command, Wanted::OneOf(answers));
    vec![
        curl("80/20 split between two revisions", "curl -s http://hello.default.localhost:PORT/", &[OLD, NEW]),
        line(
            "2,000 requests to the split: watch its shares",
            &format!("hey -n 2000 -c 20 -host hello.default.localhost http://{address}/"),
            Wanted::AllOk { requests: 2000 },
        ),
        curl("tag host: one revision by a name of its own", "curl -s http://v2-hello.default.localhost:PORT/", &[NEW]),
        curl("header route: no tag", "curl -s http://canary.default.localhost:PORT/", &[OLD]),
        curl(
            "header route: the tag chooses the revision",
            "curl -s -H 'Knative-Serving-Tag: v2' http://canary.default.localhost:PORT/",
            &[NEW],
        ),
        curl("path route: the longest prefix wins", "curl -s http://shop.default.localhost:PORT/v2/cart", &[NEW]),
        curl("custom domain", "curl -s http://vanity.localhost:PORT/", &[OLD]),
        curl("Route without Serving: a tag's own host", "curl -s http://beta-app.default.localhost:PORT/", &[NEW]),
        curl("DomainMapping without Serving", "curl -s http://app.localhost:PORT/", &[OLD]),
        curl("paths of one domain to different services", "curl -s http://portal.localhost:PORT/search", &[NEW]),
        curl(
            "a slow backend",
            "curl -s 'http://slow.default.localhost:PORT/?initialTimeout=300&timeout=200'",
            &["Slept 300 ms, then 200 ms"],
        ),
        curl(
            "a body both ways",
            "curl -s --data-binary 'there and back' http://echo.default.localhost:PORT/",
            &["there and back"],
        ),
        curl(
            "HTTP/2 without TLS, on the same port",
            "curl -s --http2-prior-knowledge http://hello.default.localhost:PORT/",
            &[OLD, NEW],
        ),
        curl("gRPC: a unary call, by curl", GRPC, &["hello"]),
        curl("WebSocket: the handshake, by curl", HANDSHAKE, &["101 Switching Protocols"]),
    ]
}
