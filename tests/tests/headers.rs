//! What the gateway does to the headers of a request.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use net_pingora_tests::gateway::{Route, TestGateway};
use net_pingora_tests::raw::{ScriptedUpstream, talk};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn upstream() -> ScriptedUpstream {
    ScriptedUpstream::start(b"\r\n\r\n", OK).await.unwrap()
}

#[tokio::test]
async fn a_request_reaches_its_upstream_with_what_the_route_appends() {
    let upstream = upstream().await;
    let mut route = Route::to("a.example", upstream.address);
    route.append = vec![("x-client", "overwritten")];
    let gateway = TestGateway::start([route]);
    let request = b"GET /p?q HTTP/1.1\r\nHost: a.example:80\r\nX-Client: own\r\nConnection: close\r\n\r\n";
    let answer = talk(gateway.external, request).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok"), "{answer}");
    let seen = upstream.received().concat().to_lowercase();
    for line in [
        "get /p?q http/1.1\r\n",
        "\r\nhost: a.example:80\r\n",
        "\r\nx-client: overwritten\r\n",
        "\r\nx-split: a.example-0\r\n",
        "\r\nx-forwarded-for: 127.0.0.1\r\n",
        "\r\nx-forwarded-proto: http\r\n",
    ] {
        assert!(seen.contains(line), "{line} is not in {seen}");
    }
    assert_eq!(seen.matches("x-client:").count(), 1, "{seen}");
}

#[tokio::test]
async fn names_of_headers_have_one_spelling_in_both_directions() {
    let response = b"HTTP/1.1 200 OK\r\nCONTENT-length: 0\r\nx-THEIRS: a\r\n\r\n";
    let upstream = ScriptedUpstream::start(b"\r\n\r\n", response).await.unwrap();
    let gateway = TestGateway::start([Route::to("a.example", upstream.address)]);
    let request = b"GET / HTTP/1.1\r\nhost: a.example\r\nCe-ID: A\r\ncontent-TYPE: b\r\nConnection: close\r\n\r\n";
    let answer = talk(gateway.external, request).await.unwrap();
    assert!(answer.contains("\r\ncontent-length: 0\r\n") && answer.contains("\r\nx-theirs: a\r\n"), "{answer}");
    let seen = upstream.received().concat();
    for line in ["\r\nhost: a.example\r\n", "\r\nce-id: A\r\n", "\r\ncontent-type: b\r\n"] {
        assert!(seen.contains(line), "{line} is not in {seen}");
    }
}

#[tokio::test]
async fn a_route_that_appends_more_than_a_head_can_hold_is_answered_500() {
    let upstream = upstream().await;
    let mut route = Route::to("a.example", upstream.address);
    route.append = (0..40_000).map(|number| (&*format!("x-{number}").leak(), "")).collect();
    let gateway = TestGateway::start([route]);
    let request = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    let answer = talk(gateway.external, request).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn the_hash_is_answered_only_when_it_is_asked_for() {
    for (sent, seen) in [
        ("K-Network-Hash: override\r\n", Some("k-network-hash: the-hash")),
        ("K-Network-Hash: foreign\r\n", Some("k-network-hash: foreign")),
        ("", None),
    ] {
        let upstream = upstream().await;
        let gateway = TestGateway::start([Route::to("a.example", upstream.address)]);
        let request = format!("GET / HTTP/1.1\r\nHost: a.example\r\n{sent}Connection: close\r\n\r\n");
        talk(gateway.external, request.as_bytes()).await.unwrap();
        let received = upstream.received().concat().to_lowercase();
        let found = received.lines().find(|line| line.starts_with("k-network-hash"));
        assert_eq!(found, seen, "{sent}");
    }
}

#[tokio::test]
async fn external_listeners_remove_knatives_own_signals_and_internal_ones_keep_them() {
    let signals = [
        "k-proxy-request",
        "k-kubelet-probe",
        "k-passthrough-lb",
        "k-original-host",
        "knative-serving-revision",
        "knative-serving-namespace",
    ];
    let passed = ["k-network-probe", "knative-serving-tag"];
    let headers = [&signals[..], &passed].concat().join(": x\r\n") + ": x\r\n";
    let request = format!("GET / HTTP/1.1\r\nHost: a.example\r\n{headers}Connection: close\r\n\r\n");
    for external in [true, false] {
        let upstream = upstream().await;
        let gateway = TestGateway::start([Route::to("a.example", upstream.address)]);
        let listener = if external { gateway.external } else { gateway.internal };
        talk(listener, request.as_bytes()).await.unwrap();
        let seen = upstream.received().concat().to_lowercase();
        for name in signals {
            assert_eq!(seen.contains(&format!("{name}: x")), !external, "{name} external={external}: {seen}");
        }
        for name in passed {
            assert!(seen.contains(&format!("{name}: x")), "{name} external={external}");
        }
    }
}

#[tokio::test]
async fn forwarded_headers_are_believed_as_far_as_hops_are_trusted() {
    let sent =
        "X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: h\r\nX-Request-Id: id\r\n";
    let request = format!("GET / HTTP/1.1\r\nHost: a.example\r\n{sent}Connection: close\r\n\r\n");
    for (hops, seen_for, believed) in
        [(0, "127.0.0.1", false), (1, "2.2.2.2, 127.0.0.1", true), (9, "1.1.1.1, 2.2.2.2, 127.0.0.1", true)]
    {
        let upstream = upstream().await;
        let gateway =
            TestGateway::with([Route::to("a.example", upstream.address)], |settings| settings.trusted_hops = hops);
        talk(gateway.external, request.as_bytes()).await.unwrap();
        let seen = upstream.received().concat().to_lowercase();
        assert!(seen.contains(&format!("x-forwarded-for: {seen_for}\r\n")), "{hops}: {seen}");
        for (name, theirs, ours) in [("proto", "https", "http"), ("host", "h", "a.example")] {
            let value = if believed { theirs } else { ours };
            assert!(seen.contains(&format!("x-forwarded-{name}: {value}\r\n")), "{hops} {name}: {seen}");
        }
        assert_eq!(seen.contains("x-request-id: id\r\n"), believed, "{hops}: {seen}");
    }
}
