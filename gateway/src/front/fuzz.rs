//! Random bytes against what reads a stranger's bytes first, each beside a slow and obvious second reading.

mod frames;
mod proxy_protocol;

use net_pingora_fuzz::Corpus;

/// The corpus of a target.
fn corpus(target: &str) -> Corpus {
    Corpus::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/").to_owned() + target)
}
