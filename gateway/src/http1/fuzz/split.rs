//! Places where an input arrives in parts.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The ends of the parts, the last one that of the input: first byte by byte, then in random parts. They are
/// drawn from the input itself, so that a file of the corpus is a whole case.
pub(super) fn splits(input: &[u8]) -> impl Iterator<Item = Vec<usize>> {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let mut random = fastrand::Rng::with_seed(hasher.finish());
    let length = input.len();
    let drawn = (1..6).map(move |parts| {
        let mut ends: Vec<_> = (1..parts).map(|_| random.usize(..=length)).chain([length]).collect();
        ends.sort_unstable();
        ends
    });
    std::iter::once((1..=length).collect()).chain(drawn)
}
