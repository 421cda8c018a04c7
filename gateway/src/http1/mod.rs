//! HTTP/1 messages (RFC 9112), as a server and as a client.
//!
//! `wire` takes every byte at once, `stream` has those that were read and not used. `scan` finds the end of a request's
//! head and refuses what two parsers could read in two ways; `request` and `response` read heads, `write` writes
//! them. `body` and `chunks` tell where bodies end. `server` and `client` are one exchange each.
//!
//! Of our own, because Pingora's sessions mend what they can, keep the case of names in a second map, and cost a third
//! more user time a request.

mod absolute;
mod body;
mod chunks;
mod client;
#[cfg(test)]
mod fuzz;
mod persistence;
mod replay;
mod request;
mod request_line;
mod response;
mod scan;
mod server;
mod stream;
mod wire;
mod write;

pub(crate) use client::{Client, HEAD_BYTES};
pub(crate) use request::parse;
pub(crate) use scan::{Framing, HeadScanner, Progress};
pub(crate) use server::Server;
pub(crate) use stream::Stream;
pub(crate) use wire::{ByteStream, Unsent};
