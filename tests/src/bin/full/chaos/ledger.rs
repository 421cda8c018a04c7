//! What endpoints know of requests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is known of each request, by its nonce.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<HashMap<u64, Known>>);

/// What became of a request at endpoints.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// Whether one has read it.
    pub(super) heard: bool,
    /// How often one has read it and did not answer it in full.
    pub(super) dropped: u32,
}

impl Ledger {
    pub(super) fn note_heard(&self, nonce: u64) {
        self.lock().entry(nonce).or_default().heard = true;
    }

    pub(super) fn note_dropped(&self, nonce: u64) {
        self.lock().entry(nonce).or_default().dropped += 1;
    }

    /// What is known of a request, which is forgotten.
    pub(super) fn take(&self, nonce: u64) -> Known {
        self.lock().remove(&nonce).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
