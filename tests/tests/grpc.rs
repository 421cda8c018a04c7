//! gRPC through the gateway.
#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

use net_pingora_backends::{Running, Sample, start};
use net_pingora_routing::{Missing, Protocol, Target};
use net_pingora_tests::gateway::{Route, TestGateway};
use net_pingora_tests::grpc::{Grpc, Outcome};

const HOST: &str = "grpc.example";

async fn served() -> (Running, TestGateway) {
    let backend = start(Sample::Grpc, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let gateway = TestGateway::start([Route::to_h2(HOST, backend.address)]);
    (backend, gateway)
}

fn outcome(texts: &[&str], status: u16) -> Outcome {
    Outcome { texts: texts.iter().map(|&text| text.to_owned()).collect(), status: Some(status) }
}

#[tokio::test]
async fn every_kind_of_call_is_answered_with_its_status() {
    let (_backend, gateway) = served().await;
    let client = Grpc::connect(gateway.external, "grpc.example:80").await.unwrap();
    for (method, sent, wanted) in [
        ("Unary", &["a"][..], outcome(&["a"], 0)),
        ("ServerStream", &["a"], outcome(&["a 1", "a 2", "a 3", "a 4", "a 5"], 0)),
        ("ClientStream", &["a", "b", "c"], outcome(&["a b c"], 0)),
        ("BidiStream", &["a", "b"], outcome(&["a", "b"], 0)),
        ("Fail", &["a"], outcome(&[], 7)),
        ("NoSuchMethod", &["a"], outcome(&[], 12)),
    ] {
        assert_eq!(client.call(method, sent).await.unwrap(), wanted, "{method}");
    }
}

#[tokio::test]
async fn messages_of_a_bidirectional_stream_do_not_wait_for_each_other() {
    let (_backend, gateway) = served().await;
    let client = Grpc::connect(gateway.external, HOST).await.unwrap();
    let mut call = client.begin("BidiStream").await.unwrap();
    for number in 0..100 {
        let text = number.to_string();
        call.send(&text).await.unwrap();
        assert_eq!(call.receive().await.unwrap(), Some(text));
    }
    call.finish().unwrap();
    assert_eq!(call.receive().await.unwrap(), None);
    assert_eq!(call.status().await.unwrap(), Some(0));
}

#[tokio::test]
async fn the_clients_deadline_reaches_the_backend() {
    let (_backend, gateway) = served().await;
    let client = Grpc::connect(gateway.external, HOST).await.unwrap();
    let mut call = client.begin_within("Wait", "50m").await.unwrap();
    assert_eq!(call.receive().await.unwrap(), None);
    assert_eq!(call.status().await.unwrap(), Some(4));
}

/// UNIMPLEMENTED for an unknown host and UNAVAILABLE for a backend without endpoints, as gRPC maps
/// 404 and 503 (grpc/grpc doc/http-grpc-status-mapping.md).
#[tokio::test]
async fn the_gateways_own_answers_carry_a_grpc_status() {
    let (_backend, gateway) = served().await;
    let stranger = Grpc::connect(gateway.external, "stranger.example").await.unwrap();
    assert_eq!(stranger.call("Unary", &["a"]).await.unwrap(), outcome(&[], 12));

    let empty = Route::to_target(HOST, Target::Missing(Missing::Service), Protocol::Http2);
    let gateway = TestGateway::start([empty]);
    let client = Grpc::connect(gateway.external, HOST).await.unwrap();
    assert_eq!(client.call("Unary", &["a"]).await.unwrap(), outcome(&[], 14));
}
