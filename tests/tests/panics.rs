//! What a bug costs that panics: the access log of this program does, for one path.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use net_pingora_tests::gateway::{Route, TestGateway};
use net_pingora_tests::http2::Http2;
use net_pingora_tests::raw::{PATIENCE, ScriptedUpstream, read_until, talk};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Panics at requests for `/panic`, on whichever thread they are logged.
struct Panics;

impl Visit for Panics {
    fn record_str(&mut self, field: &Field, value: &str) {
        assert!(field.name() != "path" || value != "/panic", "asked for by the test");
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl Subscriber for Panics {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == net_pingora_gateway::observe::access::TARGET
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Self);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

async fn served() -> (ScriptedUpstream, TestGateway) {
    // Both tests set it; the first one does.
    let _ = tracing::subscriber::set_global_default(Panics);
    let upstream = ScriptedUpstream::start(b"\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let upstream = upstream.unwrap();
    let gateway = TestGateway::with([Route::to("a", upstream.address)], |settings| settings.access_log = true);
    (upstream, gateway)
}

/// Waits until the gateway shows this: it counts when a connection has gone already.
async fn shows(gateway: &TestGateway, name: &str, value: u64) {
    let shown = async {
        while gateway.metric(name).await != value {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(PATIENCE, shown).await.is_ok(), "{name} is {}", gateway.metric(name).await);
}

#[tokio::test]
async fn a_panic_in_a_request_costs_its_connection_only_and_is_counted() {
    let (_upstream, gateway) = served().await;
    let open = r#"net_pingora_connections_open{listener="external-http"}"#;
    let mut other = TcpStream::connect(gateway.external).await.unwrap();
    for _ in 0..3 {
        let mut client = TcpStream::connect(gateway.external).await.unwrap();
        client.write_all(b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        // It has had its answer, and then the connection ends.
        read_until(&mut client, |_| false).await;
        other.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let answer = read_until(&mut other, |read| read.ends_with(b"ok")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    shows(&gateway, "net_pingora_panics_total", 3).await;
    shows(&gateway, "net_pingora_requests_in_flight", 0).await;
    shows(&gateway, open, 1).await;
    assert_eq!(gateway.forgive(), 3);
}

#[tokio::test]
async fn a_panic_in_a_stream_costs_no_other_stream() {
    let (_upstream, gateway) = served().await;
    let client = Http2::connect(gateway.external).await.unwrap();
    let get = |path: &str| Request::get(format!("http://a{path}")).body(Bytes::new()).unwrap();
    for _ in 0..3 {
        let (_, answered) = tokio::join!(client.send(get("/panic")), client.send(get("/")));
        assert_eq!(answered.unwrap().0.status(), 200);
    }
    shows(&gateway, "net_pingora_panics_total", 3).await;
    assert_eq!(gateway.forgive(), 3);
}

#[tokio::test]
#[should_panic(expected = "panics in the gateway")]
async fn a_panic_fails_the_test_that_saw_it() {
    let (_upstream, gateway) = served().await;
    talk(gateway.external, b"GET /panic HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    shows(&gateway, "net_pingora_panics_total", 1).await;
    drop(gateway);
}
