//! Small changes of an input: what a parser knows, at a place where it does not expect it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Bytes that one change removes or repeats at most.
const LONGEST: usize = 32;

/// One change; a place counts from the beginning of what the changes before it have left.
#[derive(Clone, Debug)]
enum Edit {
    /// Other bytes instead of as many there.
    Replace(Index, Vec<u8>),
    /// Bytes more.
    Insert(Index, Vec<u8>),
    /// So many bytes fewer.
    Remove(Index, usize),
    /// So many bytes several times more.
    Repeat(Index, usize, usize),
    /// Nothing more from there on.
    Cut(Index),
    /// From there on what another input has from a place of its own on.
    Splice(Index, Vec<u8>, Index),
}

impl Edit {
    fn apply(self, mut input: Vec<u8>) -> Vec<u8> {
        let place = |index: Index| index.index(input.len() + 1);
        match self {
            Self::Replace(at, bytes) => {
                let start = place(at);
                let end = input.len().min(start + bytes.len());
                input.splice(start..end, bytes);
            }
            Self::Insert(at, bytes) => {
                let start = place(at);
                input.splice(start..start, bytes);
            }
            Self::Remove(at, length) => {
                let start = place(at);
                let end = input.len().min(start + length);
                input.drain(start..end);
            }
            Self::Repeat(at, length, times) => {
                let start = place(at);
                let end = input.len().min(start + length);
                let again = input.get(start..end).unwrap_or_default().repeat(times);
                input.splice(start..start, again);
            }
            Self::Cut(at) => input.truncate(place(at)),
            Self::Splice(at, other, from) => {
                input.truncate(place(at));
                input.extend_from_slice(other.get(from.index(other.len() + 1)..).unwrap_or_default());
            }
        }
        input
    }
}

/// Inputs that are up to eight changes away from one of `seeds`; `words` are what the parser knows.
pub(crate) fn edited(seeds: Vec<Vec<u8>>, words: &[&[u8]]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let words: Vec<_> = words.iter().map(|word| word.to_vec()).collect();
    let bytes = prop_oneof![3 => select(words), 1 => vec(any::<u8>(), 1..3)].boxed();
    let seed = select(seeds).boxed();
    (seed.clone(), vec(edit(seed, bytes), 0..8))
        .prop_map(|(seed, edits)| edits.into_iter().fold(seed, |input, edit| edit.apply(input)))
}

fn edit(seed: BoxedStrategy<Vec<u8>>, bytes: BoxedStrategy<Vec<u8>>) -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        (at(), bytes.clone()).prop_map(|(at, bytes)| Edit::Replace(at, bytes)),
        (at(), bytes).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (at(), 1..LONGEST).prop_map(|(at, length)| Edit::Remove(at, length)),
        (at(), 1..LONGEST, 1..4_usize).prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        at().prop_map(Edit::Cut),
        (at(), seed, at()).prop_map(|(at, other, from)| Edit::Splice(at, other, from)),
    ]
}
