//! A request's place at the endpoint that serves it.

use std::sync::Arc;

use net_pingora_routing::{Endpoint, InFlight, Revision};

/// Counts a request at its endpoint until this is dropped; who waits for the place is told then.
pub(crate) struct Slot {
    in_flight: Option<InFlight>,
    revision: Option<Arc<Revision>>,
}

impl Slot {
    /// A place at an endpoint that takes any number.
    pub(crate) fn any(endpoint: &Arc<Endpoint>) -> Self {
        endpoint.enter().into()
    }

    /// A place that was taken at a pod which takes no more than so many.
    pub(crate) fn of(in_flight: InFlight, revision: &Arc<Revision>) -> Self {
        Self { in_flight: Some(in_flight), revision: Some(Arc::clone(revision)) }
    }
}

impl From<InFlight> for Slot {
    fn from(in_flight: InFlight) -> Self {
        Self { in_flight: Some(in_flight), revision: None }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.in_flight = None;
        if let Some(revision) = &self.revision {
            revision.wake_one();
        }
    }
}
