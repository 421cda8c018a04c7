//! From an accepted socket to a request: sniffing, limits, deadlines, drain.
//!
//! `listen` binds, `worker` accepts, `connection` finds out the protocol, `http1` and `http2` read
//! requests and hand each to the exchange.

mod addresses;
mod connection;
mod contained;
mod frames;
#[cfg(test)]
mod fuzz;
mod http1;
mod http2;
mod listen;
mod proxy_protocol;
mod scanned;
mod stream;
mod tls;
mod worker;

pub(crate) use addresses::Addresses;
pub(crate) use connection::Connection;
pub use listen::BindError;
pub(crate) use listen::{Listening, bind};
pub(crate) use tls::Acceptors;
pub(crate) use worker::Worker;
