//! The data plane of net-pingora.
//!
//! A request goes `front` → [`net_pingora_routing::route`] → `activator`, if its revision is served through us →
//! `upstream` → `exchange`; what it did is told to `observe`. Nothing in this crate knows Kubernetes.

mod activator;
pub mod admin;
mod exchange;
mod front;
mod gateway;
mod http1;
mod io;
mod keepalive;
mod memory;
pub mod observe;
mod outlet;
mod pace;
mod part;
mod permit;
pub mod settings;
pub mod upstream;

pub use front::BindError;
pub use gateway::{Gateway, Running, StartError};
