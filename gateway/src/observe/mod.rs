//! What the gateway tells of its work: metrics, access log, its own answers.

pub mod access;
mod activator;
pub mod answers;
pub mod metrics;
mod observer;
mod responder;
mod series;

pub use observer::Observer;
