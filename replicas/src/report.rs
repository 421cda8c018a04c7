//! What the leader hears of a replica.

use net_pingora_routing::ObjectKey;

use crate::served::Version;

/// What the leader hears of a replica, itself included.
///
/// What comes of one replica comes in order, and ends with [`Event::Disconnected`]: also when this
/// replica leads no more, and before the same replica is heard over another connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Name of its pod, as the API server knows it.
    pub replica: String,
    /// What is heard.
    pub event: Event,
}

/// What the leader hears of a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It starts to tell: the next event is everything it serves, and what it said before counts no more.
    Connected,
    /// The version of each KIngress that it serves from now on, or none.
    Serves(Vec<(ObjectKey, Option<Version>)>),
    /// It is not heard any more.
    Disconnected,
}
