//! The table: an immutable map from host to paths, in two levels.
//!
//! A change copies the spine and the shards it touches, nothing else: about
//! `SHARDS + hosts / SHARDS` reference counts, whatever the number of routes.

use std::cmp::Reverse;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::{CATCH_ALL, HostName, Path};

/// A power of two near the square root of 100,000 hosts, where spine and shard cost the same.
const SHARDS: usize = 256;

/// A host name in UTF-8. The usual length lies inside the host, which spares a look-up one access to memory.
type Name = SmallVec<[u8; 48]>;

/// The paths of a host. The usual one or two lie inside the host too.
type Paths = SmallVec<[Arc<Path>; 2]>;

/// Everything the table knows of one host.
#[derive(Debug)]
pub struct Host {
    name: Name,
    external: Paths,
    internal: Paths,
}

impl Host {
    /// A host with its paths in the order of rules and paths; `public` says whether external
    /// listeners serve a path too.
    ///
    /// Longer prefixes are asked first; among equal ones the object's order stands.
    pub fn new(name: &str, paths: impl IntoIterator<Item = (Arc<Path>, bool)>) -> Arc<Self> {
        let mut paths: Vec<_> = paths.into_iter().collect();
        paths.sort_by_key(|(path, _)| Reverse(path.prefix.len()));
        let external = paths.iter().filter(|(_, public)| *public).map(|(path, _)| Arc::clone(path)).collect();
        let internal = paths.into_iter().map(|(path, _)| path).collect();
        Arc::new(Self { name: Name::from_slice(name.as_bytes()), external, internal })
    }

    /// The host name in the table's form; [`CATCH_ALL`] for rules without hosts.
    pub fn name(&self) -> &str {
        str::from_utf8(&self.name).unwrap_or_default()
    }

    /// Paths that external listeners serve, in the order they are asked.
    pub fn external(&self) -> &[Arc<Path>] {
        &self.external
    }

    /// Paths that internal listeners serve: all of them, in the order they are asked.
    pub fn internal(&self) -> &[Arc<Path>] {
        &self.internal
    }
}

/// One step of a change: a host gets new paths, or leaves the table.
#[derive(Clone, Debug)]
pub enum Change {
    /// The host is served so from now on.
    Set(Arc<Host>),
    /// The host is served no more.
    Remove(Box<str>),
}

#[derive(Clone, Debug)]
struct Entry {
    hash: u64,
    host: Arc<Host>,
}

type Shard = HashTable<Entry>;

/// All routes at one moment. Cheap to share, never changed once made.
#[derive(Clone, Debug)]
pub struct Table {
    hasher: RandomState,
    shards: Box<[Arc<Shard>]>,
    catch_all: Option<Arc<Host>>,
    hosts: usize,
}

impl Default for Table {
    fn default() -> Self {
        let empty = Arc::new(Shard::new());
        Self { hasher: RandomState::default(), shards: vec![empty; SHARDS].into(), catch_all: None, hosts: 0 }
    }
}

impl Table {
    /// The table after `changes`, which take effect together.
    #[must_use]
    pub fn with(&self, changes: impl IntoIterator<Item = Change>) -> Self {
        let mut table = self.clone();
        for change in changes {
            match change {
                Change::Set(host) if host.name() == CATCH_ALL => table.catch_all = Some(host),
                Change::Set(host) => table.set(host),
                Change::Remove(name) if &*name == CATCH_ALL => table.catch_all = None,
                Change::Remove(name) => table.remove(&name),
            }
        }
        table
    }

    /// The host of that name, or the catch-all.
    pub fn host(&self, name: &HostName) -> Option<&Arc<Host>> {
        self.exact(name.as_str()).or(self.catch_all.as_ref())
    }

    /// All hosts, in no order, the catch-all last.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.shards.iter().flat_map(|shard| shard.iter()).map(|entry| &entry.host).chain(&self.catch_all)
    }

    /// Number of hosts, the catch-all included.
    pub fn len(&self) -> usize {
        self.hosts + usize::from(self.catch_all.is_some())
    }

    /// Whether the table has no host at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn exact(&self, name: &str) -> Option<&Arc<Host>> {
        let hash = self.hasher.hash_one(name);
        let shard = self.shards.get(shard_of(hash))?;
        shard.find(hash, |entry| *entry.host.name == *name.as_bytes()).map(|entry| &entry.host)
    }

    fn set(&mut self, host: Arc<Host>) {
        let hash = self.hasher.hash_one(host.name());
        let Some(shard) = self.shards.get_mut(shard_of(hash)).map(Arc::make_mut) else { return };
        if let Some(entry) = shard.find_mut(hash, |entry| entry.host.name == host.name) {
            entry.host = host;
            return;
        }
        shard.insert_unique(hash, Entry { hash, host }, |entry| entry.hash);
        self.hosts += 1;
    }

    fn remove(&mut self, name: &str) {
        if self.exact(name).is_none() {
            return;
        }
        let hash = self.hasher.hash_one(name);
        let Some(shard) = self.shards.get_mut(shard_of(hash)).map(Arc::make_mut) else { return };
        if let Ok(entry) = shard.find_entry(hash, |entry| *entry.host.name == *name.as_bytes()) {
            entry.remove();
            self.hosts -= 1;
        }
    }
}

/// Bits that hashbrown uses neither for the bucket (low) nor for the tag (top seven).
fn shard_of(hash: u64) -> usize {
    (hash >> 40) as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str) -> Change {
        Change::Set(Host::new(name, []))
    }

    fn find<'a>(table: &'a Table, name: &str) -> Option<&'a str> {
        table.host(&HostName::parse(name)?).map(|host| host.name())
    }

    #[test]
    fn a_change_leaves_the_old_table_as_it_was() {
        let old = Table::default().with([set("a.example"), set("b.example")]);
        let new = old.with([set("c.example"), Change::Remove("a.example".into())]);
        assert_eq!((find(&old, "a.example"), find(&old, "c.example")), (Some("a.example"), None));
        assert_eq!((find(&new, "a.example"), find(&new, "c.example")), (None, Some("c.example")));
        assert_eq!((old.len(), new.len()), (2, 2));
    }

    #[test]
    fn a_change_copies_only_the_shards_it_touches() {
        let old = Table::default().with((0..1_000).map(|n| set(&format!("host{n}.example"))));
        let new = old.with([set("one-more.example")]);
        let copied = old.shards.iter().zip(&new.shards).filter(|(old, new)| !Arc::ptr_eq(old, new)).count();
        assert_eq!(copied, 1);
    }

    #[test]
    fn an_exact_host_goes_before_the_catch_all() {
        let table = Table::default().with([set(CATCH_ALL), set("a.example")]);
        assert_eq!(find(&table, "a.example"), Some("a.example"));
        assert_eq!(find(&table, "b.example"), Some(CATCH_ALL));
        assert_eq!(find(&table.with([Change::Remove(CATCH_ALL.into())]), "b.example"), None);
    }

    #[test]
    fn removing_what_is_not_there_changes_nothing() {
        let old = Table::default().with([set("a.example")]);
        let new = old.with([Change::Remove("b.example".into())]);
        assert_eq!(new.len(), 1);
        assert!(old.shards.iter().zip(&new.shards).all(|(old, new)| Arc::ptr_eq(old, new)));
    }
}
