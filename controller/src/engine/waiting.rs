//! What stays in effect while what comes next is not complete.

use std::collections::BTreeSet;
use std::time::Instant;

use net_pingora_routing::{BackendKey, ObjectKey, Target};

use super::outcome::loaded_splits;
use super::{Batch, Engine};
use crate::backends::service_of;
use crate::compile::ingress as compile;
use crate::store::Touched;

impl Engine {
    /// Sets the cells of Services that changed; the table stays as it is.
    ///
    /// The last endpoints stay a little while, because their successors may be on their way
    /// (selectorless Services, whose slices are mirrored from Endpoints objects).
    pub(super) fn refresh_backends(&mut self, touched: &Touched, now: Instant) {
        let over: BTreeSet<_> = self.lingering.over(now).iter().map(service_of).collect();
        let changed: BTreeSet<_> = touched.services.union(&touched.endpoints).chain(&over).collect();
        for cell in changed.into_iter().flat_map(|service| self.backends.of_service(service)) {
            let next = self.upstreams.next(cell, &self.store);
            let empty = matches!(&next.target, Target::Endpoints(endpoints) if endpoints.as_slice().is_empty());
            if empty && !cell.endpoints().as_slice().is_empty() && self.lingering.waits(&cell.key, now) {
                continue;
            }
            self.lingering.forget(&cell.key);
            cell.set(next);
        }
        // Cells that were dropped meanwhile.
        for key in self.lingering.over(now) {
            self.lingering.forget(&key);
        }
    }

    /// Adds the KIngress objects that waited for their backends and need not wait any more.
    pub(super) fn end_waits(&mut self, touched: &mut Touched, batch: &mut Batch) {
        let now = batch.applied.detected;
        let services = touched.services.union(&touched.endpoints);
        let helped = services.flat_map(|service| self.store.ingresses_of_service(service));
        let helped: Vec<_> = helped.filter(|key| self.held.has(key)).cloned().collect();
        touched.ingresses.extend(helped);
        touched.ingresses.extend(self.held.over(now));
        let waiting: Vec<_> = touched.ingresses.iter().filter(|key| self.waits(key, now)).cloned().collect();
        for key in waiting {
            touched.ingresses.remove(&key);
            batch.applied.affected.insert(key);
        }
    }

    /// Whether the served version stays because a backend that is new in the latest is not there yet.
    fn waits(&mut self, key: &ObjectKey, now: Instant) -> bool {
        let incomplete = |engine: &Self| {
            let (served, (latest, _)) = (engine.served.get(key)?, engine.store.ingress(key)?);
            // A refused version is served whenever its hosts are free; it must not change meanwhile.
            let may_wait = served.ingress != *latest && engine.claims.refusal(key).is_none();
            let is_served = |key: BackendKey| served.backends.iter().any(|backend| backend.key == key);
            let mut fresh = loaded_splits(latest).filter(|split| !is_served(compile::backend_key(split)));
            Some(may_wait && fresh.any(|split| !engine.is_there(split)))
        };
        if incomplete(self).unwrap_or(false) && self.held.waits(key, now) {
            return true;
        }
        self.held.forget(key);
        false
    }
}
