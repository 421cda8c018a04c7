//! A gateway whose files are used up. Alone in its process, which has none either meanwhile.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::fs::File;

use net_pingora_routing::Protocol;
use net_pingora_tests::gateway::{Route, TestGateway, endpoints};
use net_pingora_tests::raw::{ScriptedUpstream, read_until, talk};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn a_lack_of_files_is_no_fault_of_an_endpoint() {
    let upstream = ScriptedUpstream::start(b"\r\n\r\n", OK).await.unwrap();
    let other = ScriptedUpstream::start(b"\r\n\r\n", OK).await.unwrap();
    let target = endpoints([upstream.address, other.address]);
    let gateway = TestGateway::with([Route::to_target("a", target, Protocol::Http1)], |settings| {
        settings.eject_after = 1;
    });
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: unknown\r\n\r\n").await.unwrap();
    let answer = read_until(&mut client, |read| read.ends_with(b")\n")).await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let few = rustix::process::Rlimit { current: Some(256), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, few).unwrap();
    let files: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let answer = read_until(&mut client, |read| read.ends_with(b")\n")).await;
    drop(files);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    for (name, value) in [
        (r#"net_pingora_answers_total{reason="exhausted",status="503"}"#, 1),
        (r#"net_pingora_upstream_connect_failures_total{reason="files"}"#, 1),
        ("net_pingora_upstream_ejections_total", 0),
        ("net_pingora_upstream_retries_total", 0),
    ] {
        assert_eq!(gateway.metric(name).await, value, "{name}");
    }
    let get = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(talk(gateway.external, get).await.unwrap().starts_with("HTTP/1.1 200 "));
}
