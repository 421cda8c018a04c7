//! Random bytes against what reads a stranger's messages, each beside a slow and obvious second reading.

mod chunks;
mod response;
mod scan;
mod split;

use net_pingora_fuzz::Corpus;

/// The corpus of a target.
fn corpus(target: &str) -> Corpus {
    Corpus::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/").to_owned() + target)
}
