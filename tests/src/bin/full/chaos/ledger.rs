//! Requests that the backends know they have failed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How often endpoints read a request and did not answer it in full, by its nonce.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<HashMap<u64, u32>>);

impl Ledger {
    pub(super) fn note(&self, nonce: u64) {
        *self.lock().entry(nonce).or_default() += 1;
    }

    /// What is known of a request, which is forgotten.
    pub(super) fn take(&self, nonce: u64) -> u32 {
        self.lock().remove(&nonce).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
