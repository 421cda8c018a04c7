//! The responder over real sockets.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test that fails panics")]

mod bind;
mod bounds;
mod client;
mod dig;
mod edns;
mod forms;
mod framing;
mod server;
mod tcp;
