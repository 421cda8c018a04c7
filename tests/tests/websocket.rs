//! WebSockets through the gateway.
#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::time::Duration;

use net_pingora_backends::{Running, Sample, start};
use net_pingora_tests::gateway::{Route, TestGateway};
use net_pingora_tests::raw::{PATIENCE, ScriptedUpstream, read_until, talk};
use net_pingora_tests::websocket::{Heard, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
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

const ASKS: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const GRANTS: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/// Both ends of a tunnel: the client's, which was told so, and the upstream's, which has said `first` with its grant.
async fn tunnel(gateway: &TestGateway, listener: &TcpListener, first: &[u8]) -> (TcpStream, TcpStream) {
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    client.write_all(ASKS).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    read_until(&mut upstream, |read| read.ends_with(b"\r\n\r\n")).await;
    upstream.write_all(&[GRANTS, first].concat()).await.unwrap();
    let granted = read_until(&mut client, |read| read.ends_with(&[b"\r\n\r\n", first].concat())).await;
    assert!(granted.starts_with("HTTP/1.1 101 "), "{granted}");
    (client, upstream)
}

async fn listening() -> (TcpListener, TestGateway) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = TestGateway::start([Route::to("a", listener.local_addr().unwrap())]);
    (listener, gateway)
}

#[tokio::test]
async fn what_comes_along_with_the_grant_is_the_first_of_the_tunnel() {
    let (listener, gateway) = listening().await;
    let (mut client, mut upstream) = tunnel(&gateway, &listener, b"welcome").await;
    upstream.write_all(b"more").await.unwrap();
    assert_eq!(read_until(&mut client, |read| read.ends_with(b"more")).await, "more");
    client.write_all(b"thanks").await.unwrap();
    assert_eq!(read_until(&mut upstream, |read| read.ends_with(b"thanks")).await, "thanks");
}

#[tokio::test]
async fn the_last_words_of_a_party_that_leaves_reach_the_other_one() {
    const LAST: usize = 4 << 20;
    let (listener, gateway) = listening().await;
    for upstream_leaves in [true, false] {
        let (client, upstream) = tunnel(&gateway, &listener, b"").await;
        let (mut leaves, mut stays) = if upstream_leaves { (upstream, client) } else { (client, upstream) };
        let leaving = tokio::spawn(async move {
            leaves.write_all(&vec![b'x'; LAST]).await.unwrap();
            leaves.shutdown().await.unwrap();
            leaves.read_to_end(&mut Vec::new()).await
        });
        // The gateway's buffers are full before anything is taken.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut heard = Vec::new();
        timeout(PATIENCE, stays.read_to_end(&mut heard)).await.unwrap().unwrap();
        assert_eq!(heard.len(), LAST);
        drop(stays);
        assert!(timeout(PATIENCE, leaving).await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn both_parties_may_say_much_before_they_listen() {
    const MUCH: usize = 8 << 20;
    let (listener, gateway) = listening().await;
    let (client, upstream) = tunnel(&gateway, &listener, b"").await;
    let talks = |stream: TcpStream| async move {
        let (mut reading, mut writing) = stream.into_split();
        let much = vec![b'x'; MUCH];
        let mut heard = vec![0; MUCH];
        let both = async { tokio::join!(writing.write_all(&much), reading.read_exact(&mut heard)) };
        let (said, heard) = timeout(PATIENCE, both).await.expect("it goes on");
        said.unwrap();
        heard.unwrap()
    };
    assert_eq!(tokio::join!(talks(client), talks(upstream)), (MUCH, MUCH));
}

#[tokio::test]
async fn a_client_that_takes_nothing_loses_its_tunnel() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = TestGateway::with([Route::to("a", listener.local_addr().unwrap())], |settings| {
        settings.timeouts.stall = Duration::from_millis(300);
    });
    let (_client, mut upstream) = tunnel(&gateway, &listener, b"").await;
    let endless = async { while upstream.write_all(&[0; 1 << 12]).await.is_ok() {} };
    assert!(timeout(PATIENCE, endless).await.is_ok(), "the upstream is freed");
}

#[tokio::test]
async fn an_upgrade_that_no_endpoint_answers_is_answered_504() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = TestGateway::with([Route::to("a", listener.local_addr().unwrap())], |settings| {
        settings.timeouts.response = Some(Duration::from_millis(200));
    });
    let answer = talk(gateway.external, ASKS).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
}
