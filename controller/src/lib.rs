//! The control plane of net-pingora: from objects to the table the data plane reads.
//!
//! ```text
//! source ──changes──▶ engine: store ──touched keys──▶ compile ──▶ table, backends, certificates
//! ```
//!
//! - [`api`]: the objects, their defaults and what makes them valid.
//! - [`source`]: where objects come from; today a directory of manifests.
//! - [`store`]: the latest version of each object.
//! - `compile`: pure functions from objects to routes, backends and certificates.
//! - `conflict`: which KIngress owns a host.
//! - [`Engine`]: applies changes, one batch at a time, and publishes the result.
//!
//! It knows no Pingora: the data plane reads the cells that [`Engine::table`] and
//! [`Engine::certificates`] hand out.

pub mod api;
mod backends;
mod certificates;
mod compile;
mod configure;
mod conflict;
mod control;
mod engine;
mod events;
mod fault;
mod few;
mod references;
pub mod source;
pub mod status;
pub mod store;
mod trust;

pub use compile::route::naming::HostOrigin;
pub use compile::service::HoldSettings;
pub use configure::{CONFIG_PINGORA, Configure, Configured};
pub use control::{Control, Peers};
pub use engine::{Applied, DefaultCertificates, Engine, FrontSettings, Names, Patiences, Problem, Settings, Trouble};
pub use fault::{Fault, Origin};
pub use source::directory::{Directory, Loaded, WatchError, load, watch};
pub use source::kubernetes;
pub use store::ObjectChange;
