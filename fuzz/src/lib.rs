//! Random inputs for the tests of what reads strangers' bytes.
//!
//! A target is an ordinary test. `cargo test` gives it every file of its corpus and a bounded number of
//! random inputs, new ones each time; `./dev fuzz` goes on for as long as is asked.
//!
//! - [`values`]: inputs of any type, as a strategy of proptest draws them.
//! - [`bytes`]: inputs that grow from the files of a corpus.

// Only tests use it, and a test that fails panics.
#![allow(clippy::panic, clippy::missing_panics_doc, reason = "a helper of tests only")]

mod corpus;
mod edit;
mod run;

pub use corpus::Corpus;
pub use run::{bytes, values};
