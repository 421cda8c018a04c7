//! A set that most often holds one value.

use std::collections::BTreeSet;

/// A set without an allocation for its first value: thousands are kept.
#[derive(Debug)]
pub(crate) enum Few<T> {
    /// The only value.
    One(T),
    /// Any number of values.
    Many(BTreeSet<T>),
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::Many(BTreeSet::new())
    }
}

impl<T: Ord> Few<T> {
    /// Adds a value.
    pub(crate) fn insert(&mut self, value: T) {
        *self = match std::mem::take(self) {
            Self::One(one) if one == value => Self::One(one),
            Self::One(one) => Self::Many([one, value].into()),
            Self::Many(many) if many.is_empty() => Self::One(value),
            Self::Many(mut many) => {
                many.insert(value);
                Self::Many(many)
            }
        };
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, value: &T) {
        match self {
            Self::One(one) if one == value => *self = Self::default(),
            Self::One(_) => {}
            Self::Many(many) => {
                many.remove(value);
            }
        }
    }

    /// Whether there is no value.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Many(many) if many.is_empty())
    }

    /// All values in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let (one, many) = match self {
            Self::One(one) => (Some(one), None),
            Self::Many(many) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_set_whatever_it_holds() {
        let mut few = Few::default();
        for value in [2, 2, 1, 3, 1] {
            few.insert(value);
        }
        assert_eq!(few.iter().collect::<Vec<_>>(), [&1, &2, &3]);
        for value in [9, 1, 2, 3] {
            assert!(!few.is_empty());
            few.remove(&value);
        }
        assert!(few.is_empty());
        few.insert(7);
        few.remove(&8);
        assert!(matches!(few, Few::One(7)));
        few.remove(&7);
        assert!(few.is_empty());
    }
}
