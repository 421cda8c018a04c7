//! `/ready`, `/live` and `/metrics` for everybody; `/routes` for the machine itself.

mod health;
mod readiness;
mod routes;
mod server;
mod view;

pub use health::{Health, serve_health};
pub use readiness::{Readiness, State};
pub use routes::{NotLoopback, serve_admin};
