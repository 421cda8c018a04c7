//! The PROXY protocol in front of plain HTTP and of TLS.
#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::sync::Arc;

use net_pingora_tests::gateway::{Route, TestGateway};
use net_pingora_tests::raw::{ScriptedUpstream, read_until, talk};
use net_pingora_tls::Certificates;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\x12\x67\x01\xbb";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";

async fn start(trusted: &str) -> (TestGateway, ScriptedUpstream) {
    let upstream =
        ScriptedUpstream::start(b"\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
    let trusted = trusted.parse().unwrap();
    let gateway = TestGateway::with([Route::to("a.example", upstream.address)], |settings| {
        settings.proxy_protocol = vec![trusted];
    });
    (gateway, upstream)
}

fn forwarded_for(upstream: &ScriptedUpstream) -> String {
    let received = upstream.received().concat().to_ascii_lowercase();
    received.lines().filter_map(|line| line.strip_prefix("x-forwarded-for: ")).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_client_is_who_the_header_says() {
    for (header, wanted) in [(V1, "192.0.2.7"), (V2, "192.0.2.7"), (LOCAL, "127.0.0.1")] {
        let (gateway, upstream) = start("127.0.0.0/8").await;
        let answer = talk(gateway.external, &[header, REQUEST].concat()).await.unwrap();
        assert!(answer.ends_with("ok"), "{answer}");
        assert_eq!(forwarded_for(&upstream), wanted);
    }
}

#[tokio::test]
async fn who_must_send_it_is_refused_without_and_who_must_not_is_refused_with_it() {
    let (gateway, _upstream) = start("127.0.0.0/8").await;
    assert_eq!(talk(gateway.external, REQUEST).await.unwrap_or_default(), "");
    // Clients in the cluster have no load balancer in front of them.
    assert!(talk(gateway.internal, REQUEST).await.unwrap().ends_with("ok"));
    let (gateway, _upstream) = start("192.0.2.0/24").await;
    assert!(talk(gateway.external, REQUEST).await.unwrap().ends_with("ok"));
    let answer = talk(gateway.external, &[V1, REQUEST].concat()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn a_header_in_pieces_is_waited_for() {
    let (gateway, upstream) = start("127.0.0.0/8").await;
    let mut stream = TcpStream::connect(gateway.external).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in [&V2[..5], &V2[5..20], &V2[20..], REQUEST] {
        stream.write_all(piece).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(read_until(&mut stream, |read| read.ends_with(b"ok")).await.ends_with("ok"));
    assert_eq!(forwarded_for(&upstream), "192.0.2.7");
}

#[tokio::test]
async fn it_goes_before_tls() {
    let (gateway, upstream) = start("127.0.0.0/8").await;
    let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let certificate = CertifiedKey::from_der(vec![made.cert.der().clone()], key, &ring::default_provider()).unwrap();
    gateway.certificates.external.set(Certificates { default: Some(Arc::new(certificate)), ..Certificates::default() });
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut socket = TcpStream::connect(gateway.external_tls).await.unwrap();
    socket.write_all(V2).await.unwrap();
    let name = ServerName::try_from("a.example").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.ends_with("ok"), "{answer}");
    assert_eq!(forwarded_for(&upstream), "192.0.2.7");
}
