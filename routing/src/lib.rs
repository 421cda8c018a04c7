//! The routing table and the routing decision of net-pingora.
//!
//! This crate is the contract between the control plane, which builds [`Table`]s, and the data
//! plane, which asks them. It does no I/O and knows neither Kubernetes nor Pingora.
//!
//! - [`Table`]: an immutable map from host to [`Host`], swapped atomically at one root.
//! - [`route`]: the pure decision of one request; [`explain`] is the same decision, told aloud.
//! - [`Backend`]: a cell beside the table that holds what a Service resolves to right now.
//! - [`Revision`]: a cell beside it that counts what is asked of a revision, and where its requests wait for a pod.
//! - [`Traffic`]: a cell beside the table that counts what one split has carried.

mod backend;
mod cell;
mod decide;
mod demand;
mod endpoint;
mod explain;
mod host;
mod outlier;
mod path;
mod revision;
mod table;
mod traffic;

pub use backend::{Backend, BackendKey, Missing, Protocol, ServicePort, Target, Transport, Upstream};
pub use cell::{Publisher, TableCell};
pub use decide::{ACME_CHALLENGE, Decision, Listener, Match, Miss, Request, route};
pub use demand::{Asked, Demand, Seen};
pub use endpoint::{Endpoint, EndpointSet, InFlight};
pub use explain::{Explanation, Step, explain};
pub use host::{CATCH_ALL, HostName};
pub use path::{Header, HeaderMatch, Ingress, ObjectKey, Path, PathVerdict, Split, Splits};
pub use revision::{Place, Pods, Revision};
pub use table::{Change, Host, Table};
pub use traffic::{BUCKETS_MICROS, Series, Traffic};
