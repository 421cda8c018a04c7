//! Requests that wait for a pod, their bodies unread.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use net_pingora_routing::{Backend, Pods};
use thiserror::Error;
use tokio::time::timeout_at;

use super::{Activator, Shared};
use crate::observe::answers::Reason;
use crate::observe::metrics::Counted;

/// Why a request waits no longer.
#[derive(Clone, Copy, Debug, Error)]
pub(crate) enum Denied {
    /// As many wait as may, for the revision or in all.
    #[error("too many requests wait")]
    Full,
    /// It has waited as long as the revision lets a request take.
    #[error("no pod in time")]
    Late,
}

impl Denied {
    /// The answer it leads to.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Full => Reason::HoldFull,
            Self::Late => Reason::HoldTimeout,
        }
    }
}

impl Activator {
    /// Waits until `look` finds something, for as long as the revision lets a request take that `began` then.
    ///
    /// Nothing is held but a place in the queue; to drop this future is to leave it.
    pub(crate) async fn hold<T>(
        &self,
        backend: &Arc<Backend>,
        pods: Pods,
        began: Instant,
        mut look: impl FnMut() -> Option<T>,
    ) -> Result<T, Denied> {
        let revision = &pods.revision;
        let Shared { held, most, most_per_revision, metrics, .. } = &*self.shared;
        let _room = held.take(*most).ok_or(Denied::Full)?;
        let _place = revision.wait(*most_per_revision).ok_or(Denied::Full)?;
        let _counted = Counted::new(&metrics.held);
        if pods.is_cold() {
            metrics.cold.inc();
        }
        let _timed = metrics.hold_seconds.start_timer();
        // Pods that are about to be ready, or are added, are known sooner.
        self.probe(backend, revision);
        let found = timeout_at((began + pods.timeout).into(), async {
            loop {
                let mut room = pin!(revision.room());
                // Before the look: room that is made after it is not missed.
                room.as_mut().enable();
                if let Some(found) = look() {
                    return found;
                }
                room.await;
            }
        });
        found.await.map_err(|_| Denied::Late)
    }
}
