//! gRPC and WebSocket against the sample backends.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use net_pingora_backends::{Message, Sample, frame};
use net_pingora_loadtest::{Arrivals, Kind, Load, Work};

use common::{Backend, load, plan};

/// A message of `demo.Echo` without its prefix.
fn message(length: usize) -> bytes::Bytes {
    frame(&Message { text: "x".repeat(length) }).slice(5..)
}

#[test]
fn a_grpc_call_is_judged_by_its_trailers() {
    let backend = Backend::start(Sample::Grpc);
    let cases = [
        (Work::GrpcUnary, "/demo.Echo/Unary", 40, None),
        (Work::GrpcStream, "/demo.Echo/BidiStream", 40, None),
        (Work::GrpcUnary, "/demo.Echo/Fail", 0, Some(Kind::GrpcStatus)),
        (Work::GrpcUnary, "/demo.Echo/ServerStream", 0, Some(Kind::BadResponse)),
        (Work::GrpcUnary, "/demo.Echo/Wait", 0, Some(Kind::Timeout)),
        (Work::GrpcStream, "/demo.Echo/Fail", 0, Some(Kind::GrpcStatus)),
    ];
    for (work, method, answered, kind) in cases {
        for size in [10, 100_000] {
            let mut plan = plan(backend.address, method, 40);
            (plan.work, plan.streams, plan.timeout) = (work, 5, Some(Duration::from_secs(1)));
            plan.request.body = message(size);
            let report = load(plan);
            let case = format!("{work:?} {method} {size}: {:?}", report.messages);
            assert_eq!(report.answered(), answered, "{case}");
            assert_eq!(report.failures, kind.map(|kind| (kind, 40)).into_iter().collect(), "{case}");
            let echoed = message(size).len() as u64 + 5;
            assert_eq!(report.bytes, answered * echoed, "{case}");
        }
    }
}

#[test]
fn one_grpc_stream_carries_many_messages() {
    let backend = Backend::start(Sample::Grpc);
    let mut plan = plan(backend.address, "/demo.Echo/BidiStream", 100);
    (plan.work, plan.connections, plan.streams) = (Work::GrpcStream, 1, 2);
    plan.request.body = message(10);
    assert_eq!(load(plan).answered(), 100);
    assert_eq!(backend.requests(), 2);
}

#[test]
fn a_websocket_carries_messages_and_their_echoes() {
    let backend = Backend::start(Sample::WebSocket);
    for load_as in [Load::Closed { each: None }, Load::Open { rate: 500.0, arrivals: Arrivals::Poisson }] {
        for size in [0, 10, 100_000] {
            let mut plan = plan(backend.address, "/echo", 40);
            (plan.work, plan.load) = (Work::WebSocket, load_as);
            plan.request.body = bytes::Bytes::from(vec![b'x'; size]);
            let report = load(plan);
            assert_eq!((report.answered(), report.bytes), (40, 40 * size as u64), "{size}: {:?}", report.messages);
        }
    }
    assert!(backend.requests() <= 6 * 4, "connections stay open");
}

#[test]
fn a_server_that_does_not_upgrade_is_no_websocket() {
    let backend = Backend::start(Sample::Echo);
    let mut plan = plan(backend.address, "/status/503", 8);
    plan.work = Work::WebSocket;
    let report = load(plan);
    assert_eq!(report.failures, BTreeMap::from([(Kind::BadResponse, 8)]));
    assert_eq!(report.messages, BTreeMap::from([("upgrade answered with status 503".to_owned(), 8)]));
}
