//! Where a request goes: endpoints, names, connections.

mod choose;
mod connect;
pub mod dns;
mod pool;
mod session;
mod socket;

pub(crate) use choose::{Choice, Traveller, choose};
pub(crate) use connect::failure;
pub use dns::Names;
pub(crate) use pool::Connections;
pub(crate) use session::Upstream;
