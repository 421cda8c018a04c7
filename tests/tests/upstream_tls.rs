//! TLS to upstreams, as Knative's system-internal-tls has it.
#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use net_pingora_routing::{Protocol, Transport};
use net_pingora_tests::gateway::{Route, TestGateway, endpoints};
use net_pingora_tests::raw::{ScriptedUpstream, talk};
use net_pingora_tls::{Encryption, Trust};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const NAMES: [&str; 2] = ["kn-routing", "kn-user-default"];

/// Who vouches for upstreams.
struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    fn encryption(&self) -> Arc<Encryption> {
        Arc::new(Trust::new([self.certificate.clone()]).unwrap().encryption(&NAMES).unwrap())
    }
}

/// An upstream that says in its answers what it was asked, by which protocol and in which handshake.
struct Upstream {
    address: SocketAddr,
    handshakes: Arc<Mutex<Vec<Option<HandshakeKind>>>>,
}

impl Upstream {
    async fn proving(name: &str, authority: &Authority) -> Self {
        let (listener, acceptor) = listen(name, authority).await;
        let upstream = Self { address: listener.local_addr().unwrap(), handshakes: Arc::default() };
        tokio::spawn(serve(listener, acceptor, Arc::clone(&upstream.handshakes)));
        upstream
    }

    fn handshakes(&self) -> Vec<HandshakeKind> {
        self.handshakes.lock().unwrap().iter().copied().flatten().collect()
    }
}

/// Listens, and proves this name to whoever connects.
async fn listen(name: &str, authority: &Authority) -> (TcpListener, TlsAcceptor) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority.issuer).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.ticketer = Ticketer::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener, TlsAcceptor::from(Arc::new(config)))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, handshakes: Arc<Mutex<Vec<Option<HandshakeKind>>>>) {
    while let Ok((socket, _)) = listener.accept().await {
        let (acceptor, handshakes) = (acceptor.clone(), Arc::clone(&handshakes));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(socket).await else { return };
            handshakes.lock().unwrap().push(stream.get_ref().1.handshake_kind());
            let _ =
                auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service_fn(echo)).await;
        });
    }
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let version = if request.version() == Version::HTTP_2 { "h2" } else { "h1" };
    let close = request.uri().path() == "/close";
    let body = request.into_body().collect().await.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
    let mut response = Response::new(Full::new(if body.is_empty() { version.into() } else { body }));
    if close {
        response.headers_mut().insert("connection", "close".parse().unwrap());
    }
    Ok(response)
}

fn route(host: &str, address: SocketAddr, protocol: Protocol, transport: Transport) -> Route {
    Route { transport, ..Route::to_target(host, endpoints([address]), protocol) }
}

async fn get(gateway: &TestGateway, host: &str, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    talk(gateway.external, request.as_bytes()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_must_prove_one_of_the_names() {
    let (known, unknown) = (Authority::new(), Authority::new());
    for (authority, name, wanted) in [
        (&known, "kn-routing", "HTTP/1.1 200"),
        (&known, "kn-user-default", "HTTP/1.1 200"),
        (&known, "kn-user-other", "HTTP/1.1 503"),
        (&known, "data-plane.knative.dev", "HTTP/1.1 503"),
        (&unknown, "kn-routing", "HTTP/1.1 503"),
    ] {
        let upstream = Upstream::proving(name, authority).await;
        let transport = Transport::Encrypted(known.encryption());
        let gateway = TestGateway::start([route("a", upstream.address, Protocol::Http1, transport)]);
        let answer = get(&gateway, "a", "/").await;
        assert!(answer.starts_with(wanted), "{name}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_kept_and_sessions_are_resumed() {
    for (protocol, wanted) in [(Protocol::Http1, "h1"), (Protocol::Http2, "h2")] {
        let authority = Authority::new();
        let upstream = Upstream::proving("kn-routing", &authority).await;
        let transport = Transport::Encrypted(authority.encryption());
        let gateway = TestGateway::start([route("a", upstream.address, protocol, transport)]);
        for _ in 0..5 {
            assert!(get(&gateway, "a", "/").await.ends_with(wanted), "{protocol:?}");
        }
        assert_eq!(upstream.handshakes(), [HandshakeKind::Full], "{protocol:?}");
        if protocol == Protocol::Http1 {
            get(&gateway, "a", "/close").await;
            get(&gateway, "a", "/").await;
            assert_eq!(upstream.handshakes(), [HandshakeKind::Full, HandshakeKind::Resumed]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_never_used_for_whom_it_was_not_made() {
    let (authority, other) = (Authority::new(), Authority::new());
    let upstream = Upstream::proving("kn-routing", &authority).await;
    let to = |host, transport| route(host, upstream.address, Protocol::Http1, transport);
    let gateway = TestGateway::start([
        to("a", Transport::Encrypted(authority.encryption())),
        to("b", Transport::Encrypted(authority.encryption())),
        to("c", Transport::Encrypted(other.encryption())),
        to("d", Transport::Untrusted),
    ]);
    for (host, wanted, handshakes) in
        [("a", "200", 1), ("b", "200", 2), ("c", "503", 2), ("d", "503", 2), ("a", "200", 2)]
    {
        let answer = get(&gateway, host, "/").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {wanted}")), "{host}: {answer}");
        assert_eq!(upstream.handshakes().len(), handshakes, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn solvers_of_challenges_and_rewritten_hosts_are_spoken_to_in_the_clear() {
    let plain = ScriptedUpstream::start(b"\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
    let route = |host| route(host, plain.address, Protocol::Http1, Transport::Untrusted);
    let gateway = TestGateway::start([
        Route { prefix: "/.well-known/acme-challenge/token".to_owned(), ..route("a") },
        Route { rewrite_host: Some("b.default.svc"), ..route("b") },
    ]);
    for (host, path) in [("a", "/.well-known/acme-challenge/token"), ("b", "/")] {
        assert!(get(&gateway, host, path).await.ends_with("ok"), "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_pass_whole_in_both_directions() {
    let authority = Authority::new();
    let upstream = Upstream::proving("kn-routing", &authority).await;
    let transport = Transport::Encrypted(authority.encryption());
    let gateway = TestGateway::start([route("a", upstream.address, Protocol::Http1, transport)]);
    let body: String = (0..600_000).map(|number| char::from(b'a' + u8::try_from(number % 23).unwrap_or(0))).collect();
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = talk(gateway.external, format!("{head}{body}").as_bytes()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(&body), "{} bytes", answer.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_never_shakes_hands_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let transport = Transport::Encrypted(Authority::new().encryption());
    let route = route("a", silent.local_addr().unwrap(), Protocol::Http1, transport);
    let gateway = TestGateway::with([route], |settings| settings.timeouts.connect = Duration::from_millis(200));
    let started = Instant::now();
    let answer = get(&gateway, "a", "/").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_ends_with_its_connection_ends_at_once() {
    let authority = Authority::new();
    let (listener, acceptor) = listen("kn-routing", &authority).await;
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(socket).await.unwrap();
        // Until the request is stuck.
        tokio::time::sleep(Duration::from_millis(300)).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nwhole").await.unwrap();
        // Ends without reading: what the gateway still has to say must not hold the client up.
        stream.shutdown().await.unwrap();
        std::future::pending::<()>().await;
    });
    let gateway =
        TestGateway::start([route("a", address, Protocol::Http1, Transport::Encrypted(authority.encryption()))]);
    let body = "x".repeat(8 << 20);
    let request =
        format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let started = Instant::now();
    let mut stream = tokio::net::TcpStream::connect(gateway.external).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let mut answer = Vec::new();
    tokio::select! {
        _ = reading.read_to_end(&mut answer) => {}
        () = async { let _ = writing.write_all(request.as_bytes()).await; std::future::pending::<()>().await } => {}
    }
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}
