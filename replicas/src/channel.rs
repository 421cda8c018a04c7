//! Over which every replica tells the leader what it serves: TLS 1.3 over TCP, a line of JSON a message.
//!
//! The replica knows the leader by the certificate whose fingerprint is in the Lease. The leader knows the
//! replica by a token of its pod, which the API server reviews.

mod gate;
mod line;
mod listener;
mod sender;
mod session;
#[cfg(test)]
mod tests;
mod tls;

use std::time::Duration;

pub(crate) use self::gate::Gate;
pub(crate) use self::listener::Listener;
pub(crate) use self::sender::Sender;
pub(crate) use self::session::Hearing;
pub(crate) use self::tls::Identity;

/// A replica that has nothing to tell says so this often.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// A connection without a sign of life for so long is dead.
const SILENCE: Duration = Duration::from_secs(15);
/// Connections the leader holds at once.
const MAX_CONNECTIONS: usize = 256;
/// KIngress objects a replica may serve.
const MAX_OBJECTS: usize = 200_000;
