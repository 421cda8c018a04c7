//! Every pairing of HTTP/1.1 and HTTP/2, and what each stream of a connection has to itself.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use net_pingora_backends::{Running, Sample, start};
use net_pingora_routing::Protocol;
use net_pingora_tests::gateway::{Route, TestGateway, endpoints};
use net_pingora_tests::http2::{Http2, OPENING, get_frame};
use net_pingora_tests::raw::{PATIENCE, ScriptedUpstream, read_until, talk};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

async fn backend(sample: Sample) -> Running {
    start(sample, SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap()
}

/// Waits until it has got so many requests.
async fn heard(backend: &Running, times: u64) {
    let waiting = async {
        while backend.requests() < times {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}

fn head(host: &str, path: &str) -> Request<()> {
    Request::get(format!("http://{host}{path}")).body(()).unwrap()
}

async fn get(client: &Http2, host: &str, path: &str) -> std::io::Result<(Response<Bytes>, HeaderMap)> {
    client.send(head(host, path).map(|()| Bytes::new())).await
}

async fn text(client: &Http2, host: &str, path: &str) -> String {
    String::from_utf8(get(client, host, path).await.unwrap().0.into_body().to_vec()).unwrap()
}

#[tokio::test]
async fn the_backend_sees_the_protocol_its_port_names() {
    let hello = backend(Sample::Hello("x".to_owned())).await;
    let gateway =
        TestGateway::start([Route::to("h1.example", hello.address), Route::to_h2("h2.example", hello.address)]);
    let client = Http2::connect(gateway.external).await.unwrap();
    for (host, version) in [("h1.example", "HTTP/1.1"), ("h2.example", "HTTP/2.0")] {
        let told = text(&client, host, "/headers").await;
        assert!(told.contains(version) && told.contains(&format!("\"host\": \"{host}\"")), "h2 to {host}: {told}");
        let request = format!("GET /headers HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let told = talk(gateway.external, request.as_bytes()).await.unwrap();
        assert!(told.contains(version) && told.contains(&format!("\"host\": \"{host}\"")), "h1 to {host}: {told}");
    }
}

#[tokio::test]
async fn a_rewritten_host_reaches_every_protocol() {
    let hello = backend(Sample::Hello("x".to_owned())).await;
    let rewritten = |mut route: Route| {
        route.rewrite_host = Some("inner.svc");
        route
    };
    let routes = [Route::to("h1.example", hello.address), Route::to_h2("h2.example", hello.address)];
    let gateway = TestGateway::start(routes.map(rewritten));
    let client = Http2::connect(gateway.external).await.unwrap();
    for host in ["h1.example", "h2.example"] {
        let request = format!("GET /headers HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        for told in [text(&client, host, "/headers").await, talk(gateway.external, request.as_bytes()).await.unwrap()] {
            assert!(told.contains("\"host\": \"inner.svc\""), "{host}: {told}");
        }
    }
}

/// A client of HTTP/1.1 that waits for 100 gets it, whatever its backend speaks (RFC 9110 §10.1.1).
#[tokio::test]
async fn expect_100_continue_does_not_wait_in_vain() {
    let echo = backend(Sample::Echo).await;
    let gateway = TestGateway::start([Route::to("h1.example", echo.address), Route::to_h2("h2.example", echo.address)]);
    for host in ["h1.example", "h2.example"] {
        let mut stream = tokio::net::TcpStream::connect(gateway.external).await.unwrap();
        let head = format!(
            "POST /drain HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        );
        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
        let interim = read_until(&mut stream, |read| read.ends_with(b"\r\n\r\n")).await;
        assert!(interim.starts_with("HTTP/1.1 100 "), "{host}: {interim}");
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"ok").await.unwrap();
        let answer = read_until(&mut stream, |_| false).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("2 0"), "{host}: {answer}");
    }
}

/// cloudflare/pingora#935: a body that ends with an empty DATA frame must end the chunked body once.
#[tokio::test]
async fn an_empty_last_data_frame_ends_a_chunked_body_once() {
    let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let upstream = ScriptedUpstream::start(b"0\r\n\r\n", ok).await.unwrap();
    let gateway = TestGateway::start([Route::to("a.example", upstream.address)]);
    let client = Http2::connect(gateway.external).await.unwrap();
    for _ in 0..3 {
        let request = Request::post("http://a.example/").body(()).unwrap();
        let (mut upload, pending) = client.open(request).await.unwrap();
        upload.send(Bytes::from_static(b"abc")).await.unwrap();
        sleep(Duration::from_millis(20)).await;
        upload.finish(Bytes::new()).unwrap();
        let mut download = pending.answer().await.unwrap().into_body();
        assert_eq!(download.data().await.unwrap().unwrap(), "ok");
    }
    let received = upstream.received().concat();
    assert_eq!((received.matches("0\r\n\r\n").count(), received.matches("POST ").count()), (3, 3), "{received}");
}

#[tokio::test]
async fn each_stream_is_routed_on_its_own() {
    let (one, two) = (backend(Sample::Hello("one".to_owned())).await, backend(Sample::Hello("two".to_owned())).await);
    let mut split = Route::to("split.example", one.address);
    let share = |percent, address| (percent, endpoints([address]), Protocol::Http1);
    split.splits = vec![share(50, one.address), share(50, two.address), (0, endpoints([]), Protocol::Http1)];
    let gateway = TestGateway::start([split, Route::to("other.example", two.address)]);
    let client = Http2::connect(gateway.external).await.unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        seen.insert(text(&client, "split.example", "/").await);
        assert_eq!(text(&client, "other.example:80", "/").await, "Hello from two\n");
        assert_eq!(get(&client, "unknown.example", "/").await.unwrap().0.status(), 404);
    }
    assert_eq!(seen.len(), 2, "{seen:?}");
}

#[tokio::test]
async fn a_cancelled_stream_cancels_its_upstream_only() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hello = backend(Sample::Hello("x".to_owned())).await;
    let slow = Route::to("slow.example", listener.local_addr().unwrap());
    let gateway = TestGateway::start([slow, Route::to("a.example", hello.address)]);
    let client = Http2::connect(gateway.external).await.unwrap();
    let (mut upload, pending) = client.open(head("slow.example", "/")).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    read_until(&mut upstream, |read| read.ends_with(b"\r\n\r\n")).await;
    upload.reset(h2::Reason::CANCEL);
    drop(pending);
    let begun = Instant::now();
    read_until(&mut upstream, |_| false).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "the upstream's connection was closed");
    assert_eq!(get(&client, "a.example", "/").await.unwrap().0.status(), 200);
}

#[tokio::test]
async fn a_drain_says_goaway_and_finishes_open_streams() {
    let slow = backend(Sample::Slow).await;
    let mut gateway = TestGateway::start([Route::to("slow.example", slow.address)]);
    let client = Http2::connect(gateway.external).await.unwrap();
    let (mut upload, pending) = client.open(head("slow.example", "/?initialTimeout=300&timeout=300")).await.unwrap();
    upload.finish(Bytes::new()).unwrap();
    heard(&slow, 1).await;
    let drained = tokio::spawn(async move { gateway.drain().await });
    let mut download = pending.answer().await.unwrap().into_body();
    assert!(download.data().await.unwrap().unwrap().starts_with(b"Slept 300 ms"));
    assert_eq!(download.data().await.unwrap(), None);
    timeout(Duration::from_secs(2), drained).await.expect("the drain ends with the last stream").unwrap();
    assert!(get(&client, "slow.example", "/").await.is_err(), "the connection takes no more streams");
}

#[tokio::test]
async fn rfc_9113_6_8_a_drain_serves_what_comes_before_its_ping_is_answered_and_names_the_last_of_it() {
    const PING: usize = 17;
    let goaway = |last: u32| [b"\0\0\x08\x07\0\0\0\0\0", &last.to_be_bytes()[..], b"\0\0\0\0"].concat();
    let position = |read: &[u8], frame: &[u8]| read.windows(frame.len()).position(|window| window == frame);
    let hello = backend(Sample::Hello("x".to_owned())).await;
    let mut gateway = TestGateway::start([Route::to("a", hello.address)]);
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    client.write_all(&[OPENING, &get_frame(1)].concat()).await.unwrap();
    heard(&hello, 1).await;
    let drained = tokio::spawn(async move { gateway.drain().await });
    let (first, mut read) = (goaway(u32::MAX >> 1), Vec::new());
    let mut ping = loop {
        assert!(client.read_buf(&mut read).await.unwrap() > 0, "closed before a GOAWAY");
        let after = position(&read, &first).map(|at| at + first.len());
        if let Some(ping) = after.and_then(|at| read.get(at..at + PING)) {
            break ping.to_vec();
        }
    };
    client.write_all(&get_frame(3)).await.unwrap();
    heard(&hello, 2).await;
    assert_eq!(ping[..5], *b"\0\0\x08\x06\0", "a PING follows");
    // ACK.
    ping[4] = 1;
    client.write_all(&[ping, get_frame(5)].concat()).await.unwrap();
    timeout(PATIENCE, client.read_to_end(&mut read)).await.expect("the connection ends").unwrap();
    assert!(position(&read, &goaway(3)).is_some(), "the last GOAWAY names stream 3: {read:?}");
    drained.await.unwrap();
    assert_eq!(hello.requests(), 2);
}
