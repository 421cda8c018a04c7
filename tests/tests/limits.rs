//! What Pingora cannot carry, as docs/limits.md tells it: each test shows today's behaviour, so that
//! the document changes with it.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use net_pingora_backends::{Running, Sample, start};
use net_pingora_tests::gateway::{Route, TestGateway};
use net_pingora_tests::http2::Http2;
use net_pingora_tests::raw::{ScriptedUpstream, talk};

const HOST: &str = "a.example";
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\nConnection: close\r\n\r\n";

async fn echo() -> Running {
    start(Sample::Echo, SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap()
}

async fn scripted(answer: &'static [u8]) -> ScriptedUpstream {
    ScriptedUpstream::start(b"\r\n\r\n", answer).await.unwrap()
}

fn get(path: &str) -> Request<Bytes> {
    Request::get(format!("http://{HOST}{path}")).body(Bytes::new()).unwrap()
}

#[tokio::test]
async fn response_trailers_of_http1_are_dropped() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n";
    let upstream = scripted(chunked).await;
    let gateway = TestGateway::start([Route::to(HOST, upstream.address)]);
    let answer = talk(gateway.external, GET).await.unwrap();
    assert!(answer.contains("ok") && !answer.contains("x-sum"), "{answer}");
    let (_, trailers) = Http2::connect(gateway.external).await.unwrap().send(get("/")).await.unwrap();
    assert!(trailers.is_empty(), "{trailers:?}");
}

#[tokio::test]
async fn response_trailers_of_http2_do_not_reach_http1() {
    let echo = echo().await;
    let gateway = TestGateway::start([Route::to_h2(HOST, echo.address)]);
    let request = b"GET /chunked/2 HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\nConnection: close\r\n\r\n";
    let answer = talk(gateway.external, request).await.unwrap();
    assert!(answer.contains("xx") && !answer.contains("x-size: "), "{answer}");
}

#[tokio::test]
async fn interim_responses_do_not_reach_http2() {
    let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let upstream = scripted(hints).await;
    let gateway = TestGateway::start([Route::to(HOST, upstream.address)]);
    let (answer, _) = Http2::connect(gateway.external).await.unwrap().send(get("/")).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (200, &b"ok"[..]));
}

#[tokio::test]
async fn a_client_that_closes_its_half_counts_as_gone() {
    let slow = start(Sample::Slow, SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let gateway = TestGateway::start([Route::to(HOST, slow.address)]);
    let mut stream = tokio::net::TcpStream::connect(gateway.external).await.unwrap();
    let request = b"GET /?initialTimeout=200 HTTP/1.1\r\nHost: a.example\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, request).await.unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
    let answer = net_pingora_tests::raw::read_until(&mut stream, |_| false).await;
    assert_eq!(answer, "");
}
