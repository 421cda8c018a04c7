//! Random numbers that a seed repeats, and bodies that follow from a number.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

/// One body of this many is large, so that it takes many packets.
const LARGE_OF: u64 = 32;
const LARGE: Range<u64> = 16 << 10..256 << 10;
const SMALL: Range<u64> = 0..4 << 10;

/// `SplitMix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// The numbers of `seed`, apart from those of every other `actor`.
    pub(super) fn new(seed: u64, actor: &str) -> Self {
        let mut random =
            Self(actor.bytes().fold(seed, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)));
        Self(random.next())
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    pub(super) fn one_of(&mut self, count: u64) -> bool {
        self.next().is_multiple_of(count)
    }

    pub(super) fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.within(range))
    }

    /// A number below `count`.
    pub(super) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.within(0..count.max(1) as u64)).unwrap_or_default()
    }

    pub(super) fn pick<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        among.get(self.index(among.len()))
    }
}

/// The body of the answer to the request of this number: its length and every byte follow from it.
pub(super) fn answer_body(nonce: u64) -> Bytes {
    body(&mut Random(nonce), LARGE)
}

/// The body of the request of this number: small enough to be known still when it is sent once more.
pub(super) fn request_body(nonce: u64) -> Bytes {
    body(&mut Random(!nonce), 16 << 10..48 << 10)
}

fn body(random: &mut Random, large: Range<u64>) -> Bytes {
    let range = if random.one_of(LARGE_OF) { large } else { SMALL };
    let length = usize::try_from(random.within(range)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(length + size_of::<u64>());
    while bytes.len() < length {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}
