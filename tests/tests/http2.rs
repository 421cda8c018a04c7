//! Bodies and streams through the gateway, for clients that speak HTTP/2.
#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use net_pingora_backends::{Running, Sample, start};
use net_pingora_tests::gateway::{Route, TestGateway};
use net_pingora_tests::http2::Http2;
use net_pingora_tests::raw::ScriptedUpstream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const HOST: &str = "a.example";

async fn backend(sample: Sample) -> Running {
    start(sample, ([127, 0, 0, 1], 0).into()).await.unwrap()
}

fn post(path: &str) -> Request<()> {
    Request::post(format!("http://{HOST}{path}")).body(()).unwrap()
}

/// A gateway before a backend by HTTP/1.1, and one by HTTP/2.
fn gateways(backend: &Running) -> [TestGateway; 2] {
    [Route::to(HOST, backend.address), Route::to_h2(HOST, backend.address)].map(|route| TestGateway::start([route]))
}

#[tokio::test]
async fn a_body_comes_back_while_it_is_still_being_sent() {
    let backend = backend(Sample::Echo).await;
    for gateway in gateways(&backend) {
        let client = Http2::connect(gateway.external).await.unwrap();
        let (mut upload, pending) = client.open(post("/")).await.unwrap();
        upload.send(Bytes::from_static(b"first")).await.unwrap();
        let mut answer = pending.answer().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.body_mut().data().await.unwrap().unwrap(), "first");
        upload.finish(Bytes::from_static(b"second")).unwrap();
        assert_eq!(answer.body_mut().data().await.unwrap().unwrap(), "second");
        assert_eq!(answer.body_mut().data().await.unwrap(), None);
    }
}

/// A limit of Pingora: it forwards a request's body without its trailers.
#[tokio::test]
async fn trailers_of_a_request_are_lost_and_its_body_is_not() {
    let backend = backend(Sample::Echo).await;
    let gateway = TestGateway::start([Route::to_h2(HOST, backend.address)]);
    let client = Http2::connect(gateway.external).await.unwrap();
    let (mut upload, pending) = client.open(post("/")).await.unwrap();
    upload.send(Bytes::from_static(b"body")).await.unwrap();
    upload.finish_with(HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from_static("4"))])).unwrap();
    let mut answer = pending.answer().await.unwrap();
    assert_eq!(answer.body_mut().data().await.unwrap().unwrap(), "body");
    assert_eq!(answer.body_mut().data().await.unwrap(), None);
    assert_eq!(answer.body_mut().trailers().await.unwrap(), HeaderMap::new());
}

#[tokio::test]
async fn trailers_of_an_http2_response_reach_the_client() {
    let backend = backend(Sample::Echo).await;
    let gateway = TestGateway::start([Route::to_h2(HOST, backend.address)]);
    let client = Http2::connect(gateway.external).await.unwrap();
    let (answer, trailers) = client.send(post("/chunked/4").map(|()| Bytes::new())).await.unwrap();
    assert_eq!(answer.body(), "xxxx");
    assert_eq!(trailers.get("x-size").unwrap(), "4");
}

#[tokio::test]
async fn bodies_larger_than_every_window_pass_both_ways() {
    const SIZE: usize = 24 << 20;
    let backend = backend(Sample::Echo).await;
    for gateway in gateways(&backend) {
        let client = Http2::connect(gateway.external).await.unwrap();
        let (answer, _) = client.send(post(&format!("/bytes/{SIZE}")).map(|()| Bytes::new())).await.unwrap();
        assert_eq!(answer.body().len(), SIZE);
        let (mut upload, pending) = client.open(post("/drain")).await.unwrap();
        let piece = Bytes::from(vec![b'x'; 1 << 16]);
        for _ in 0..SIZE / piece.len() {
            upload.send(piece.clone()).await.unwrap();
        }
        upload.finish(Bytes::new()).unwrap();
        let mut answer = pending.answer().await.unwrap();
        let told = answer.body_mut().data().await.unwrap().unwrap();
        assert!(told.starts_with(format!("{SIZE} ").as_bytes()), "{told:?}");
    }
}

#[tokio::test]
async fn a_response_that_is_broken_off_is_not_taken_for_whole() {
    let backend = backend(Sample::Echo).await;
    for gateway in gateways(&backend) {
        let client = Http2::connect(gateway.external).await.unwrap();
        let request = post("/close").map(|()| Bytes::new());
        client.send(request).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_status_without_a_body_stays_without_one() {
    let backend = backend(Sample::Echo).await;
    for gateway in gateways(&backend) {
        let client = Http2::connect(gateway.external).await.unwrap();
        for code in [200, 204, 304, 404, 503] {
            let (answer, _) = client.send(post(&format!("/status/{code}")).map(|()| Bytes::new())).await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.body().len()), (code, 0));
        }
    }
}

/// RFC 9113 §5.1.2: who has not heard of the limit yet may exceed it; such streams are refused, and the client may send
/// them again.
#[tokio::test]
async fn streams_beyond_the_limit_are_refused_and_no_others() {
    let upstream =
        ScriptedUpstream::start(b"\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    let gateway = TestGateway::start([Route::to("a", upstream.address)]);
    let mut client = tokio::net::TcpStream::connect(gateway.external).await.unwrap();
    let mut opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    // :method GET, :scheme http, :path /, :authority a (RFC 7541 §6).
    for stream in (1..1_000_u32).step_by(2) {
        opening.extend([&[0, 0, 6, 1, 5][..], &stream.to_be_bytes(), b"\x82\x86\x84\x41\x01a"].concat());
    }
    client.write_all(&opening).await.unwrap();
    let (mut read, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(Ok(length @ 1..)) = timeout(Duration::from_secs(1), client.read(&mut part)).await {
        read.extend_from_slice(&part[..length]);
    }
    let (mut kinds, mut rest) = ([0; 10], &read[..]);
    while let [a, b, c, kind, payload @ ..] = rest {
        kinds[usize::from(*kind)] += 1;
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        rest = &payload[5 + length..];
    }
    let [_, answered, _, refused, .., farewells, _, _] = kinds;
    assert_eq!((answered + refused, farewells), (500, 0), "{kinds:?}");
    assert!(answered >= 128 && refused > 0, "{kinds:?}");
}
