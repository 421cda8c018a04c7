//! TLS of clients: who is shown which certificate, and what is negotiated.
#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use net_pingora_backends::{self as backends, Running, Sample};
use net_pingora_gateway::settings::LiveSettings;
use net_pingora_routing::Protocol;
use net_pingora_tests::gateway::{Route, TestGateway, endpoints};
use net_pingora_tests::grpc::Grpc;
use net_pingora_tests::http2::Http2;
use net_pingora_tests::raw::ScriptedUpstream;
use net_pingora_tests::websocket::{Heard, WebSocket};
use net_pingora_tls::{Certificates, ClientCertificates, Policy, Version};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedCipherSuite, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A certificate for these names, signed by itself.
fn certificate(names: &[&str]) -> CertifiedKey {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    CertifiedKey::from_der(vec![made.cert.der().clone()], key, &ring::default_provider()).unwrap()
}

/// Shows each certificate to clients outside that ask for its host; `""` is for all others.
fn show(gateway: &TestGateway, certificates: &[(&str, &Arc<CertifiedKey>)]) {
    let mut shown = Certificates::default();
    for (host, certificate) in certificates {
        if host.is_empty() {
            shown.default = Some(Arc::clone(certificate));
        } else {
            shown.by_host.insert((*host).into(), Arc::clone(certificate));
        }
    }
    gateway.certificates.external.set(shown);
}

/// A client that trusts these certificates and no others.
struct Client(ClientConfig);

impl Client {
    fn trusting(certificates: &[&Arc<CertifiedKey>]) -> Self {
        Self::with(certificates, rustls::ALL_VERSIONS, ring::ALL_CIPHER_SUITES)
    }

    fn with(
        certificates: &[&Arc<CertifiedKey>],
        versions: &[&'static SupportedProtocolVersion],
        suites: &[SupportedCipherSuite],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate.cert[0].clone()).unwrap();
        }
        let provider = CryptoProvider { cipher_suites: suites.to_vec(), ..ring::default_provider() };
        let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(versions).unwrap();
        Self(builder.with_root_certificates(roots).with_no_client_auth())
    }

    /// Connects and asks for the name; what the server shows must be for it.
    async fn connect(&self, address: SocketAddr, name: &str) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let socket = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(self.0.clone())).connect(name, socket).await
    }
}

/// The certificate that the server showed.
fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

async fn get(stream: &mut TlsStream<TcpStream>, host: &str) -> io::Result<String> {
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let mut read = Vec::new();
    while !read.ends_with(b"ok") {
        let mut chunk = [0; 1024];
        let length = stream.read(&mut chunk).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read.extend_from_slice(&chunk[..length]);
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}

async fn start(change: impl FnOnce(&mut LiveSettings)) -> (TestGateway, ScriptedUpstream) {
    let upstream = ScriptedUpstream::start(b"\r\n\r\n", ANSWER).await.unwrap();
    (TestGateway::with([Route::to("a.example", upstream.address)], change), upstream)
}

#[tokio::test]
async fn rfc6066_3_the_server_name_chooses_the_certificate() {
    let (gateway, _upstream) = start(|_| {}).await;
    let (of_a, of_b) = (Arc::new(certificate(&["a.example"])), Arc::new(certificate(&["b.example"])));
    show(&gateway, &[("a.example", &of_a), ("b.example", &of_b)]);
    let client = Client::trusting(&[&of_a, &of_b]);
    for (name, wanted) in [("a.example", &of_a), ("B.example", &of_b)] {
        let stream = client.connect(gateway.external_tls, name).await.unwrap();
        assert_eq!(shown(&stream), wanted.cert[0], "{name}");
    }
    assert!(client.connect(gateway.external_tls, "c.example").await.is_err());
    // An address is no server name: nothing is sent.
    assert!(client.connect(gateway.external_tls, "127.0.0.1").await.is_err());
    // What is shown outside is not shown in the cluster.
    assert!(client.connect(gateway.internal_tls, "a.example").await.is_err());
}

#[tokio::test]
async fn the_default_certificate_is_for_clients_without_a_known_server_name() {
    let (gateway, _upstream) = start(|_| {}).await;
    let (own, default) = (Arc::new(certificate(&["a.example"])), Arc::new(certificate(&["b.example", "127.0.0.1"])));
    show(&gateway, &[("a.example", &own), ("", &default)]);
    let client = Client::trusting(&[&own, &default]);
    for (name, wanted) in [("a.example", &own), ("b.example", &default), ("127.0.0.1", &default)] {
        let stream = client.connect(gateway.external_tls, name).await.unwrap();
        assert_eq!(shown(&stream), wanted.cert[0], "{name}");
    }
}

#[tokio::test]
async fn a_new_certificate_is_shown_at_once_and_leaves_open_connections_alone() {
    let (gateway, _upstream) = start(|_| {}).await;
    let (old, new) = (Arc::new(certificate(&["a.example"])), Arc::new(certificate(&["a.example"])));
    let client = Client::trusting(&[&old, &new]);
    show(&gateway, &[("a.example", &old)]);
    let mut open = client.connect(gateway.external_tls, "a.example").await.unwrap();
    assert!(get(&mut open, "a.example").await.unwrap().ends_with("ok"));
    show(&gateway, &[("a.example", &new)]);
    assert!(get(&mut open, "a.example").await.unwrap().ends_with("ok"));
    let fresh = Client::trusting(&[&old, &new]).connect(gateway.external_tls, "a.example").await.unwrap();
    assert_eq!((shown(&open), shown(&fresh)), (old.cert[0].clone(), new.cert[0].clone()));
}

#[tokio::test]
async fn a_suite_or_version_outside_the_policy_is_refused() {
    use ring::cipher_suite::{TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384};
    let own = Arc::new(certificate(&["a.example"]));
    let tls12 = |suite| Client::with(&[&own], &[&rustls::version::TLS12], &[suite]);
    let (gateway, _upstream) =
        start(|settings| settings.tls.cipher_suites = "TLS_AES_128_GCM_SHA256".parse().unwrap()).await;
    show(&gateway, &[("a.example", &own)]);
    assert!(Client::trusting(&[&own]).connect(gateway.external_tls, "a.example").await.is_ok());
    assert!(tls12(TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384).connect(gateway.external_tls, "a.example").await.is_err());

    let (gateway, _upstream) =
        start(|settings| settings.tls.cipher_suites = "ECDHE-ECDSA-AES256-GCM-SHA384".parse().unwrap()).await;
    show(&gateway, &[("a.example", &own)]);
    let refused = tls12(TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256).connect(gateway.external_tls, "a.example").await;
    assert!(refused.unwrap_err().to_string().contains("HandshakeFailure"));
    assert!(tls12(TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384).connect(gateway.external_tls, "a.example").await.is_ok());
    assert!(Client::trusting(&[&own]).connect(gateway.external_tls, "a.example").await.is_ok());

    // In effect with the next connection.
    let tls = Policy { min_version: Version::Tls13, ..Policy::default() };
    gateway.settings.set(LiveSettings { tls, ..(*gateway.settings.load()).clone() });
    let refused = tls12(TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384).connect(gateway.external_tls, "a.example").await;
    assert!(refused.unwrap_err().to_string().contains("ProtocolVersion"));
}

#[tokio::test]
async fn a_session_is_resumed_by_whichever_worker() {
    let upstream = ScriptedUpstream::start(b"\r\n\r\n", ANSWER).await.unwrap();
    let gateway = TestGateway::with_threads(3, [Route::to("a.example", upstream.address)], |_| {});
    let own = Arc::new(certificate(&["a.example"]));
    show(&gateway, &[("a.example", &own)]);
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let mut client = Client::with(&[&own], &[version], ring::ALL_CIPHER_SUITES);
        client.0.resumption = Resumption::in_memory_sessions(8);
        for attempt in 0..12 {
            let mut stream = client.connect(gateway.external_tls, "a.example").await.unwrap();
            // Tickets of TLS 1.3 come after the handshake.
            get(&mut stream, "a.example").await.unwrap();
            let wanted = if attempt == 0 { HandshakeKind::Full } else { HandshakeKind::Resumed };
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(wanted), "{version:?} {attempt}");
        }
    }
}

#[tokio::test]
async fn handshakes_beyond_the_limit_are_closed_until_the_deadline_of_others_makes_room() {
    let deadline = Duration::from_millis(300);
    let (gateway, _upstream) = start(|settings| {
        settings.limits.handshakes = 1;
        settings.timeouts.handshake = deadline;
    })
    .await;
    let own = Arc::new(certificate(&["a.example"]));
    show(&gateway, &[("a.example", &own)]);
    let client = Client::trusting(&[&own]);
    let started = Instant::now();
    let _silent = TcpStream::connect(gateway.external_tls).await.unwrap();
    assert!(client.connect(gateway.external_tls, "a.example").await.is_err());
    assert!(started.elapsed() < deadline);
    let first = loop {
        assert!(started.elapsed() < Duration::from_secs(10));
        if let Ok(stream) = client.connect(gateway.external_tls, "a.example").await {
            break stream;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(started.elapsed() >= deadline);
    // A connection whose handshake is over holds no place.
    assert!(client.connect(gateway.external_tls, "a.example").await.is_ok());
    drop(first);
}

#[tokio::test]
async fn rfc7301_http_2_is_chosen_where_the_client_offers_it() {
    let (gateway, _upstream) = start(|_| {}).await;
    let own = Arc::new(certificate(&["a.example"]));
    show(&gateway, &[("a.example", &own)]);
    for (offered, wanted) in [
        (vec![b"http/1.1".to_vec(), b"h2".to_vec()], Some(&b"h2"[..])),
        (vec![b"http/1.1".to_vec()], Some(b"http/1.1")),
        (vec![], None),
    ] {
        let mut client = Client::trusting(&[&own]);
        client.0.alpn_protocols = offered;
        let stream = client.connect(gateway.external_tls, "a.example").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), wanted);
    }
}

/// A gateway in front of a sample backend, and an open connection of a client that offers these protocols.
async fn over_tls(sample: Sample, protocol: Protocol, offered: &[u8]) -> (TestGateway, Running, TlsStream<TcpStream>) {
    let backend = backends::start(sample, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let route = Route::to_target("a.example", endpoints([backend.address]), protocol);
    let gateway = TestGateway::start([route]);
    let own = Arc::new(certificate(&["a.example"]));
    show(&gateway, &[("a.example", &own)]);
    let mut client = Client::trusting(&[&own]);
    client.0.alpn_protocols = vec![offered.to_vec()];
    let stream = client.connect(gateway.external_tls, "a.example").await.unwrap();
    (gateway, backend, stream)
}

#[tokio::test]
async fn grpc_calls_of_all_kinds_pass_over_tls() {
    let (_gateway, _backend, stream) = over_tls(Sample::Grpc, Protocol::Http2, b"h2").await;
    let client = Grpc::over(Http2::over(stream).await.unwrap(), "a.example");
    for (method, sent, wanted) in [
        ("Unary", &["a"][..], &["a"][..]),
        ("ServerStream", &["a"], &["a 1", "a 2", "a 3", "a 4", "a 5"]),
        ("ClientStream", &["a", "b"], &["a b"]),
        ("BidiStream", &["a", "b"], &["a", "b"]),
    ] {
        let outcome = client.call(method, sent).await.unwrap();
        assert_eq!(
            (outcome.texts.as_slice(), outcome.status),
            (&*wanted.iter().map(ToString::to_string).collect::<Vec<_>>(), Some(0)),
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_websocket_passes_over_tls() {
    let (_gateway, _backend, stream) = over_tls(Sample::WebSocket, Protocol::Http1, b"http/1.1").await;
    let mut socket = WebSocket::over(Box::new(stream), "a.example", "/").await.unwrap();
    for number in 0..100 {
        socket.say(&number.to_string()).await.unwrap();
        assert_eq!(socket.hear().await.unwrap(), Heard::Text(number.to_string()));
    }
}

/// Who vouches for clients, and a client that shows a certificate of his.
fn authority(own: &Arc<CertifiedKey>) -> (RootCertStore, Client) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut roots = RootCertStore::empty();
    roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["client".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let mut client = Client::trusting(&[own]);
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let shown = CertifiedKey::from_der(vec![certificate.der().clone()], key, &ring::default_provider()).unwrap();
    client.0.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(shown));
    (roots, client)
}

/// Whether the client is served: of TLS 1.3 it hears a refusal only after its own handshake.
async fn is_served(client: &Client, address: SocketAddr) -> bool {
    let Ok(mut stream) = client.connect(address, "a.example").await else { return false };
    get(&mut stream, "a.example").await.is_ok()
}

#[tokio::test]
async fn clients_outside_show_a_certificate_where_they_must() {
    let own = Arc::new(certificate(&["a.example"]));
    let ((roots, known), (_, unknown)) = (authority(&own), authority(&own));
    let nobody = Client::trusting(&[&own]);
    for (when, roots, wanted) in [
        (ClientCertificates::Off, Some(&roots), [true, true, true]),
        (ClientCertificates::Optional, None, [true, true, true]),
        (ClientCertificates::Optional, Some(&roots), [true, true, false]),
        (ClientCertificates::Required, Some(&roots), [false, true, false]),
        (ClientCertificates::Required, None, [false, false, false]),
    ] {
        let (gateway, _upstream) = start(|settings| settings.tls.client_certificates = when).await;
        show(&gateway, &[("a.example", &own)]);
        gateway.certificates.client_authorities.store(roots.map(|roots| Arc::new(roots.clone())));
        for (client, wanted) in [&nobody, &known, &unknown].into_iter().zip(wanted) {
            assert_eq!(is_served(client, gateway.external_tls).await, wanted, "{when:?} {}", roots.is_some());
        }
    }
}

#[tokio::test]
async fn a_client_whose_authority_is_gone_resumes_no_session() {
    let own = Arc::new(certificate(&["a.example"]));
    let ((roots, mut client), (others, _)) = (authority(&own), authority(&own));
    client.0.resumption = Resumption::in_memory_sessions(8);
    let (gateway, _upstream) = start(|settings| settings.tls.client_certificates = ClientCertificates::Required).await;
    show(&gateway, &[("a.example", &own)]);
    gateway.certificates.client_authorities.store(Some(Arc::new(roots)));
    assert!(is_served(&client, gateway.external_tls).await && is_served(&client, gateway.external_tls).await);
    gateway.certificates.client_authorities.store(Some(Arc::new(others)));
    assert!(!is_served(&client, gateway.external_tls).await);
}

#[tokio::test]
async fn many_authorities_of_clients_harm_no_handshake() {
    let own = Arc::new(certificate(&["a.example"]));
    let (mut roots, known) = authority(&own);
    for number in 0..1_000 {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("{number:0>200}"));
        roots.add(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()).unwrap();
    }
    let (gateway, _upstream) = start(|settings| settings.tls.client_certificates = ClientCertificates::Required).await;
    show(&gateway, &[("a.example", &own)]);
    gateway.certificates.client_authorities.store(Some(Arc::new(roots)));
    assert!(is_served(&known, gateway.external_tls).await);
}
