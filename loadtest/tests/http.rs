//! HTTP/1.1 and HTTP/2, with and without TLS, against real servers.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use net_pingora_backends::Sample;
use net_pingora_loadtest::{Kind, Names, Plan, Share, Shares, ToldBy, Trust, Work};
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use common::{Backend, Heard, Server, load, ok, plan};

const WORKS: [Work; 2] = [Work::Http1, Work::Http2];

#[test]
fn every_request_is_sent_and_every_answer_counted() {
    let backend = Backend::start(Sample::Echo);
    let cases =
        [("/bytes/1000", 200, 1000), ("/chunked/70000", 200, 70000), ("/status/404", 404, 0), ("/bytes/0", 200, 0)];
    for work in WORKS {
        for (path, status, bytes) in cases {
            for keep_alive in [true, false] {
                let before = backend.requests();
                let mut plan = plan(backend.address, path, 101);
                (plan.work, plan.keep_alive, plan.streams) = (work, keep_alive, 3);
                let report = load(plan);
                let case = format!("{work:?} {path} keep-alive {keep_alive}: {:?}", report.messages);
                assert_eq!(report.statuses, BTreeMap::from([(status, 101)]), "{case}");
                assert_eq!(report.bytes, 101 * bytes, "{case}");
                assert_eq!(backend.requests() - before, 101, "{case}");
                assert_eq!(report.errors(), if status == 404 { 101 } else { 0 }, "{case}");
            }
        }
    }
}

#[test]
fn a_large_body_is_sent_while_its_echo_is_read() {
    let backend = Backend::start(Sample::Echo);
    for work in WORKS {
        let mut plan = plan(backend.address, "/", 8);
        plan.work = work;
        plan.request.method = Method::POST;
        plan.request.body = Bytes::from(vec![b'x'; 4 << 20]);
        let report = load(plan);
        assert_eq!((report.answered(), report.bytes), (8, 32 << 20), "{work:?}: {:?}", report.messages);
    }
}

#[test]
fn an_answer_to_head_has_no_body() {
    let server = Server::answering(|_| "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n".to_owned());
    let mut plan = plan(server.address, "/", 20);
    plan.request.method = Method::HEAD;
    assert_eq!(load(plan).statuses, BTreeMap::from([(200, 20)]));
}

#[test]
fn requests_without_an_answer_are_told_apart_by_kind() {
    let echo = Backend::start(Sample::Echo);
    let slow = Backend::start(Sample::Slow);
    let talker = Server::answering(|_| "SSH-2.0-OpenSSH\r\n\r\n".to_owned());
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let cases = [
        (Work::Http1, nobody, "/", Kind::ConnectRefused),
        (Work::Http2, nobody, "/", Kind::ConnectRefused),
        (Work::Http1, echo.address, "/close", Kind::Closed),
        (Work::Http2, echo.address, "/close", Kind::Reset),
        (Work::Http1, echo.address, "/reset", Kind::Closed),
        (Work::Http2, echo.address, "/reset", Kind::Reset),
        (Work::Http1, slow.address, "/?initialTimeout=5000", Kind::Timeout),
        (Work::Http2, slow.address, "/?initialTimeout=5000", Kind::Timeout),
        (Work::Http1, talker.address, "/", Kind::BadResponse),
    ];
    for (work, address, path, kind) in cases {
        let mut plan = plan(address, path, 8);
        (plan.work, plan.timeout) = (work, Some(Duration::from_millis(300)));
        let report = load(plan);
        assert_eq!(report.failures, BTreeMap::from([(kind, 8)]), "{work:?} {path}: {:?}", report.messages);
        assert_eq!((report.requests(), report.answered()), (8, 0));
    }
}

#[test]
fn a_request_on_a_connection_that_was_closed_meanwhile_is_sent_again() {
    // Every connection carries one request, and the server does not say so.
    let server = Server::start(|mut stream: TcpStream| async move {
        if common::head(&mut stream).await.is_some() {
            drop(tokio::io::AsyncWriteExt::write_all(&mut stream, ok("hi").as_bytes()).await);
        }
    });
    let report = load(plan(server.address, "/", 50));
    assert_eq!((report.answered(), report.failed()), (50, 0), "{:?}", report.messages);
    let mut posted = plan(server.address, "/", 50);
    posted.request.method = Method::POST;
    assert!(load(posted).failed() > 0, "a POST is not sent twice");
}

#[test]
fn redirects_are_followed_unless_told_otherwise() {
    let elsewhere = Server::answering(|_| ok("elsewhere"));
    let to = elsewhere.address;
    let server = Server::answering(move |head| {
        let location = match head.split(' ').nth(1) {
            Some("/near") => "/here".to_owned(),
            Some("/far") => format!("http://{to}/"),
            Some("/round") => "/round".to_owned(),
            _ => return ok("here"),
        };
        format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
    });
    let cases = [("/near", 200, 10 * 4), ("/far", 200, 10 * 9), ("/here", 200, 10 * 4)];
    for (path, status, bytes) in cases {
        let report = load(plan(server.address, path, 10));
        assert_eq!((report.statuses, report.bytes), (BTreeMap::from([(status, 10)]), bytes), "{path}");
    }
    assert_eq!(load(plan(server.address, "/round", 10)).failures, BTreeMap::from([(Kind::BadResponse, 10)]));
    let mut left = plan(server.address, "/near", 10);
    left.redirects = false;
    assert_eq!(load(left).statuses, BTreeMap::from([(302, 10)]));
}

#[test]
fn hosts_and_paths_are_drawn_for_every_request() {
    let heard = Heard::default();
    let told = Arc::clone(&heard);
    let server = Server::answering(move |head| {
        let host = head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
        told.lock().unwrap().push(format!("{host}{}", head.split(' ').nth(1).unwrap_or_default()));
        ok("")
    });
    let mut plan = plan(server.address, "/", 400);
    plan.request.hosts = Names::pattern("app-{}.example", 3).unwrap();
    plan.request.paths = Names::pattern("/{}", 2).unwrap();
    assert_eq!(load(plan).answered(), 400);
    let wanted = (0..3).flat_map(|host| (0..2).map(move |path| format!("app-{host}.example/{path}")));
    assert_eq!(heard.lock().unwrap().drain(..).collect::<BTreeSet<_>>(), wanted.collect());
}

#[test]
fn shares_are_told_by_header_or_body_and_judged() {
    let count = AtomicU64::new(0);
    let server = Server::answering(move |_| {
        let name = if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(4) { "green" } else { "blue" };
        format!("HTTP/1.1 200 OK\r\nx-backend: {name}\r\ncontent-length: {}\r\n\r\n{name}", name.len())
    });
    for told_by in [ToldBy::Body, ToldBy::Header(http::HeaderName::from_static("x-backend"))] {
        for (green, agrees) in [(25.0, true), (50.0, false)] {
            let share = |name: &str, percent| Share { name: name.to_owned(), percent };
            let mut plan = plan(server.address, "/", 400);
            let expected = vec![share("blue", 100.0 - green), share("green", green)];
            plan.shares = Some(Shares { told_by: told_by.clone(), expected });
            let report = load(plan);
            let counts: Vec<u64> = report.shares.iter().map(|share| share.count).collect();
            assert_eq!(counts, [300, 100]);
            assert_eq!(report.shares.iter().all(net_pingora_loadtest::Judged::agrees), agrees, "{:?}", report.shares);
        }
    }
}

#[test]
fn a_proxy_is_told_the_whole_url_or_asked_for_a_tunnel() {
    let told = Server::answering(|head| {
        let asked = head.starts_with("GET http://a.example/x HTTP/1.1\r\nhost: a.example\r\n");
        ok(if asked { "yes" } else { "" })
    });
    let mut whole = plan(told.address, "/x", 10);
    whole.target = "http://a.example/".parse().unwrap();
    (whole.proxy, whole.request.hosts) = (Some(told.address.to_string()), Names::One("a.example".to_owned()));
    assert_eq!(load(whole).bytes, 30);

    let tunnel = Server::start(|mut stream: TcpStream| async move {
        let head = common::head(&mut stream).await.unwrap();
        let to = head.split(' ').nth(1).unwrap();
        let mut behind = TcpStream::connect(to).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        drop(tokio::io::copy_bidirectional(&mut stream, &mut behind).await);
    });
    let backend = Backend::start(Sample::Echo);
    let (encrypted, _) = encrypted(backend.address);
    for (work, scheme, to) in [
        (Work::Http2, "http", backend.address),
        (Work::Http1, "https", encrypted.address),
        (Work::Http2, "https", encrypted.address),
    ] {
        let mut plan = plan(to, "/bytes/3", 10);
        plan.target = format!("{scheme}://{to}/").parse().unwrap();
        (plan.work, plan.proxy, plan.trust) = (work, Some(tunnel.address.to_string()), Trust::Anyone);
        let report = load(plan);
        assert_eq!(report.bytes, 30, "{work:?} {scheme}: {:?}", report.messages);
    }
    // One that refuses.
    let mut refused = plan(backend.address, "/", 10);
    let refusing = Server::answering(|_| "HTTP/1.1 403 Forbidden\r\n\r\n".to_owned());
    (refused.work, refused.proxy) = (Work::Http2, Some(refusing.address.to_string()));
    assert_eq!(load(refused).failures, BTreeMap::from([(Kind::Connect, 10)]));
}

/// TLS in front of a backend, with a certificate for `a.example`.
fn encrypted(backend: SocketAddr) -> (Server, String) {
    let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut behind = TcpStream::connect(backend).await.unwrap();
            drop(tokio::io::copy_bidirectional(&mut stream, &mut behind).await);
        }
    });
    (server, made.cert.pem())
}

#[test]
fn https_asks_for_the_protocol_and_accepts_only_whom_it_trusts() {
    let backend = Backend::start(Sample::Echo);
    let (server, pem) = encrypted(backend.address);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    let at = |url: &str, trust: Trust, work| {
        let mut plan = plan(server.address, "/", 20);
        plan = Plan { target: url.parse().unwrap(), ..plan };
        plan.request.hosts = Names::One(plan.target.authority.clone());
        plan.request.paths = Names::One("/bytes/10".to_owned());
        (plan.connect, plan.trust, plan.work) = (Some(server.address.to_string()), trust, work);
        load(plan)
    };
    let ours = || Trust::Authorities(file.clone());
    for work in WORKS {
        let cases = [
            ("https://a.example/", ours(), true),
            ("https://b.example/", ours(), false),
            ("https://b.example/", Trust::Anyone, true),
        ];
        for (url, trust, good) in cases {
            let report = at(url, trust.clone(), work);
            let case = format!("{url} {trust:?} {work:?}: {:?}", report.messages);
            if good {
                assert_eq!((report.answered(), report.bytes), (20, 200), "{case}");
            } else {
                assert_eq!(report.failures, BTreeMap::from([(Kind::Tls, 20)]), "{case}");
            }
        }
    }
}
