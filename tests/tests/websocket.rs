//! WebSockets through the gateway.
#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::time::Duration;

use net_pingora_backends::{Running, Sample, start};
use net_pingora_tests::gateway::{Route, TestGateway};
use net_pingora_tests::raw::{ScriptedUpstream, talk};
use net_pingora_tests::websocket::{Heard, WebSocket};
use tokio_tungstenite::tungstenite::Error;

const HOST: &str = "ws.example";

async fn served() -> (Running, TestGateway) {
    let backend = start(Sample::WebSocket, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let gateway = TestGateway::start([Route::to(HOST, backend.address)]);
    (backend, gateway)
}

fn text(text: impl Into<String>) -> Heard {
    Heard::Text(text.into())
}

#[tokio::test]
async fn messages_are_carried_both_ways() {
    let (_backend, gateway) = served().await;
    let mut socket = WebSocket::open(gateway.external, HOST, "/").await.unwrap();
    for number in 0..100 {
        socket.say(&number.to_string()).await.unwrap();
        assert_eq!(socket.hear().await.unwrap(), text(number.to_string()));
    }
    let long = "x".repeat(512 << 10);
    socket.say(&long).await.unwrap();
    assert_eq!(socket.hear().await.unwrap(), text(long));
}

#[tokio::test]
async fn close_codes_are_carried_both_ways() {
    let (_backend, gateway) = served().await;
    let mut socket = WebSocket::open(gateway.external, HOST, "/").await.unwrap();
    socket.close(4000).await.unwrap();
    assert_eq!(socket.hear().await.unwrap(), Heard::Close(4000));

    let mut socket = WebSocket::open(gateway.external, HOST, "/close?code=4001").await.unwrap();
    assert_eq!(socket.hear().await.unwrap(), Heard::Close(4001));
}

#[tokio::test]
async fn what_one_says_in_the_chat_all_hear() {
    let (_backend, gateway) = served().await;
    let mut one = WebSocket::open(gateway.external, HOST, "/chat").await.unwrap();
    // Who hears himself has joined.
    one.say("first").await.unwrap();
    assert_eq!(one.hear().await.unwrap(), text("first"));
    let mut other = WebSocket::open(gateway.external, HOST, "/chat").await.unwrap();
    other.say("second").await.unwrap();
    assert_eq!(other.hear().await.unwrap(), text("second"));
    assert_eq!(one.hear().await.unwrap(), text("second"));
}

#[tokio::test]
async fn an_upgrade_of_an_unknown_host_is_refused() {
    let (_backend, gateway) = served().await;
    let refused = WebSocket::open(gateway.external, "stranger.example", "/").await;
    assert!(matches!(&refused, Err(Error::Http(answer)) if answer.status() == 404), "{refused:?}");
}

/// An upgrade is HTTP/1.1's, whatever the port's name says (RFC 9113 §8.6).
#[tokio::test]
async fn a_port_that_names_http2_is_upgraded_all_the_same() {
    let (backend, _) = served().await;
    let gateway = TestGateway::start([Route::to_h2(HOST, backend.address)]);
    let mut socket = WebSocket::open(gateway.external, HOST, "/").await.unwrap();
    socket.say("hello").await.unwrap();
    assert_eq!(socket.hear().await.unwrap(), text("hello"));
}

#[tokio::test]
async fn a_silent_socket_outlives_every_deadline_of_the_gateway() {
    let (backend, _) = served().await;
    let gateway = TestGateway::with([Route::to(HOST, backend.address)], |settings| {
        let timeouts = &mut settings.timeouts;
        (timeouts.idle, timeouts.head) = (Duration::from_millis(200), Duration::from_millis(200));
        (timeouts.upstream_idle, timeouts.response) = (Duration::from_millis(200), Some(Duration::from_millis(200)));
    });
    let mut socket = WebSocket::open(gateway.external, HOST, "/").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    socket.say("still here").await.unwrap();
    assert_eq!(socket.hear().await.unwrap(), text("still here"));
}

#[tokio::test]
async fn an_upgrade_to_anything_else_is_an_ordinary_request() {
    let (_backend, gateway) = served().await;
    let upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    let last = "GET / HTTP/1.1\r\nHost: ws.example\r\nConnection: close\r\n\r\n";
    let request = format!("GET / HTTP/1.1\r\nHost: ws.example\r\n{upgrade}\r\n{last}");
    let answer = talk(gateway.external, request.as_bytes()).await.unwrap();
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
}

#[tokio::test]
async fn what_comes_before_a_websocket_is_granted_waits() {
    let refuses = b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\n\r\n";
    let upstream = ScriptedUpstream::start(b"\r\n\r\n", refuses).await.unwrap();
    let gateway = TestGateway::start([Route::to("a", upstream.address)]);
    let asks = "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let last = "GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = talk(gateway.external, format!("{asks}{last}").as_bytes()).await.unwrap();
    assert_eq!(answer.matches("HTTP/1.1 426 ").count(), 2, "{answer}");
    let seen = upstream.received().concat();
    assert!(seen.starts_with("GET /1 ") && seen.contains("\r\n\r\nGET /2 "), "{seen}");
}

#[tokio::test]
async fn a_backend_cannot_make_a_tunnel_of_an_ordinary_request() {
    let switches = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let upstream = ScriptedUpstream::start(b"\r\n\r\n", switches).await.unwrap();
    let gateway = TestGateway::start([Route::to("a", upstream.address)]);
    for headers in ["Upgrade: websocket\r\n", "Connection: Upgrade\r\nUpgrade: h2c\r\n", ""] {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\nGET /secret HTTP/1.1\r\nHost: b\r\n\r\n");
        let answer = talk(gateway.external, request.as_bytes()).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    }
    let seen = upstream.received().concat();
    assert!(!seen.to_lowercase().contains("upgrade") && !seen.contains("/secret"), "{seen}");
}
