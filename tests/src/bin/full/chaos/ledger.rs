//! Requests that the backends know they have failed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Every request that an endpoint read and did not answer in full.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<HashMap<u64, Dropped>>);

/// What a request came on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// An HTTP/1.1 connection, as its first request.
    First,
    /// An HTTP/1.1 connection that had had requests before.
    Kept,
    /// An HTTP/2 connection.
    Http2,
}

/// How often endpoints have failed one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) first: u32,
    pub(super) kept: u32,
    pub(super) http2: u32,
}

impl Ledger {
    pub(super) fn note(&self, nonce: u64, on: Connection) {
        let mut ledger = self.lock();
        let dropped = ledger.entry(nonce).or_default();
        match on {
            Connection::First => dropped.first += 1,
            Connection::Kept => dropped.kept += 1,
            Connection::Http2 => dropped.http2 += 1,
        }
    }

    /// What is known of a request, which is forgotten.
    pub(super) fn take(&self, nonce: u64) -> Dropped {
        self.lock().remove(&nonce).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Dropped>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
