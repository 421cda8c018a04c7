//! What crosses crates: wire tests over real sockets

pub mod gateway;
pub mod raw;
