//! What this replica serves, for any number of readers in any thread.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::pending;
use std::sync::Arc;

use net_pingora_routing::ObjectKey;
use tokio::sync::watch;

/// Changes that are kept even if fewer objects are served.
const MIN_LOG: usize = 256;

/// The version of a KIngress.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// `metadata.uid`, which tells an object from another of the same name before or after it.
    pub uid: Arc<str>,
    /// `metadata.generation`, which counts the versions of `spec`.
    pub generation: i64,
}

/// A change: the version that is served from now on, or none.
pub(crate) type Change = (ObjectKey, Option<Version>);

/// What this replica serves; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Served(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    versions: HashMap<ObjectKey, Version>,
    /// What changed last, the latest at the end; never longer than telling everything would be.
    log: VecDeque<ObjectKey>,
    /// Changes ever made; the end of the log.
    changes: u64,
}

impl Served {
    /// Serves other versions from now on; call it when they are in effect. Later ones win.
    pub fn apply(&self, changes: Vec<(ObjectKey, Option<Version>)>) {
        self.0.send_if_modified(|state| {
            let before = state.changes;
            for change in changes {
                state.apply(change);
            }
            let kept = state.versions.len().max(MIN_LOG);
            state.log.drain(..state.log.len().saturating_sub(kept));
            state.changes != before
        });
    }

    /// A reader that knows nothing yet.
    pub(crate) fn feed(&self) -> Feed {
        Feed { state: self.0.subscribe(), told: None }
    }
}

impl State {
    fn apply(&mut self, (key, version): Change) {
        if self.versions.get(&key) == version.as_ref() {
            return;
        }
        match version {
            Some(version) => self.versions.insert(key.clone(), version),
            None => self.versions.remove(&key),
        };
        self.log.push_back(key);
        self.changes += 1;
    }

    /// What a reader that has seen the first `told` changes does not know yet.
    fn since(&self, told: Option<u64>) -> Option<Update> {
        let missed = told.and_then(|told| usize::try_from(self.changes - told).ok());
        match missed.and_then(|missed| self.log.len().checked_sub(missed)) {
            Some(start) if start == self.log.len() => None,
            Some(start) => {
                let keys: HashSet<_> = self.log.range(start..).collect();
                let changes = keys.into_iter().map(|key| (key.clone(), self.versions.get(key).cloned()));
                Some(Update { all: false, changes: changes.collect() })
            }
            None => {
                let all = self.versions.iter().map(|(key, version)| (key.clone(), Some(version.clone())));
                Some(Update { all: true, changes: all.collect() })
            }
        }
    }
}

/// What a reader is told at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Update {
    /// Whether this is everything, so that what was told before counts no more.
    pub(crate) all: bool,
    /// At most one change a key.
    pub(crate) changes: Vec<Change>,
}

/// A reader of [`Served`]: everything first, then what changes.
#[derive(Debug)]
pub(crate) struct Feed {
    state: watch::Receiver<State>,
    told: Option<u64>,
}

impl Feed {
    /// Waits for something new; cancelling it loses nothing. A reader that is far behind is told everything again.
    pub(crate) async fn next(&mut self) -> Update {
        loop {
            if let Some(update) = self.take() {
                return update;
            }
            if self.state.changed().await.is_err() {
                pending::<()>().await;
            }
        }
    }

    fn take(&mut self) -> Option<Update> {
        let state = self.state.borrow_and_update();
        let update = state.since(self.told);
        self.told = Some(state.changes);
        update
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    fn version(generation: i64) -> Version {
        Version { uid: "u".into(), generation }
    }

    fn sorted(update: Option<Update>) -> Option<(bool, Vec<Change>)> {
        update.map(|mut update| {
            update.changes.sort_by(|a, b| a.0.cmp(&b.0));
            (update.all, update.changes)
        })
    }

    #[test]
    fn a_reader_is_told_everything_first_and_then_the_last_change_of_each_key() {
        let served = Served::default();
        let mut feed = served.feed();
        assert_eq!(sorted(feed.take()), Some((true, vec![])));
        assert_eq!(feed.take(), None);
        served.apply(vec![(key("a"), Some(version(1))), (key("b"), Some(version(1)))]);
        served.apply(vec![(key("a"), Some(version(2))), (key("b"), None), (key("c"), None)]);
        assert_eq!(sorted(feed.take()), Some((false, vec![(key("a"), Some(version(2))), (key("b"), None)])));
        assert_eq!(sorted(served.feed().take()), Some((true, vec![(key("a"), Some(version(2)))])));
    }

    #[tokio::test]
    async fn what_is_served_already_is_no_change() {
        let served = Served::default();
        served.apply(vec![(key("a"), Some(version(1)))]);
        let mut feed = served.feed();
        feed.next().await;
        served.apply(vec![(key("a"), Some(version(1))), (key("b"), None)]);
        assert!(!feed.state.has_changed().unwrap());
        assert_eq!(feed.take(), None);
    }

    #[test]
    fn a_reader_far_behind_is_told_everything_and_the_log_stays_bounded() {
        let served = Served::default();
        let (mut behind, mut near) = (served.feed(), served.feed());
        behind.take();
        near.take();
        for generation in 0..1000 {
            served.apply((0..5).map(|name| (key(&name.to_string()), Some(version(generation)))).collect());
            near.take();
        }
        assert_eq!(served.0.borrow().log.len(), MIN_LOG);
        served.apply(vec![(key("0"), None)]);
        assert_eq!(sorted(near.take()), Some((false, vec![(key("0"), None)])));
        let all: Vec<_> = (1..5).map(|name| (key(&name.to_string()), Some(version(999)))).collect();
        assert_eq!(sorted(behind.take()), Some((true, all)));
    }
}
