//! What Knative's autoscaler is told of requests for revisions.
//!
//! The autoscaler is played by a server here, with messages of its own; the real one is in the cluster suites.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests only")]

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use net_pingora_gateway::settings::{ActivatorSettings, Autoscaler};
use net_pingora_routing::{EndpointSet, ObjectKey, Pods, Protocol, Revision, Target};
use net_pingora_tests::gateway::{Route, TestGateway};
use net_pingora_tests::raw::talk;
use prost::Message as _;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

/// `knative.dev/serving` `pkg/autoscaler/metrics/stat.proto`
#[derive(Clone, PartialEq, prost::Message)]
struct Frame {
    #[prost(message, repeated, tag = "1")]
    messages: Vec<Told>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Told {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, optional, tag = "3")]
    stat: Option<Stat>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Stat {
    #[prost(string, tag = "1")]
    pod_name: String,
    #[prost(double, tag = "2")]
    concurrency: f64,
    #[prost(double, tag = "4")]
    requests: f64,
    #[prost(int64, tag = "7")]
    timestamp: i64,
}

/// An autoscaler that passes on what it is told, and closes after so many frames.
async fn autoscaler(frames_each: usize) -> (SocketAddr, mpsc::UnboundedReceiver<Told>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (send, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut socket = accept_async(stream).await.unwrap();
            let mut frames = 0;
            while let (true, Some(Ok(message))) = (frames < frames_each, socket.next().await) {
                if let Message::Binary(frame) = message {
                    frames += 1;
                    Frame::decode(frame).unwrap().messages.into_iter().for_each(|told| drop(send.send(told)));
                }
            }
        }
    });
    (address, told)
}

fn start(autoscaler: SocketAddr) -> TestGateway {
    let pods = Pods {
        revision: Revision::new(ObjectKey::new("default", "a-00001")),
        concurrency: 0,
        timeout: Duration::from_mins(1),
        keeper: None,
        probe_port: None,
        ready: EndpointSet::default(),
        starting: EndpointSet::default(),
    };
    let settings = ActivatorSettings {
        autoscaler: Some(Autoscaler { host: autoscaler.ip().to_string(), port: autoscaler.port() }),
        pod: "us".to_owned(),
        ..ActivatorSettings::default()
    };
    TestGateway::with_activator(settings, [Route::to_target("a", Target::Revision(pods), Protocol::Http1)])
}

/// A request that waits until it is dropped.
async fn ask(gateway: &TestGateway) -> TcpStream {
    let mut client = TcpStream::connect(gateway.external).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    client
}

async fn next(told: &mut mpsc::UnboundedReceiver<Told>) -> Stat {
    let told = timeout(Duration::from_secs(5), told.recv()).await.expect("told").unwrap();
    assert_eq!((&*told.namespace, &*told.name), ("default", "a-00001"));
    let stat = told.stat.unwrap();
    assert!(stat.pod_name == "us" && stat.timestamp > 1_700_000_000, "{stat:?}");
    stat
}

async fn connected(gateway: &TestGateway) {
    let metrics = b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let connected = async {
        while !talk(gateway.health, metrics).await.unwrap().contains("net_pingora_autoscaler_connected 1") {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), connected).await.expect("connects");
}

#[tokio::test]
async fn the_first_request_is_told_at_once_then_averages_then_nothing_more() {
    let (address, mut told) = autoscaler(usize::MAX).await;
    let gateway = start(address);
    connected(&gateway).await;
    let first = ask(&gateway).await;
    let poke = next(&mut told).await;
    assert_eq!((poke.concurrency.to_bits(), poke.requests.to_bits()), (1_f64.to_bits(), 1_f64.to_bits()));
    let others = [ask(&gateway).await, ask(&gateway).await];
    let less_the_poke = next(&mut told).await;
    assert!(less_the_poke.concurrency < 2.0 && less_the_poke.requests <= 2.0, "{less_the_poke:?}");
    let all = next(&mut told).await;
    assert!((all.concurrency - 3.0).abs() < 0.01, "{all:?}");
    assert!((less_the_poke.requests + all.requests - 2.0).abs() < 0.01, "each request is told once");
    drop((first, others));
    let mut last = all;
    while last.concurrency > 0.0 {
        last = next(&mut told).await;
    }
    assert!(timeout(Duration::from_millis(1_500), told.recv()).await.is_err(), "who is idle is told once");
    let _again = ask(&gateway).await;
    let poke = next(&mut told).await;
    assert!((poke.concurrency - 1.0).abs() < 1e-9);
}

#[tokio::test]
async fn demand_is_told_anew_to_an_autoscaler_that_comes_back() {
    let (address, mut told) = autoscaler(1).await;
    let gateway = start(address);
    connected(&gateway).await;
    let _asked = [ask(&gateway).await, ask(&gateway).await];
    next(&mut told).await;
    // It closes after each frame: what is told next comes over new connections.
    let mut most: f64 = 0.0;
    for _ in 0..3 {
        most = most.max(next(&mut told).await.concurrency);
    }
    assert!((most - 2.0).abs() < 0.01, "{most}");
}

#[tokio::test]
async fn requests_wait_although_there_is_no_autoscaler() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gateway = start(nobody);
    let mut asked = ask(&gateway).await;
    let answer = tokio::io::AsyncReadExt::read_u8(&mut asked);
    assert!(timeout(Duration::from_millis(300), answer).await.is_err());
}
