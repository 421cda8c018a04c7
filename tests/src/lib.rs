//! What crosses crates: wire tests over real sockets

pub mod gateway;
pub mod grpc;
pub mod http2;
pub mod raw;
pub mod websocket;
