//! The allocator of the binary: mimalloc, told to give freed memory back soon.
//!
//! Apart from the rest because mimalloc's options can only be set by an unsafe call.

#![warn(missing_docs, clippy::pedantic)]

use std::ffi::{c_int, c_long};

pub use mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc's `mi_option_t`, which the bindings do not name.
const PURGE_DELAY: c_int = 15;

/// Milliseconds after which freed pages go back to the system.
///
/// mimalloc's own 1,000 keep a third more memory through a load of all kinds of traffic; at 0 a
/// request costs a tenth more CPU.
const DELAY_MS: c_long = 10;

/// Sets mimalloc's options, those apart that the environment sets (`MIMALLOC_PURGE_DELAY`).
///
/// To be called first in `main`, before there is a second thread.
pub fn configure() {
    // SAFETY: mimalloc checks the option's number and stores the value; it asks for no other
    // thread to read options meanwhile, which is the caller's part.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, DELAY_MS) }
}

/// Gives back what this thread has freed and keeps for what comes next; takes some milliseconds.
pub fn collect() {
    // SAFETY: it only touches the calling thread's own heap, and what other threads have given up.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_the_purge_delay_and_is_set() {
        // SAFETY: reads a number; the only other writer is the call below.
        let get = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(get(), 1_000, "another version of mimalloc: look its options up anew");
        configure();
        assert_eq!(get(), DELAY_MS);
    }
}
