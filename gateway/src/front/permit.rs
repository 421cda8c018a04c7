//! How many connections are open, and whether one more may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts open connections over all workers, up to a limit.
#[derive(Debug)]
pub(crate) struct Permits {
    open: AtomicUsize,
    limit: usize,
}

/// One open connection; dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Permits>);

impl Permits {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { open: AtomicUsize::new(0), limit })
    }

    /// A permit, unless the limit is reached.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Permit> {
        if self.open.fetch_add(1, Ordering::AcqRel) < self.limit {
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
        let permits = Permits::new(1);
        let first = permits.take();
        assert!(first.is_some());
        assert!(permits.take().is_none());
        drop(first);
        assert!(permits.take().is_some());
        assert_eq!(permits.open(), 0);
    }
}
