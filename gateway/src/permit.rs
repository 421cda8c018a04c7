//! How many connections are open, and whether one more may be: for the limits of clients, and for the files of the
//! process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts open connections over all workers.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    open: AtomicUsize,
}

/// Counts the files of connections, clients' and upstreams' alike. The others are for the health and admin ports, logs
/// and the control plane, which are there whatever clients do.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    open: Arc<Permits>,
    most: usize,
}

/// One open connection; dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Permits>);

impl Permits {
    /// A permit, unless as many are out.
    pub(crate) fn take(self: &Arc<Self>, limit: usize) -> Option<Permit> {
        if self.open.fetch_add(1, Ordering::AcqRel) < limit {
            return Some(Permit(Arc::clone(self)));
        }
        self.open.fetch_sub(1, Ordering::AcqRel);
        None
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }
}

impl Files {
    /// As many as this for all who have a clone of it.
    pub(crate) fn new(most: usize) -> Self {
        Self { open: Arc::default(), most }
    }

    /// A file, unless as many are open.
    pub(crate) fn take(&self) -> Option<Permit> {
        self.open.take(self.most)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_and_a_closed_connection_makes_room() {
        let permits = Arc::<Permits>::default();
        let first = permits.take(1);
        assert!(first.is_some());
        assert!(permits.take(1).is_none());
        drop(first);
        assert!(permits.take(1).is_some());
        assert_eq!(permits.open(), 0);
    }
}
