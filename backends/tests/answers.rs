//! What the sample backends say on the wire, by HTTP/1.1.
#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::time::Duration;

use net_pingora_backends::{Running, Sample, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const PATIENCE: Duration = Duration::from_secs(5);

async fn run(sample: Sample) -> Running {
    start(sample, ([127, 0, 0, 1], 0).into()).await.unwrap()
}

async fn hello() -> Running {
    run(Sample::Hello("v1".to_owned())).await
}

/// Sends the lines of a head and a body, and reads to the end of the connection.
async fn ask(backend: &Running, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(backend.address).await.unwrap();
    let request = format!("{head}\r\nHost: a.example\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is broken off has still said what it has said.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap().to_lowercase()
}

#[tokio::test]
async fn hello_says_its_name_and_counts_requests() {
    let backend = hello().await;
    let answer = ask(&backend, "POST / HTTP/1.1\r\nContent-Length: 4", "body").await;
    assert!(answer.starts_with("http/1.1 200 ok\r\n") && answer.ends_with("\r\n\r\nhello from v1\n"), "{answer}");
    assert_eq!(backend.requests(), 1);
}

#[tokio::test]
async fn hello_tells_every_header_it_was_sent() {
    let backend = hello().await;
    for head in ["GET /headers?q HTTP/1.1", "GET /?q HTTP/1.1\r\nAccept: application/json"] {
        let answer = ask(&backend, &format!("{head}\r\nX-Twice: one\r\nX-Twice: two"), "").await;
        let json = answer.split("\r\n\r\n").nth(1).unwrap();
        let told: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(told["method"], "get");
        assert_eq!(told["host"], "a.example");
        assert_eq!(told["httpversion"], "http/1.1");
        assert_eq!(told["headers"]["x-twice"], serde_json::json!(["one", "two"]));
    }
}

#[tokio::test]
async fn a_probe_is_answered_with_its_hash_and_refused_without() {
    let backend = hello().await;
    for (hash, wanted) in [("K-Network-Hash: abc\r\n", "200"), ("K-Network-Hash:\r\n", "400"), ("", "400")] {
        let answer = ask(&backend, &format!("GET / HTTP/1.1\r\n{hash}K-Network-Probe: probe"), "").await;
        assert_eq!(answer.split(' ').nth(1), Some(wanted), "{hash}");
        assert_eq!(answer.contains("k-network-hash: abc\r\n"), wanted == "200", "{hash}");
    }
}

#[tokio::test]
async fn echo_answers_by_its_path() {
    let backend = run(Sample::Echo).await;
    for (head, body, begins, ends) in [
        ("POST / HTTP/1.1\r\nContent-Length: 4", "body", "http/1.1 200 ok\r\n", "\r\n4\r\nbody\r\n0\r\n\r\n"),
        ("GET /bytes/3 HTTP/1.1", "", "http/1.1 200 ok\r\ncontent-length: 3\r\n", "\r\n\r\nxxx"),
        ("HEAD /bytes/3 HTTP/1.1", "", "http/1.1 200 ok\r\ncontent-length: 3\r\n", "\r\n\r\n"),
        ("GET /chunked/3 HTTP/1.1", "", "http/1.1 200 ok\r\ntrailer: x-size\r\n", "\r\n3\r\nxxx\r\n0\r\n\r\n"),
        ("GET /chunked/3 HTTP/1.1\r\nTE: trailers", "", "http/1.1 200", "\r\n3\r\nxxx\r\n0\r\nx-size: 3\r\n\r\n"),
        ("GET /bytes/many HTTP/1.1", "", "http/1.1 400", "no number\n"),
        ("POST /drain?sum=1 HTTP/1.1\r\nContent-Length: 2", "ab", "http/1.1 200", "\r\n\r\n2 3105\n"),
        ("POST /early HTTP/1.1\r\nContent-Length: 9", "", "http/1.1 200", "answered early\n"),
        ("GET /status/204 HTTP/1.1", "", "http/1.1 204", "\r\n\r\n"),
        ("GET /status/100 HTTP/1.1", "", "http/1.1 400", "\r\n\r\n"),
        ("GET /close HTTP/1.1", "", "http/1.1 200 ok\r\ncontent-length: 1000\r\n", "\r\n\r\nhalf of it"),
        ("GET /reset HTTP/1.1", "", "", ""),
    ] {
        let answer = ask(&backend, head, body).await;
        assert!(answer.starts_with(begins) && answer.ends_with(ends), "{head}: {answer}");
        assert_eq!(answer.is_empty(), begins.is_empty(), "{head}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_sleeps_before_its_head_and_before_its_body() {
    let backend = run(Sample::Slow).await;
    let began = Instant::now();
    let answer = ask(&backend, "GET /?initialTimeout=300&timeout=200 HTTP/1.1", "").await;
    assert!(answer.contains("slept 300 ms, then 200 ms\n"), "{answer}");
    assert!(began.elapsed() >= Duration::from_millis(500));
}

#[tokio::test]
async fn the_chat_page_asks_for_nothing_from_elsewhere() {
    let backend = run(Sample::WebSocket).await;
    let page = ask(&backend, "GET / HTTP/1.1", "").await;
    assert!(page.contains("content-type: text/html") && page.contains("new websocket("), "{page}");
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="), "{page}");
}

#[tokio::test]
async fn a_dropped_backend_ends_its_connections_and_websockets() {
    let upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for (request, wanted) in [(upgrade, "HTTP/1.1 101"), ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200")] {
        let backend = run(Sample::WebSocket).await;
        let mut stream = TcpStream::connect(backend.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut first = vec![0; wanted.len()];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&first), wanted);
        drop(backend);
        timeout(PATIENCE, stream.read_to_end(&mut first)).await.expect("the connection ends").unwrap();
    }
}
