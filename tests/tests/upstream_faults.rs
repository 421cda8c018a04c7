//! Upstreams that refuse, stay silent, break off, or speak something else than HTTP/1.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use net_pingora_gateway::settings::LiveSettings;
use net_pingora_routing::{Protocol, Target};
use net_pingora_tests::gateway::{Route, TestGateway, endpoints};
use net_pingora_tests::http2::Http2;
use net_pingora_tests::raw::{ScriptedUpstream, read_until, talk};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What an upstream does when it has said everything.
#[derive(Clone, Copy, Debug)]
enum Then {
    Closes,
    Resets,
    IsSilent,
    RepeatsIt,
}
use Then::{Closes, IsSilent, RepeatsIt, Resets};

/// An upstream that says the same to every request.
async fn saying(words: Cow<'static, [u8]>, then: Then) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(say(stream, words.clone(), then));
        }
    });
    address
}

async fn say(mut stream: TcpStream, words: Cow<'static, [u8]>, then: Then) {
    read_until(&mut stream, |read| read.ends_with(b"\r\n\r\n")).await;
    stream.write_all(&words).await.unwrap_or_default();
    match then {
        Closes => {}
        // What was said is read before the reset.
        Resets => {
            sleep(Duration::from_millis(100)).await;
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
        IsSilent => std::future::pending().await,
        RepeatsIt => while stream.write_all(&words).await.is_ok() {},
    }
}

fn impatient(settings: &mut LiveSettings) {
    settings.timeouts.response = Some(Duration::from_millis(500));
}

fn head(fields: &str) -> Cow<'static, [u8]> {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nok").into_bytes().into()
}

fn text(words: &'static str) -> Cow<'static, [u8]> {
    words.as_bytes().into()
}

#[tokio::test]
async fn every_fault_before_a_response_has_its_answer() {
    let many = (0..257).map(|n| format!("x-{n}: y")).collect::<Vec<_>>().join("\r\n");
    let closed = ("503", "upstream_closed");
    let invalid = ("502", "upstream_invalid");
    let silent = ("504", "upstream_timeout");
    for (words, then, (status, wanted)) in [
        (text(""), Closes, closed),
        (text(""), Resets, closed),
        (text(""), IsSilent, silent),
        (text("HTTP/1.1 200 OK\r\nconte"), Closes, closed),
        (text("HTTP/1.1 200 OK\r\nconte"), IsSilent, silent),
        (text("HTTP/1.1 103 Early Hints\r\n\r\n"), IsSilent, silent),
        (text("SSH-2.0-OpenSSH_9.6\r\n"), IsSilent, invalid),
        (text("<html>it works</html>"), IsSilent, invalid),
        (text("\0\0\x12\x04\0\0\0\0\0"), IsSilent, invalid),
        (text("HTTP/2.0 200 OK\r\n\r\n"), IsSilent, invalid),
        (text("HTTP/1.1 20 OK\r\n\r\n"), IsSilent, invalid),
        (text("HTTP/1.1 2000 OK\r\n\r\n"), IsSilent, invalid),
        (text("HTTP/1.1 101 Switching Protocols\r\n\r\n"), IsSilent, invalid),
        (head("content-length: 2\r\ncontent-length: 3"), IsSilent, invalid),
        (head("content-length: 2, 3"), IsSilent, invalid),
        (head("content-length: -1"), IsSilent, invalid),
        (head("content-length: +2"), IsSilent, invalid),
        (head("content-length: 0x2"), IsSilent, invalid),
        (head("content-length: 99999999999999999999"), IsSilent, invalid),
        (head("transfer-encoding: gzip, chunked"), IsSilent, invalid),
        (head("transfer-encoding: chunked\r\ntransfer-encoding: chunked"), IsSilent, invalid),
        (head("transfer-encoding: identity"), IsSilent, invalid),
        (head("na me: y"), IsSilent, invalid),
        (head("name: y\0"), IsSilent, invalid),
        (head(&many), IsSilent, invalid),
        (head(&format!("x: {}", "y".repeat(80_000))), IsSilent, invalid),
        (text("HTTP/1.1 200 OK\r\nx: "), RepeatsIt, invalid),
        (text("HTTP/1.1 103 Early Hints\r\n\r\n"), RepeatsIt, invalid),
    ] {
        let case = format!("{} and {then:?}", words[..words.len().min(80)].escape_ascii());
        let gateway = TestGateway::with([Route::to("a", saying(words, then).await)], impatient);
        let answer = talk(gateway.external, GET).await.unwrap();
        let last = answer.rsplit("HTTP/1.1 ").next().unwrap_or_default();
        assert_eq!((last.get(..3), &*gateway.reasons().await), (Some(status), wanted), "{case}: {answer:.200}");
    }
}

#[tokio::test]
async fn a_head_may_be_long_and_its_body_longer() {
    let length = 1 << 20;
    let mut words =
        format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: {length}\r\n\r\n", "y".repeat(60_000)).into_bytes();
    words.resize(words.len() + length, b'z');
    let gateway = TestGateway::start([Route::to("a", saying(words.into(), IsSilent).await)]);
    let answer = talk(gateway.external, GET).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.len() > 60_000 && body.len() == length, "{} {}", head.len(), body.len());
}

#[tokio::test]
async fn a_body_that_is_broken_off_is_not_taken_for_a_whole_one() {
    let chunked =
        |body: &str| Cow::from(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{body}").into_bytes());
    for (words, then) in [
        (head("content-length: 10"), Closes),
        (head("content-length: 10"), Resets),
        (head("server: x"), Resets),
        (chunked("2\r\nok\r\n"), Closes),
        (chunked("2\r\nok\r\n"), Resets),
        (chunked("2\r\nok\r\n0\r\n"), Closes),
        (chunked("2\r\nok\r\nxyz\r\n"), IsSilent),
        (chunked("2\r\nok\r\n\r\n\r\n"), IsSilent),
        (chunked("2\r\nok\r\n-2\r\nok\r\n0\r\n\r\n"), IsSilent),
        (chunked("2\r\nokay\r\n0\r\n\r\n"), IsSilent),
        (chunked("2\r\nok\r\nfffffffffffffffff\r\nok"), IsSilent),
        (chunked(&format!("2\r\nok\r\n2;{}", "x".repeat(1 << 17))), IsSilent),
        (chunked(&format!("2\r\nok\r\n0\r\n{}", "x: y\r\n".repeat(1 << 14))), IsSilent),
    ] {
        let case = format!("{} and {then:?}", words[..words.len().min(120)].escape_ascii());
        let gateway = TestGateway::start([Route::to("a", saying(words, then).await)]);
        let begun = Instant::now();
        let answer = talk(gateway.external, GET).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(3), "{case}: its end was told");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{case}: {answer}");
        assert!(!body.ends_with("0\r\n\r\n") && body.len() < 10, "{case}: {answer}");
        let request = Request::get("http://a/").body(Bytes::new()).unwrap();
        Http2::connect(gateway.external).await.unwrap().send(request).await.expect_err(&case);
    }
}

#[tokio::test]
async fn rfc_9112_6_3_chunks_win_over_a_length_which_no_client_sees() {
    let words = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n";
    let gateway = TestGateway::start([Route::to("a", saying(text(words), IsSilent).await)]);
    let answer = talk(gateway.external, GET).await.unwrap().to_lowercase();
    assert!(answer.ends_with("\r\n\r\n5\r\nwhole\r\n0\r\n\r\n") && !answer.contains("content-length"), "{answer}");
}

#[tokio::test]
async fn rfc_9112_5_2_a_folded_line_reaches_the_client_in_one() {
    let words = "HTTP/1.1 200 OK\r\nx-folded: one\r\n two\r\nx-spaced : y\r\ncontent-length: 2\r\n\r\nok";
    let gateway = TestGateway::start([Route::to("a", saying(text(words), Closes).await)]);
    let answer = talk(gateway.external, GET).await.unwrap().to_lowercase();
    assert!(answer.contains("\r\nx-folded: one two\r\n") && answer.contains("\r\nx-spaced: y\r\n"), "{answer}");
    let request = Request::get("http://a/").body(Bytes::new()).unwrap();
    let (answer, _) = Http2::connect(gateway.external).await.unwrap().send(request).await.unwrap();
    assert_eq!(answer.headers()["x-folded"], "one two");
}

/// An address nobody listens on.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Listens where nobody did.
fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(16).unwrap()
}

const REFUSED: &str = "net_pingora_upstream_connect_failures_total{reason=\"refused\"}";
const EJECTIONS: &str = "net_pingora_upstream_ejections_total";

#[tokio::test]
async fn an_endpoint_that_takes_no_connections_is_left_out_and_comes_back() {
    let (good, bad) = (ScriptedUpstream::start(b"\r\n\r\n", OK).await.unwrap(), nobody().await);
    let target = endpoints([good.address, bad]);
    let gateway = TestGateway::with([Route::to_target("a", target, Protocol::Http1)], |settings| {
        settings.eject_after = 3;
    });
    for _ in 0..100 {
        let answer = talk(gateway.external, GET).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    // Without an end half of the requests would try it; each second one may.
    let tried = gateway.metric(REFUSED).await;
    assert!((3..12).contains(&tried) && gateway.metric(EJECTIONS).await == 1, "{tried} tries");
    let back = listen(bad);
    let asking = tokio::spawn(async move {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            talk(gateway.external, GET).await.unwrap();
            sleep(Duration::from_millis(10)).await;
        }
    });
    let (mut stream, _) = back.accept().await.unwrap();
    stream.write_all(OK).await.unwrap();
    asking.abort();
}

#[tokio::test]
async fn the_only_endpoint_is_never_left_out() {
    let address = nobody().await;
    let gateway = TestGateway::with([Route::to("a", address)], |settings| settings.eject_after = 1);
    for _ in 0..5 {
        assert!(talk(gateway.external, GET).await.unwrap().starts_with("HTTP/1.1 503 "));
    }
    assert_eq!((gateway.metric(REFUSED).await, gateway.metric(EJECTIONS).await), (5, 0));
    let back = listen(address);
    tokio::spawn(async move { back.accept().await.unwrap().0.write_all(OK).await });
    assert!(talk(gateway.external, GET).await.unwrap().starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_name_leads_neither_to_this_machine_nor_in_circles() {
    let circles = "Via: 1.1 net-pingora\r\n".repeat(4);
    for (host, fields, (status, wanted)) in [
        ("127.0.0.1", "", ("503", "name_unresolved")),
        ("169.254.1.1", "", ("503", "name_unresolved")),
        ("localhost", "", ("503", "name_unresolved")),
        ("192.0.2.1", &*circles, ("508", "loop")),
    ] {
        let target = Target::Name { host: host.into(), port: 80 };
        let gateway = TestGateway::start([Route::to_target("a", target, Protocol::Http1)]);
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        let answer = talk(gateway.external, request.as_bytes()).await.unwrap();
        assert_eq!((answer.get(9..12), &*gateway.reasons().await), (Some(status), wanted), "{host}: {answer}");
    }
}

/// RFC 9110 §9.2.2: what is safe to repeat is asked of another endpoint when one has closed without an answer.
#[tokio::test]
async fn an_idempotent_request_that_an_endpoint_drops_is_answered_by_another_and_no_other_is() {
    for (method, drops, wanted) in
        [("GET", 1, "HTTP/1.1 200 "), ("PUT", 2, "HTTP/1.1 200 "), ("POST", 1, "HTTP/1.1 503 ")]
    {
        for then in [Closes, Resets] {
            let mut addresses = Vec::new();
            for _ in 0..drops {
                addresses.push(saying(b"".into(), then).await);
            }
            let good = ScriptedUpstream::start(b"\r\n\r\n", OK).await.unwrap();
            addresses.push(good.address);
            let gateway = TestGateway::start([Route::to_target("a", endpoints(addresses), Protocol::Http1)]);
            let request = format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            let mut answers = Vec::new();
            for _ in 0..20 {
                answers.push(talk(gateway.external, request.as_bytes()).await.unwrap());
            }
            let right = answers.iter().filter(|answer| answer.starts_with(wanted)).count();
            let at_least = if wanted.ends_with("200 ") { 20 } else { 1 };
            assert!(right >= at_least, "{method} {drops} {then:?}: {right} of 20");
        }
    }
}
