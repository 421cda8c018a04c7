//! Bodies of HTTP/1 on the wire: both directions at once, early ends, kept connections.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use net_pingora_routing::{HostName, Protocol, Upstream};
use net_pingora_tests::gateway::{Route, TestGateway, endpoints};
use net_pingora_tests::raw::{PATIENCE, read_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// More than all buffers between a client and its upstream together.
const LARGE: usize = 32 << 20;

fn ends_head(read: &[u8]) -> bool {
    read.ends_with(b"\r\n\r\n")
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Accepts a connection and reads one head on it.
async fn asked(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    read_until(&mut stream, ends_head).await;
    stream
}

/// A client that got an answer, and the upstream's connection that is kept.
async fn answered(gateway: &TestGateway, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let mut client = send_head(gateway, "GET / HTTP/1.1").await;
    let mut upstream = asked(listener).await;
    upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1").await.unwrap();
    read_until(&mut client, |read| read.ends_with(b"\n1")).await;
    (client, upstream)
}

async fn send_head(gateway: &TestGateway, head: &str) -> TcpStream {
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    client.write_all(format!("{head}\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_direction_waits_for_the_other() {
    let (listener, address) = listen().await;
    let gateway = TestGateway::start([Route::to("a", address)]);
    let client = send_head(&gateway, &format!("POST / HTTP/1.1\r\nContent-Length: {LARGE}")).await;
    let mut stream = asked(&listener).await;
    // Reads no more of the request while nobody takes its response.
    tokio::spawn(async move {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        copy(&mut (&mut reading).take(LARGE as u64), &mut writing).await.unwrap();
    });
    let (mut reading, mut writing) = client.into_split();
    tokio::spawn(async move {
        for _ in 0..LARGE / 4096 {
            writing.write_all(&[b'x'; 4096]).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    // Long enough for every buffer on the way to fill.
    sleep(Duration::from_millis(500)).await;
    let (mut buffer, mut left) = (vec![0; 1 << 16], LARGE);
    while left > 0 {
        let read = timeout(PATIENCE, reading.read(&mut buffer)).await.expect("it goes on").unwrap();
        left = left.saturating_sub(read);
    }
}

#[tokio::test]
async fn a_short_body_leaves_with_its_head() {
    for body in ["Content-Length: 4\r\n\r\nbody", "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"] {
        let (listener, address) = listen().await;
        let gateway = TestGateway::start([Route::to("a", address)]);
        let mut client = TcpStream::connect(gateway.external).await.unwrap();
        client.write_all(format!("POST / HTTP/1.1\r\nHost: a\r\n{body}").as_bytes()).await.unwrap();
        let (mut upstream, _) = listener.accept().await.unwrap();
        let mut packet = vec![0; 4096];
        let length = upstream.read(&mut packet).await.unwrap();
        let seen = String::from_utf8_lossy(&packet[..length]);
        assert!(seen.ends_with(body.split_once("\r\n\r\n").unwrap().1), "{seen}");
    }
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_request_reaches_the_client_at_once() {
    let (listener, address) = listen().await;
    let gateway = TestGateway::start([Route::to("a", address)]);
    let mut client = send_head(&gateway, "POST / HTTP/1.1\r\nContent-Length: 1000000").await;
    let mut upstream = asked(&listener).await;
    upstream.write_all(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nno!").await.unwrap();
    let begun = Instant::now();
    let answer = read_until(&mut client, |read| read.ends_with(b"no!")).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(2));
    // Half a request is of no use to anybody: its upstream hears no more of it.
    assert_eq!(upstream.read(&mut [0; 1]).await.unwrap_or_default(), 0);
}

#[tokio::test]
async fn a_client_may_end_its_request_after_the_answer_and_ask_again() {
    let (listener, address) = listen().await;
    let gateway = TestGateway::start([Route::to("a", address)]);
    let mut client = send_head(&gateway, "POST / HTTP/1.1\r\nContent-Length: 4").await;
    for body in ["left", ""] {
        let mut upstream = asked(&listener).await;
        upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        let answer = read_until(&mut client, |read| read.ends_with(b"ok")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        client.write_all(format!("{body}GET / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn a_request_on_a_kept_connection_that_was_closed_is_asked_anew() {
    let (listener, address) = listen().await;
    let gateway = TestGateway::start([Route::to("a", address)]);
    let (mut client, mut upstream) = answered(&gateway, &listener).await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    // The upstream closes just when it is asked.
    read_until(&mut upstream, ends_head).await;
    drop(upstream);
    asked(&listener).await.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n2").await.unwrap();
    let answer = read_until(&mut client, |read| read.ends_with(b"\n2")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn who_finds_a_kept_connection_closed_gets_a_new_one_and_no_other_kept_one() {
    const KEPT: usize = 4;
    let (listener, address) = listen().await;
    let gateway = TestGateway::start([Route::to("a", address)]);
    let mut both = Vec::new();
    for _ in 0..KEPT {
        both.push((send_head(&gateway, "GET / HTTP/1.1").await, asked(&listener).await));
    }
    // The upstream closes every connection just when it is asked again.
    for (client, upstream) in &mut both {
        upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1").await.unwrap();
        read_until(client, |read| read.ends_with(b"\n1")).await;
    }
    let (clients, upstreams): (Vec<_>, Vec<_>) = both.into_iter().unzip();
    for mut upstream in upstreams {
        tokio::spawn(async move { read_until(&mut upstream, ends_head).await });
    }
    let mut client = clients.into_iter().next().unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    asked(&listener).await.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n2").await.unwrap();
    let answer = read_until(&mut client, |read| read.ends_with(b"\n2")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_kept_connection_that_says_something_unasked_is_used_no_more() {
    let (listener, address) = listen().await;
    let gateway = TestGateway::start([Route::to("a", address)]);
    let (mut client, mut first) = answered(&gateway, &listener).await;
    first.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    asked(&listener).await.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n2").await.unwrap();
    let answer = read_until(&mut client, |read| read.ends_with(b"\n2")).await;
    assert!(!answer.contains("poison"), "{answer}");
}

#[tokio::test]
async fn an_unused_connection_is_closed_after_its_time() {
    let (listener, address) = listen().await;
    let gateway = TestGateway::with([Route::to("a", address)], |settings| {
        settings.timeouts.upstream_idle = Duration::from_millis(100);
    });
    let (_client, mut upstream) = answered(&gateway, &listener).await;
    let closed = timeout(PATIENCE, upstream.read(&mut [0; 1])).await;
    assert!(matches!(closed, Ok(Ok(0))), "{closed:?}");
}

/// A listener whose queue is full: a connection to it is neither made nor refused.
struct Silent {
    address: SocketAddr,
    _listener: socket2::Socket,
    _queued: TcpStream,
}

impl Silent {
    async fn start() -> Self {
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        Self { address, _listener: listener, _queued: TcpStream::connect(address).await.unwrap() }
    }
}

#[tokio::test]
async fn endpoints_that_go_away_between_two_tries_leave_an_answer() {
    let (one, other) = (Silent::start().await, Silent::start().await);
    let target = endpoints([one.address, other.address]);
    let gateway = TestGateway::with([Route::to_target("a", target, Protocol::Http1)], |settings| {
        settings.timeouts.connect = Duration::from_millis(300);
    });
    let mut client = send_head(&gateway, "GET / HTTP/1.1").await;
    sleep(Duration::from_millis(100)).await;
    let table = gateway.publisher.cell().load().clone();
    let host = table.host(&HostName::parse("a").unwrap()).unwrap();
    let backend = &host.external()[0].splits.as_slice()[0].backend;
    backend.set(Upstream { target: endpoints([]), ..Upstream::clone(&backend.upstream()) });
    let answer = read_until(&mut client, ends_head).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[tokio::test]
async fn a_client_that_leaves_while_a_connection_is_made_is_forgotten() {
    let silent = Silent::start().await;
    let gateway = TestGateway::with([Route::to("a", silent.address)], |settings| {
        settings.timeouts.connect = Duration::from_mins(1);
    });
    let client = send_head(&gateway, "GET / HTTP/1.1").await;
    sleep(Duration::from_millis(200)).await;
    let in_flight = "net_pingora_requests_in_flight";
    assert_eq!(gateway.metric(in_flight).await, 1);
    drop(client);
    let begun = Instant::now();
    while gateway.metric(in_flight).await != 0 {
        assert!(begun.elapsed() < Duration::from_secs(2), "still in flight");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_head_and_the_body_that_came_with_it_leave_in_one_packet() {
    let (listener, address) = listen().await;
    let gateway = TestGateway::start([Route::to("a", address)]);
    for _ in 0..20 {
        let mut client = send_head(&gateway, "GET / HTTP/1.1").await;
        let mut upstream = asked(&listener).await;
        upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        let mut packet = [0; 1024];
        let read = client.read(&mut packet).await.unwrap();
        assert!(packet[..read].ends_with(b"\r\n\r\nok"), "{}", packet[..read].escape_ascii());
    }
}

#[tokio::test]
async fn an_upstream_that_leaves_in_the_middle_of_a_request_is_not_the_clients_fault() {
    let (listener, address) = listen().await;
    let gateway = TestGateway::start([Route::to("a", address)]);
    for _ in 0..20 {
        let client = send_head(&gateway, "POST / HTTP/1.1\r\nContent-Length: 100000000").await;
        let upstream = asked(&listener).await;
        let (mut reading, mut writing) = client.into_split();
        let sending = tokio::spawn(async move { while writing.write_all(&[b'x'; 4096]).await.is_ok() {} });
        sleep(Duration::from_millis(20)).await;
        drop(upstream);
        let mut answer = [0; 12];
        reading.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 503", "{}", answer.escape_ascii());
        sending.abort();
    }
}
