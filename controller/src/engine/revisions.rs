//! The cells of revisions that are served through us.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use net_pingora_routing::{ObjectKey, Revision, Target, Upstream};

/// Revisions that somebody uses: backends, and requests under way.
#[derive(Debug, Default)]
pub(super) struct Revisions {
    cells: HashMap<ObjectKey, Weak<Revision>>,
    /// As many as it takes to look for those nobody uses any more: twice those that were in use last time.
    many: usize,
}

impl Revisions {
    /// The upstream with the one cell of its revision, if it is one.
    pub(super) fn adopt(&mut self, mut upstream: Upstream) -> Upstream {
        let Target::Revision(pods) = &mut upstream.target else { return upstream };
        let cell = self.cells.entry(pods.revision.key.clone()).or_default();
        match cell.upgrade() {
            Some(known) => pods.revision = known,
            None => *cell = Arc::downgrade(&pods.revision),
        }
        if self.cells.len() > self.many {
            self.cells.retain(|_, cell| cell.strong_count() > 0);
            self.many = 2 * self.cells.len();
        }
        upstream
    }
}
