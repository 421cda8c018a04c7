//! What a panic costs: the connection or stream that had it, and nothing else.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;

use crate::observe::Observer;

/// Does `work`; a panic ends it and is counted. What others share with it is not left half done: locks are held for
/// plain updates only, counts are given back by their guards.
pub(super) fn contained(work: impl Future<Output = ()>, observer: Arc<Observer>) -> impl Future<Output = ()> {
    AssertUnwindSafe(work).catch_unwind().map(move |done| {
        if done.is_err() {
            observer.metrics.panics.inc();
            tracing::error!("a connection or stream has ended by a panic, which is a bug; please report it");
        }
    })
}
