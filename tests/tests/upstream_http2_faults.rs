//! HTTP/2 upstreams that break off, flood, or speak something else: frame by frame.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use net_pingora_tests::gateway::{Route, TestGateway};
use net_pingora_tests::raw::{PATIENCE, ScriptedUpstream, read_until, talk};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

// RFC 9113 §6
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:status: 200` and `:status: 103` (RFC 7541).
const OK: &[u8] = &[0x88];
const EARLY_HINTS: &[u8] = b"\x08\x03103";

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

fn settings() -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[])
}

/// Accepts a connection and reads until a request has come.
async fn asked(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.read_exact(&mut [0; 24]).await.unwrap();
    let mut header = [0; 9];
    while header[3] != HEADERS {
        stream.read_exact(&mut header).await.unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize];
        stream.read_exact(&mut payload).await.unwrap();
    }
    stream
}

/// An upstream that says `words` to every request.
async fn saying(words: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let mut stream = asked(&listener).await;
            stream.write_all(&words).await.unwrap();
            tokio::spawn(listen(stream.into_split().0));
        }
    });
    address
}

/// Reads to the end what nobody cares for.
async fn listen(mut stream: OwnedReadHalf) {
    while matches!(stream.read(&mut [0; 4096]).await, Ok(1..)) {}
}

/// An upstream that says `words` to its first request, and then `again` and again for as long as it can.
async fn flooding(words: Vec<u8>, again: Vec<u8>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let flood = tokio::spawn(async move {
        let (reading, mut writing) = asked(&listener).await.into_split();
        tokio::spawn(listen(reading));
        writing.write_all(&words).await.unwrap();
        while writing.write_all(&again).await.is_ok() {}
    });
    (address, flood)
}

#[tokio::test]
async fn every_fault_before_a_response_has_its_answer() {
    let invalid = ("502", "upstream_invalid");
    let closed = ("503", "upstream_closed");
    let bomb = [b"\x88\x40\x01x\x7f\xa1\x1e".as_slice(), &[b'y'; 4000], &[0xbe; 100]].concat();
    for (case, words, (status, wanted)) in [
        ("HTTP/1", b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n".to_vec(), invalid),
        ("a broken head", frame(HEADERS, END_HEADERS, 1, &[0xff; 20]), invalid),
        ("a head without a status", frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x01x\x01y"), invalid),
        ("a body before the head", frame(DATA, 0, 1, b"ok"), invalid),
        ("more of no head", frame(CONTINUATION, END_HEADERS, 1, OK), invalid),
        ("an answer to nothing", frame(HEADERS, END_HEADERS, 7, OK), invalid),
        ("an overflow", frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), invalid),
        ("a bomb", frame(HEADERS, END_HEADERS, 1, &bomb), invalid),
        ("two lengths", frame(HEADERS, END_HEADERS, 1, b"\x88\x0f\x0d\x012\x0f\x0d\x013"), invalid),
        ("a reset", frame(RST_STREAM, 0, 1, &[0, 0, 0, 2]), closed),
        ("no room", frame(RST_STREAM, 0, 1, &[0, 0, 0, 7]), closed),
        ("a farewell", frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11]), closed),
    ] {
        let address = saying([settings(), words].concat()).await;
        let gateway = TestGateway::with([Route::to_h2("a", address)], |settings| {
            settings.timeouts.response = Some(Duration::from_secs(3));
        });
        let answer = talk(gateway.external, GET).await.unwrap();
        assert_eq!((answer.get(9..12), &*gateway.reasons().await), (Some(status), wanted), "{case}: {answer}");
    }
}

#[tokio::test]
async fn a_flood_ends_with_its_request_and_holds_up_no_other() {
    let good = ScriptedUpstream::start(b"\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    for (case, again) in [
        ("SETTINGS", settings()),
        ("PING", frame(PING, 0, 0, &[0; 8])),
        ("PRIORITY", frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 0])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])),
        ("unknown frames", frame(99, 0, 0, &[])),
        ("interim responses", frame(HEADERS, END_HEADERS, 1, EARLY_HINTS)),
    ] {
        let (address, flood) = flooding(settings(), again.repeat(100)).await;
        let routes = [Route::to_h2("a", address), Route::to("good", good.address)];
        let gateway = TestGateway::with(routes, |settings| {
            settings.timeouts.response = Some(Duration::from_secs(1));
            settings.timeouts.upstream_idle = Duration::from_secs(1);
        });
        let external = gateway.external;
        let flooded = tokio::spawn(async move { talk(external, GET).await.unwrap() });
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(1) {
            let get = b"GET / HTTP/1.1\r\nHost: good\r\nConnection: close\r\n\r\n";
            let answer = timeout(Duration::from_secs(1), talk(external, get)).await;
            assert!(answer.expect(case).unwrap().starts_with("HTTP/1.1 200 "), "{case}");
        }
        let answer = flooded.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 50"), "{case}: {answer}");
        timeout(PATIENCE, flood).await.expect(case).unwrap();
    }
}

#[tokio::test]
async fn an_endless_head_is_given_up() {
    let begun = [settings(), frame(HEADERS, 0, 1, OK)].concat();
    let (address, flood) = flooding(begun, frame(CONTINUATION, 0, 1, b"\x00\x01x\x01y")).await;
    let gateway = TestGateway::start([Route::to_h2("a", address)]);
    let answer = talk(gateway.external, GET).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    timeout(PATIENCE, flood).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_that_is_broken_off_is_not_taken_for_a_whole_one() {
    for (case, end) in [
        ("a reset", frame(RST_STREAM, 0, 1, &[0, 0, 0, 2])),
        ("a farewell", frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 2])),
        ("garbage", vec![0xff; 100]),
        ("more than was told", frame(DATA, END_STREAM, 1, &[b'x'; 11])),
        ("less than was told", frame(DATA, END_STREAM, 1, b"x")),
    ] {
        let head = frame(HEADERS, END_HEADERS, 1, b"\x88\x0f\x0d\x0210");
        let address = saying([settings(), head, frame(DATA, 0, 1, b"ok"), end].concat()).await;
        let gateway = TestGateway::start([Route::to_h2("a", address)]);
        let begun = Instant::now();
        let answer = talk(gateway.external, GET).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(3), "{case}: its end was told");
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        assert!(!answer.starts_with("HTTP/1.1 200 ") || body.len() < 10, "{case}: {answer}");
    }
}

/// The old stream goes on, and so does its connection: others must not be sent there to fail.
#[tokio::test]
async fn a_connection_that_says_farewell_for_whatever_reason_gets_no_more_requests() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = TestGateway::start([Route::to_h2("a", listener.local_addr().unwrap())]);
    let head = frame(HEADERS, END_HEADERS, 1, OK);
    for code in [0, 2, 11] {
        let mut first = TcpStream::connect(gateway.external).await.unwrap();
        first.write_all(GET).await.unwrap();
        let mut old = asked(&listener).await;
        let farewell = frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, code]);
        old.write_all(&[settings(), head.clone(), farewell].concat()).await.unwrap();
        read_until(&mut first, |read| read.ends_with(b"\r\n\r\n")).await;
        let mut second = TcpStream::connect(gateway.external).await.unwrap();
        second.write_all(GET).await.unwrap();
        let mut new = timeout(PATIENCE, asked(&listener)).await.expect("a new connection");
        let whole = frame(HEADERS, END_HEADERS | END_STREAM, 1, OK);
        let farewell = frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
        new.write_all(&[settings(), whole, farewell].concat()).await.unwrap();
        let answer = read_until(&mut second, |_| false).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "code {code}: {answer}");
    }
}
