//! Objects by what they refer to.

use std::collections::HashMap;

use net_pingora_routing::ObjectKey;

use crate::few::Few;

/// From what is referred to, to what refers to it.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<ObjectKey, Few<ObjectKey>>);

impl Index {
    /// Takes note that an object refers to `new` now instead of `old`.
    pub(super) fn change(
        &mut self,
        from: &ObjectKey,
        old: impl IntoIterator<Item = ObjectKey>,
        new: impl IntoIterator<Item = ObjectKey>,
    ) {
        for to in old {
            if let Some(all) = self.0.get_mut(&to) {
                all.remove(from);
                if all.is_empty() {
                    self.0.remove(&to);
                }
            }
        }
        for to in new {
            self.0.entry(to).or_default().insert(from.clone());
        }
    }

    /// What refers to it.
    pub(super) fn get(&self, to: &ObjectKey) -> impl Iterator<Item = &ObjectKey> {
        self.0.get(to).into_iter().flat_map(Few::iter)
    }
}

#[cfg(test)]
impl Index {
    /// Whether nothing refers to anything.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
