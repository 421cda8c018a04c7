//! Where a request goes: endpoints, names, connections.

mod choose;
pub mod dns;
mod encrypted;
mod peer;

pub(crate) use choose::choose;
pub use dns::Names;
pub(crate) use peer::peer;
