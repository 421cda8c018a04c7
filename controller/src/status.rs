//! The status of KIngress objects: what is known of it, what it should be, and who writes it.
//!
//! Every replica follows the status of all KIngress objects; only the leader writes. An object is
//! Ready once every ready replica of the gateway serves its latest version.

mod board;
mod condition;
mod desired;
mod placeholders;
mod route;
mod seen;
mod sources;
mod writer;

pub use self::board::{Board, BoardSettings, Me};
pub use self::condition::{Condition, Conditions, Truth};
pub use self::desired::Addresses;
pub use self::placeholders::Placeholders;
pub use self::seen::{Release, Seen, Status};
pub use self::sources::{SourceSeen, Sources};
pub use self::writer::{Work, Write, Writer};
