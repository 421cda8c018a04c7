//! Requests under way, counted at their revision.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use net_pingora_routing::Revision;

use super::Activator;

/// When time began to be counted.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Microseconds since some moment.
pub(super) fn now() -> u64 {
    u64::try_from(START.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// A request that is counted at its revision until this is dropped.
///
/// Every one of them tells the pod's queue-proxy so (`K-Proxy-Request: activator`), and no other request does:
/// the autoscaler adds up what it hears of both.
pub(crate) struct UnderWay(Arc<Revision>);

impl Activator {
    /// Counts a request from now on; the first one of a revision is told to the autoscaler at once.
    pub(crate) fn count(&self, revision: &Arc<Revision>) -> UnderWay {
        if revision.demand.begin(now())
            && let Some(unknown) = &self.shared.unknown
        {
            // Without anybody to report there is nobody who listens.
            let _ = unknown.send(Arc::clone(revision));
        }
        UnderWay(Arc::clone(revision))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.demand.end(now());
    }
}
