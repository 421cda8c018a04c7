//! HTTP/1 on the wire, byte by byte.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use net_pingora_routing::{Missing, Protocol, Target};
use net_pingora_tests::gateway::{Route, TestGateway, endpoints};
use net_pingora_tests::raw::{ScriptedUpstream, read_until, talk};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn upstream() -> ScriptedUpstream {
    ScriptedUpstream::start(b"\r\n\r\n", OK).await.unwrap()
}

/// An address nobody listens on.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn what_cannot_be_routed_is_answered_with_status_and_request_id() {
    let upstream = upstream().await;
    let mut private = Route::to("private.example", upstream.address);
    private.public = false;
    let mut prefixed = Route::to("prefixed.example", upstream.address);
    prefixed.prefix = "/foo".to_owned();
    let mut tagged = Route::to("tagged.example", upstream.address);
    tagged.headers = vec![("x-tag", "blue")];
    let routes = [
        private,
        prefixed,
        tagged,
        Route::to_target("missing.example", Target::Missing(Missing::Service), Protocol::Http1),
        Route::to_target("empty.example", endpoints([]), Protocol::Http1),
        Route::to("refused.example", nobody().await),
        Route::to_target("loop.example", Target::Internal, Protocol::Http1),
    ];
    let gateway = TestGateway::start(routes);
    for (host, wanted) in [
        ("unknown.example", "404"),
        ("private.example", "404"),
        ("prefixed.example", "404"),
        ("tagged.example", "404"),
        ("missing.example", "503"),
        ("empty.example", "503"),
        ("refused.example", "503"),
        ("loop.example", "508"),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = talk(gateway.external, request.as_bytes()).await.unwrap();
        assert_eq!(status(&answer), wanted, "{host}: {answer}");
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        assert!(
            body.starts_with(&format!("net-pingora: {wanted} ")) && body.contains("request id "),
            "{host}: {answer}"
        );
        let head = format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = talk(gateway.external, head.as_bytes()).await.unwrap();
        assert!(status(&answer) == wanted && answer.ends_with("\r\n\r\n"), "HEAD {host}: {answer}");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_grpc_client_is_answered_with_trailers_only() {
    let gateway = TestGateway::start([Route::to("refused.example", nobody().await)]);
    for (host, wanted) in [("unknown.example", "12"), ("refused.example", "14")] {
        let request = format!(
            "POST /s/m HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let answer = talk(gateway.external, request.as_bytes()).await.unwrap().to_lowercase();
        assert!(
            answer.starts_with("http/1.1 200 ") && answer.contains(&format!("\r\ngrpc-status: {wanted}\r\n")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn plain_http_is_redirected_but_for_acme_and_internal_listeners() {
    let upstream = upstream().await;
    let mut route = Route::to("a.example", upstream.address);
    route.redirect = true;
    let gateway = TestGateway::start([route]);
    for (listener, path, wanted) in [
        (gateway.external, "/p?q=1", "301"),
        (gateway.external, "/.well-known/acme-challenge/token", "200"),
        (gateway.internal, "/p?q=1", "200"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.example:80\r\nConnection: close\r\n\r\n");
        let answer = talk(listener, request.as_bytes()).await.unwrap();
        assert_eq!(status(&answer), wanted, "{path}: {answer}");
        if wanted == "301" {
            assert!(answer.to_lowercase().contains("\r\nlocation: https://a.example/p?q=1\r\n"), "{answer}");
        }
    }
}

#[tokio::test]
async fn unclean_requests_are_refused_before_any_upstream_and_close_the_connection() {
    let upstream = upstream().await;
    let gateway = TestGateway::start([Route::to("a.example", upstream.address)]);
    let long = "x".repeat(20_000);
    let many = (0..201).map(|n| format!("X-{n}: y\r\n")).collect::<Vec<_>>().concat();
    for (request, wanted) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\nHost: a.example\n\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nHost: a.example\r\n folded\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nHost : a.example\r\n\r\n".to_owned(), "400"),
        (
            "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
            "400",
        ),
        ("POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: gzip, chunked\r\n\r\n".to_owned(), "501"),
        ("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n".to_owned(), "405"),
        (format!("GET /{long} HTTP/1.1\r\nHost: a.example\r\n\r\n"), "414"),
        (format!("GET / HTTP/1.1\r\nHost: a.example\r\nA: {}\r\n\r\n", long.repeat(4)), "431"),
        (format!("GET / HTTP/1.1\r\nHost: a.example\r\n{many}\r\n"), "431"),
    ] {
        let sentinel = format!("{request}GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n");
        let answer = talk(gateway.external, sentinel.as_bytes()).await.unwrap();
        assert_eq!(status(&answer), wanted, "{}: {answer}", &request[..request.len().min(80)]);
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    assert_eq!(upstream.received().concat(), "");
}

#[tokio::test]
async fn rfc_9112_3_2_2_the_authority_of_a_url_wins_over_host_and_upstreams_see_a_path() {
    let upstream = upstream().await;
    let gateway = TestGateway::start([Route::to("a.example", upstream.address)]);
    let request = b"GET http://a.example/x?y HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&talk(gateway.external, request).await.unwrap()), "200");
    let seen = upstream.received().concat();
    assert!(seen.starts_with("GET /x?y HTTP/1.1\r\n") && seen.contains("host: a.example\r\n"), "{seen}");
}

#[tokio::test]
async fn rfc_9110_6_6_1_a_response_has_a_date_its_own_if_it_brings_one() {
    for (date, wanted) in [("date: Thu, 01 Jan 1970 00:00:00 GMT\r\n", true), ("", false)] {
        let response = format!("HTTP/1.1 200 OK\r\n{date}content-length: 2\r\n\r\nok").leak();
        let upstream = ScriptedUpstream::start(b"\r\n\r\n", response.as_bytes()).await.unwrap();
        let gateway = TestGateway::start([Route::to("a.example", upstream.address)]);
        let answer =
            talk(gateway.external, b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").await.unwrap();
        assert_eq!((answer.matches("\r\ndate: ").count(), answer.contains("1970")), (1, wanted), "{answer}");
    }
}

#[tokio::test]
async fn a_chunked_body_that_is_none_is_answered_400() {
    let upstream = upstream().await;
    let gateway = TestGateway::start([Route::to("a", upstream.address)]);
    let request = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n";
    let answer = talk(gateway.external, request).await.unwrap();
    assert!(status(&answer) == "400" && answer.to_lowercase().contains("\r\nconnection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn a_short_http10_request_does_not_stall_and_its_connection_closes() {
    let upstream = upstream().await;
    let gateway = TestGateway::start([Route::to("a", upstream.address)]);
    let begun = Instant::now();
    let answer = talk(gateway.external, b"GET / HTTP/1.0\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(status(&answer) == "200" && answer.ends_with("ok"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(4), "closed by the gateway, not by the test's patience");
}

#[tokio::test]
async fn a_chunked_response_is_not_chunked_to_http10() {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let upstream = ScriptedUpstream::start(b"\r\n\r\n", chunked).await.unwrap();
    let gateway = TestGateway::start([Route::to("a", upstream.address)]);
    let answer = talk(gateway.external, b"GET / HTTP/1.0\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(!answer.to_lowercase().contains("transfer-encoding") && answer.ends_with("\r\n\r\nabcde"), "{answer}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let upstream = upstream().await;
    let gateway = TestGateway::start([Route::to("a", upstream.address)]);
    let one = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
    let last = "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let middle = "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n";
    for batch in [format!("{one}{last}"), format!("{one}{one}{one}{last}"), format!("{middle}{last}")] {
        let answer = talk(gateway.external, batch.as_bytes()).await.unwrap();
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), batch.matches(" HTTP/1.1").count(), "{batch}\n{answer}");
    }
    assert!(!upstream.received().concat().is_empty());
}

#[tokio::test]
async fn a_pipelined_head_is_checked_like_any_other() {
    let upstream = upstream().await;
    let gateway = TestGateway::start([Route::to("a", upstream.address)]);
    let unclean =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\r\n\r\nGET /smuggled HTTP/1.1\nHost: a\r\n\r\n";
    let answer = talk(gateway.external, unclean.as_bytes()).await.unwrap();
    let statuses: Vec<_> = answer.split("HTTP/1.1 ").skip(1).map(|rest| &rest[..3]).collect();
    assert_eq!(statuses, ["200", "400"], "{answer}");
    assert!(!upstream.received().concat().contains("smuggled"));
}

#[tokio::test]
async fn a_head_must_be_complete_within_its_deadline_in_total() {
    let gateway = TestGateway::with([], |settings| settings.timeouts.head = Duration::from_millis(300));
    let mut stream = TcpStream::connect(gateway.external).await.unwrap();
    let begun = Instant::now();
    let (mut reader, mut writer) = stream.split();
    let drip = async {
        for byte in b"GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
            if writer.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mut answer = String::new();
    tokio::select! {
        () = drip => {}
        _ = tokio::io::AsyncReadExt::read_to_string(&mut reader, &mut answer) => {}
    }
    assert_eq!(status(&answer), "408", "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_response_head_does_not_wait_for_its_body() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
    let upstream = ScriptedUpstream::start(b"\r\n\r\n", head).await.unwrap();
    let gateway = TestGateway::start([Route::to("a", upstream.address)]);
    let mut stream = TcpStream::connect(gateway.external).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let begun = Instant::now();
    let answer = read_until(&mut stream, |read| read.ends_with(b"\r\n\r\n")).await;
    assert!(status(&answer) == "200" && begun.elapsed() < Duration::from_secs(2), "{answer}");
}

#[tokio::test]
async fn an_early_hint_and_a_continue_pass_to_http1() {
    let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let upstream = ScriptedUpstream::start(b"\r\n\r\n", hints).await.unwrap();
    let gateway = TestGateway::start([Route::to("a", upstream.address)]);
    let answer = talk(gateway.external, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 103 ") && answer.contains("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn responses_without_a_body_end_with_their_head() {
    for (code, method) in [("204 No Content", "GET"), ("304 Not Modified", "GET"), ("200 OK", "HEAD")] {
        let answer: &'static [u8] = match (code, method) {
            ("204 No Content", _) => b"HTTP/1.1 204 No Content\r\n\r\n",
            ("304 Not Modified", _) => b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n",
            _ => b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n",
        };
        let upstream = ScriptedUpstream::start(b"\r\n\r\n", answer).await.unwrap();
        let gateway = TestGateway::start([Route::to("a", upstream.address)]);
        let twice = format!(
            "{method} / HTTP/1.1\r\nHost: a\r\n\r\n{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        );
        let answers = talk(gateway.external, twice.as_bytes()).await.unwrap();
        assert_eq!(answers.matches(code).count(), 2, "{answers}");
        assert!(answers.ends_with("\r\n\r\n"), "{answers}");
    }
}

#[tokio::test]
async fn a_refused_connect_goes_to_another_endpoint() {
    let upstream = upstream().await;
    let target = endpoints([nobody().await, upstream.address]);
    let gateway = TestGateway::start([Route::to_target("a", target, Protocol::Http1)]);
    for _ in 0..20 {
        let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        assert_eq!(status(&talk(gateway.external, request).await.unwrap()), "200");
    }
}

#[tokio::test]
async fn a_request_that_was_sent_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = tokio::spawn(async move {
        let mut accepted = 0;
        while let Ok(Ok((mut stream, _))) = tokio::time::timeout(Duration::from_secs(1), listener.accept()).await {
            accepted += 1;
            read_until(&mut stream, |read| read.ends_with(b"\r\n\r\n")).await;
        }
        accepted
    });
    let gateway = TestGateway::start([Route::to("a", address)]);
    let answer = talk(gateway.external, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!(status(&answer), "503", "{answer}");
    assert_eq!(accepted.await.unwrap(), 1);
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_upstream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = TestGateway::start([Route::to("a", listener.local_addr().unwrap())]);
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    read_until(&mut upstream, |read| read.ends_with(b"\r\n\r\n")).await;
    drop(client);
    let begun = Instant::now();
    assert_eq!(read_until(&mut upstream, |_| false).await, "");
    assert!(begun.elapsed() < Duration::from_secs(2), "the upstream's connection was closed");
}

#[tokio::test]
async fn a_hop_to_ourselves_is_routed_again_by_the_internal_rules() {
    let upstream = upstream().await;
    let mut private = Route::to("inner.svc", upstream.address);
    private.public = false;
    let mut domain = Route::to_target("vanity.example", Target::Internal, Protocol::Http2);
    domain.rewrite_host = Some("inner.svc");
    domain.append = vec![("k-original-host", "vanity.example")];
    let gateway = TestGateway::start([private, domain]);
    let answer =
        talk(gateway.external, b"GET / HTTP/1.1\r\nHost: vanity.example\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!(status(&answer), "200", "{answer}");
    let seen = upstream.received().concat().to_lowercase();
    assert!(
        seen.contains("\r\nhost: inner.svc\r\n") && seen.contains("\r\nk-original-host: vanity.example\r\n"),
        "{seen}"
    );
}

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight_and_asks_the_rest_to_go() {
    let upstream = upstream().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = Route::to("slow", listener.local_addr().unwrap());
    let mut gateway = TestGateway::start([Route::to("a", upstream.address), slow]);
    let external = gateway.external;
    let mut idle = TcpStream::connect(external).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_until(&mut idle, |read| read.ends_with(b"ok")).await;
    let mut busy = TcpStream::connect(external).await.unwrap();
    busy.write_all(b"GET / HTTP/1.1\r\nHost: slow\r\n\r\n").await.unwrap();
    let (mut held, _) = listener.accept().await.unwrap();
    read_until(&mut held, |read| read.ends_with(b"\r\n\r\n")).await;
    let drained = tokio::spawn(async move { gateway.drain().await });
    assert_eq!(read_until(&mut idle, |_| false).await, "", "idle connections close");
    assert!(TcpStream::connect(external).await.is_ok() || !drained.is_finished());
    held.write_all(OK).await.unwrap();
    let answer = read_until(&mut busy, |_| false).await.to_lowercase();
    assert!(answer.starts_with("http/1.1 200") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    drained.await.unwrap();
    assert!(TcpStream::connect(external).await.is_err());
}
