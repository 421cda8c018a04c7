//! Clients that take, or ask for, more than their share.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::io::ErrorKind;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use http::Request;
use net_pingora_backends::{Running, Sample, start};
use net_pingora_gateway::settings::{LiveSettings, MemoryCap};
use net_pingora_tests::gateway::{Route, TestGateway};
use net_pingora_tests::http2::{Http2, OPENING, get_frame as get};
use net_pingora_tests::raw::{PATIENCE, ScriptedUpstream, read_until, talk};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn backend(sample: Sample) -> Running {
    start(sample, ([127, 0, 0, 1], 0).into()).await.unwrap()
}

async fn answering(change: impl FnOnce(&mut LiveSettings)) -> (ScriptedUpstream, TestGateway) {
    let upstream = ScriptedUpstream::start(b"\r\n\r\n", OK).await.unwrap();
    let gateway = TestGateway::with([Route::to("a", upstream.address)], change);
    (upstream, gateway)
}

fn impatient(settings: &mut LiveSettings) {
    settings.timeouts.stall = Duration::from_millis(300);
    settings.limits.min_rate = 1_000;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_408() {
    let upstream = ScriptedUpstream::start(b"never", OK).await.unwrap();
    let gateway = TestGateway::with([Route::to("a", upstream.address)], impatient);
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome").await.unwrap();
    let begun = Instant::now();
    let answer = read_until(&mut client, |_| false).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_body_that_comes_fast_enough_may_take_its_time() {
    let upstream = ScriptedUpstream::start(b"end", OK).await.unwrap();
    let gateway = TestGateway::with([Route::to("a", upstream.address)], impatient);
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2003\r\n\r\n").await.unwrap();
    for _ in 0..10 {
        client.write_all(&[b'x'; 200]).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    client.write_all(b"end").await.unwrap();
    let answer = read_until(&mut client, |read| read.ends_with(b"ok")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_drips_is_answered_408() {
    let upstream = ScriptedUpstream::start(b"end", OK).await.unwrap();
    let gateway = TestGateway::with([Route::to("a", upstream.address)], impatient);
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2003\r\n\r\n").await.unwrap();
    let (mut reading, mut writing) = client.into_split();
    let dripping = tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    });
    let begun = Instant::now();
    let mut answer = [0; 13];
    reading.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408 ");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    dripping.abort();
}

#[tokio::test]
async fn a_client_that_takes_nothing_loses_its_request_and_frees_the_upstream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = TestGateway::with([Route::to("a", listener.local_addr().unwrap())], impatient);
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    client.write_all(GET).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    read_until(&mut upstream, |read| read.ends_with(b"\r\n\r\n")).await;
    upstream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let endless = async { while upstream.write_all(&[0; 1 << 12]).await.is_ok() {} };
    assert!(timeout(PATIENCE, endless).await.is_ok(), "the upstream is asked for no more");
    assert_eq!(gateway.metric("net_pingora_stalled_clients_total").await, 1);
    drop(client);
}

#[tokio::test]
async fn a_stream_without_a_window_loses_its_request_and_no_other() {
    let backend = backend(Sample::Echo).await;
    let gateway = TestGateway::with([Route::to("a", backend.address)], impatient);
    let client = Http2::connect(gateway.external).await.unwrap();
    let get = |path: &str| Request::get(format!("http://a{path}")).body(()).unwrap();
    let (_upload, pending) = client.open(get("/bytes/10000000")).await.unwrap();
    let never_read = pending.answer().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(gateway.metric("net_pingora_stalled_clients_total").await, 1);
    // Its bytes fill the window of the whole connection.
    drop(never_read);
    assert!(client.send(get("/").map(|()| bytes::Bytes::new())).await.is_ok());
}

/// `RST_STREAM` with CANCEL.
fn cancel(stream: u32) -> Vec<u8> {
    [&[0, 0, 4, 3, 0][..], &stream.to_be_bytes(), &[0, 0, 0, 8]].concat()
}

/// `WINDOW_UPDATE` by which a window grows beyond what there is (RFC 9113 §6.9.1).
fn too_large(stream: u32) -> Vec<u8> {
    [&[0, 0, 4, 8, 0][..], &stream.to_be_bytes(), &i32::MAX.to_be_bytes()].concat()
}

/// Sends frames until the gateway closes; how many it took.
async fn flood(gateway: &TestGateway, frame: impl Fn(u32) -> Vec<u8>) -> usize {
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    client.write_all(OPENING).await.unwrap();
    let (mut reading, mut writing) = client.split();
    let closed = async {
        let mut answers = [0; 4096];
        while reading.read(&mut answers).await.is_ok_and(|read| read > 0) {}
    };
    let mut sent = 0;
    let sending = async {
        for number in 0..100_000 {
            if writing.write_all(&frame(number)).await.is_err() {
                break;
            }
            sent += 1;
        }
        std::future::pending::<()>().await;
    };
    let ended = timeout(PATIENCE, async {
        tokio::select! { () = closed => {}, () = sending => {} }
    })
    .await;
    assert!(ended.is_ok(), "the gateway closes");
    sent
}

#[tokio::test]
async fn a_flood_of_frames_ends_its_connection() {
    let (upstream, gateway) = answering(|settings| {
        settings.limits.control_frames = 100;
        settings.limits.resets = 100;
        settings.limits.malformed = 100;
    })
    .await;
    // Without a path (RFC 9113 §8.3.1).
    let malformed = |stream: u32| [&[0, 0, 2, 1, 5][..], &stream.to_be_bytes(), b"\x82\x86"].concat();
    let refused = r#"net_pingora_connections_refused_total{listener="external-http",reason="flood"}"#;
    let floods: [&dyn Fn(u32) -> Vec<u8>; 5] = [
        &|_| b"\0\0\x08\x06\0\0\0\0\0pingping".to_vec(),
        &|_| b"\0\0\0\x04\0\0\0\0\0".to_vec(),
        &|number| [get(2 * number + 1), cancel(2 * number + 1)].concat(),
        &|number| malformed(2 * number + 1),
        &|number| [get(2 * number + 1), too_large(2 * number + 1)].concat(),
    ];
    for (frame, count) in floods.into_iter().zip(1..) {
        flood(&gateway, frame).await;
        // It is counted when the connection has gone.
        sleep(Duration::from_millis(50)).await;
        assert_eq!(gateway.metric(refused).await, count);
    }
    assert!(upstream.received().len() < 1_000);
}

#[tokio::test]
async fn a_stream_that_is_over_when_it_is_looked_at_is_asked_of_no_upstream() {
    let (upstream, gateway) = answering(|_| {}).await;
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    let mut said = OPENING.to_vec();
    for stream in (1..20).step_by(4) {
        let (given_up, made_to_reset) = (stream, stream + 2);
        said.extend([get(given_up), cancel(given_up), get(made_to_reset), too_large(made_to_reset)].concat());
    }
    // All at once, so that every one is over before the first is looked at.
    said.extend(get(99));
    client.write_all(&said).await.unwrap();
    read_until(&mut client, |read| read.ends_with(b"ok")).await;
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test]
async fn who_cancels_more_streams_than_may_be_open_is_read_slower() {
    let (_upstream, gateway) = answering(|settings| {
        settings.limits.streams = 4;
        settings.limits.resets = 5;
    })
    .await;
    for (cancelled, slower) in [(4, false), (5, true)] {
        let mut client = TcpStream::connect(gateway.external).await.unwrap();
        client.write_all(OPENING).await.unwrap();
        for stream in (1..).step_by(2).take(cancelled) {
            client.write_all(&[get(stream), cancel(stream)].concat()).await.unwrap();
        }
        sleep(Duration::from_millis(100)).await;
        let asked = Instant::now();
        client.write_all(&get(99)).await.unwrap();
        read_until(&mut client, |read| read.ends_with(b"ok")).await;
        // One of five takes two seconds to come back.
        let took = asked.elapsed();
        assert_eq!(took > Duration::from_millis(600), slower, "{cancelled} cancelled, answered after {took:?}");
    }
}

#[tokio::test]
async fn an_address_has_its_share_of_connections_and_no_more() {
    let (_upstream, gateway) = answering(|settings| settings.limits.connections_per_address = 2).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut client = TcpStream::connect(gateway.external).await.unwrap();
        client.write_all(GET).await.unwrap();
        assert!(read_until(&mut client, |read| read.ends_with(b"ok")).await.ends_with("ok"));
        open.push(client);
    }
    let mut third = TcpStream::connect(gateway.external).await.unwrap();
    let refused = third.read(&mut [0; 1]).await;
    assert!(matches!(&refused, Ok(0)) || refused.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    open.pop();
    sleep(Duration::from_millis(100)).await;
    assert!(
        talk(gateway.external, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .unwrap()
            .ends_with("ok")
    );
}

#[tokio::test]
async fn requests_beyond_the_limit_are_answered_503() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = TestGateway::with([Route::to("a", listener.local_addr().unwrap())], |settings| {
        settings.limits.requests = 1;
    });
    let mut held = TcpStream::connect(gateway.external).await.unwrap();
    held.write_all(GET).await.unwrap();
    let _upstream = listener.accept().await.unwrap();
    let answer = talk(gateway.external, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[tokio::test]
async fn an_old_connection_ends_with_its_request() {
    let (_upstream, gateway) = answering(|settings| {
        settings.timeouts.connection_age = Some(Duration::from_millis(200));
    })
    .await;
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    for (closes, wait) in [(false, 300), (true, 0)] {
        client.write_all(GET).await.unwrap();
        let answer = read_until(&mut client, |read| read.ends_with(b"ok")).await.to_lowercase();
        assert_eq!(answer.contains("connection: close\r\n"), closes, "{answer}");
        sleep(Duration::from_millis(wait)).await;
    }
}

#[tokio::test]
async fn an_old_http2_connection_takes_no_more_requests_and_ends() {
    let (_upstream, gateway) = answering(|settings| {
        settings.timeouts.connection_age = Some(Duration::from_millis(200));
    })
    .await;
    let client = Http2::connect(gateway.external).await.unwrap();
    let get = || Request::get("http://a/").body(bytes::Bytes::new()).unwrap();
    let (answer, _) = client.send(get()).await.unwrap();
    assert_eq!(answer.status(), 200);
    sleep(Duration::from_millis(300)).await;
    // The one that finds it old is served.
    let (answer, _) = client.send(get()).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(client.send(get()).await.is_err());
}

#[tokio::test]
async fn with_too_much_memory_in_use_requests_are_answered_503_and_connections_closed() {
    let (_upstream, gateway) = answering(|settings| settings.limits.memory = MemoryCap::Off).await;
    let ask = async |client: &mut TcpStream| {
        client.write_all(GET).await.unwrap();
        read_until(client, |read| read.windows(4).any(|end| end == b"\r\n\r\n")).await
    };
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    assert!(ask(&mut client).await.starts_with("HTTP/1.1 200 "));
    let set = |memory| {
        let mut live = LiveSettings::clone(&gateway.settings.load());
        live.limits.memory = memory;
        gateway.settings.set(live);
    };
    set(MemoryCap::Bytes(NonZeroU64::MIN));
    sleep(Duration::from_secs(1)).await;
    assert!(ask(&mut client).await.starts_with("HTTP/1.1 503 "));
    let refused = talk(gateway.external, GET).await;
    assert!(refused.as_ref().map_or(true, String::is_empty), "{refused:?}");
    assert_eq!(gateway.metric(r#"net_pingora_answers_total{reason="overloaded",status="503"}"#).await, 1);
    set(MemoryCap::Off);
    sleep(Duration::from_secs(1)).await;
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    assert!(ask(&mut client).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn what_connections_may_open_leaves_files_for_the_health_port() {
    let upstream = ScriptedUpstream::start(b"\r\n\r\n", OK).await.unwrap();
    let asked = async |files: usize| {
        let gateway = TestGateway::with_files(files, [Route::to("a", upstream.address)]);
        let mut client = TcpStream::connect(gateway.external).await.unwrap();
        client.write_all(GET).await.unwrap();
        let answer = read_until(&mut client, |read| read.ends_with(b"ok") || read.ends_with(b")\n")).await;
        let second = talk(gateway.external, GET).await;
        assert!(second.as_ref().map_or(true, String::is_empty), "{second:?}");
        let refused = r#"net_pingora_connections_refused_total{listener="external-http",reason="files"}"#;
        (answer.get(..12).unwrap_or_default().to_owned(), gateway.metric(refused).await)
    };
    assert_eq!(asked(2).await, ("HTTP/1.1 200".to_owned(), 1));
    assert_eq!(asked(0).await, (String::new(), 2));
}

#[tokio::test]
async fn a_request_that_finds_no_file_for_its_upstream_is_answered_503() {
    let upstream = ScriptedUpstream::start(b"\r\n\r\n", OK).await.unwrap();
    let gateway = TestGateway::with_files(1, [Route::to("a", upstream.address)]);
    let answer = talk(gateway.external, GET).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(gateway.metric(r#"net_pingora_answers_total{reason="exhausted",status="503"}"#).await, 1);
}
