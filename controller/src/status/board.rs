//! Which KIngress objects are open, what they wait for, and what is to be written next.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant, SystemTime};

use net_pingora_replicas::{Event, Report, Version};
use net_pingora_routing::ObjectKey;

use super::desired::{Addresses, Progress, desired};
use super::seen::{Release, Seen, Status};
use super::writer::{Work, Write};
use crate::api::{Kind, id};
use crate::engine::Engine;

/// How long a KIngress may be on its way before its status says so: most are ready sooner, and
/// one write costs the API server less than two.
const QUIET: Duration = Duration::from_secs(1);
/// When a write that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Who this replica is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Me {
    /// A pod behind the Service of this key, with this name.
    Pod {
        /// Our own Service for clients in the cluster; its ready endpoints are the replicas.
        service: ObjectKey,
        /// Name of the pod.
        name: String,
    },
    /// A process outside the cluster, which is its only replica.
    Alone,
}

/// What the board is told at start.
#[derive(Clone, Debug)]
pub struct BoardSettings {
    /// Who this replica is.
    pub me: Me,
    /// What is written as the load balancers.
    pub addresses: Addresses,
    /// How long a ready replica that does not answer keeps a version from being Ready.
    pub replica_timeout: Duration,
}

/// One KIngress of our class.
#[derive(Debug)]
struct Entry {
    /// The latest version.
    version: Version,
    /// Its status, unless that says that it is served here: most do, and thousands are kept.
    status: Option<Box<Status>>,
    release: Option<Box<Release>>,
    /// When this version was first seen.
    since: Instant,
    /// A write is on its way.
    writing: bool,
}

/// The KIngress objects of our class and how far they are.
#[derive(Debug)]
pub struct Board {
    settings: BoardSettings,
    entries: HashMap<ObjectKey, Entry>,
    /// To be looked at.
    dirty: BTreeSet<ObjectKey>,
    /// To be looked at later.
    later: BTreeSet<(Instant, ObjectKey)>,
    /// Not settled when last looked at.
    open: BTreeSet<ObjectKey>,
    /// Ready replicas by name.
    required: BTreeSet<String>,
    /// What connected replicas serve.
    serves: HashMap<String, HashMap<ObjectKey, Version>>,
    /// Since when this replica is the leader.
    leading: Option<Instant>,
}

impl Board {
    /// A board that knows no object.
    pub fn new(settings: BoardSettings) -> Self {
        Self {
            settings,
            entries: HashMap::new(),
            dirty: BTreeSet::new(),
            later: BTreeSet::new(),
            open: BTreeSet::new(),
            required: BTreeSet::new(),
            serves: HashMap::new(),
            leading: None,
        }
    }

    /// The API server has this version and status now, or the object is gone.
    pub fn seen(&mut self, key: ObjectKey, seen: Option<Seen>, now: Instant) {
        let Some(seen) = seen else {
            self.entries.remove(&key);
            self.open.remove(&key);
            return;
        };
        let Seen { version, status, release } = seen;
        let old = self.entries.remove(&key);
        let since = old.as_ref().filter(|old| old.version == version).map_or(now, |old| old.since);
        let writing = old.is_some_and(|old| old.writing);
        let status = self.unsettled(status, &version);
        let entry = Entry { version, status, release: release.map(Box::new), since, writing };
        self.entries.insert(key.clone(), entry);
        self.dirty.insert(key);
    }

    /// The engine has more to say of these; the ready replicas may be others.
    pub fn applied<'a>(&mut self, affected: impl IntoIterator<Item = &'a ObjectKey>, engine: &Engine) {
        self.dirty.extend(affected.into_iter().cloned());
        let required = self.ready_replicas(engine);
        if required != self.required {
            self.required = required;
            self.dirty.extend(self.open.iter().cloned());
        }
    }

    fn unsettled(&self, status: Status, version: &Version) -> Option<Box<Status>> {
        let settled = status.is_settled(version.generation, &self.settings.addresses);
        (!settled).then(|| Box::new(status))
    }

    fn ready_replicas(&self, engine: &Engine) -> BTreeSet<String> {
        let Me::Pod { service, .. } = &self.settings.me else { return BTreeSet::new() };
        let endpoints = engine.store().slices(service).flat_map(|slice| &slice.endpoints);
        let ready = endpoints.filter(|endpoint| endpoint.conditions.ready != Some(false));
        ready.filter_map(|endpoint| Some(endpoint.target_ref.as_ref()?.name.clone())).collect()
    }

    /// A replica says what it serves.
    pub fn report(&mut self, report: Report) {
        let Report { replica, event } = report;
        match event {
            Event::Connected => drop(self.serves.insert(replica, HashMap::new())),
            Event::Disconnected => drop(self.serves.remove(&replica)),
            Event::Serves(changes) => {
                let serves = self.serves.entry(replica).or_default();
                for (key, version) in changes {
                    if self.open.contains(&key) {
                        self.dirty.insert(key.clone());
                    }
                    match version {
                        Some(version) => serves.insert(key, version),
                        None => serves.remove(&key),
                    };
                }
            }
        }
    }

    /// This replica is the leader from now on, or is it no more.
    pub fn lead(&mut self, leading: bool, now: Instant) {
        if leading == self.leading.is_some() {
            return;
        }
        self.leading = leading.then_some(now);
        self.open.clear();
        if leading {
            self.dirty.extend(self.entries.keys().cloned());
        }
    }

    /// When [`Board::next`] is to be asked even if nothing happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.later.first().map(|(at, _)| *at)
    }

    /// The next write that is due, if this replica is the leader.
    pub fn next(&mut self, engine: &Engine, now: Instant) -> Option<Work> {
        while self.next_deadline().is_some_and(|at| at <= now) {
            self.dirty.extend(self.later.pop_first().map(|(_, key)| key));
        }
        while let Some(key) = self.dirty.pop_first() {
            if self.leading.is_some()
                && let Some(write) = self.look_at(&key, engine, now)
            {
                return Some(Work { id: id(Kind::Ingress, &key), write });
            }
        }
        None
    }

    fn look_at(&mut self, key: &ObjectKey, engine: &Engine, now: Instant) -> Option<Write> {
        let entry = self.entries.get(key).filter(|entry| !entry.writing)?;
        if entry.release.is_none() && engine.store().is_derived(key) {
            // Its Route is served in its place, and is told so.
            self.open.remove(key);
            return None;
        }
        let Version { uid, generation } = entry.version.clone();
        if let Some(release) = &entry.release {
            let write = Write::Release { uid, release: (**release).clone() };
            self.entries.get_mut(key)?.writing = true;
            return Some(write);
        }
        let (since, settled) = (entry.since, entry.status.is_none());
        let progress = self.progress(key, &entry.version, entry.since, engine, now);
        if progress == Progress::Ready || (settled && !progress.is_failure()) {
            self.open.remove(key);
        } else {
            self.open.insert(key.clone());
        }
        if settled && !progress.is_failure() {
            return None;
        }
        if matches!(progress, Progress::Waiting(_)) {
            self.later.insert((self.patience_ends(since), key.clone()));
        }
        if progress != Progress::Ready && !progress.is_failure() && now < since + QUIET {
            self.later.insert((since + QUIET, key.clone()));
            return None;
        }
        let previous = entry.status.as_deref().cloned().unwrap_or_default();
        let status = desired(&previous, generation, &progress, &self.settings.addresses, SystemTime::now());
        if entry.status.as_deref() == Some(&status) {
            return None;
        }
        let known = self.unsettled(status.clone(), &entry.version);
        let entry = self.entries.get_mut(key)?;
        (entry.status, entry.writing) = (known, true);
        Some(Write::Status { uid, status: Box::new(status) })
    }

    /// How far a version is that is known since then.
    pub(super) fn progress(
        &self,
        key: &ObjectKey,
        version: &Version,
        since: Instant,
        engine: &Engine,
        now: Instant,
    ) -> Progress {
        if let Err(problem) = engine.outcome(key) {
            return Progress::Stuck(problem);
        }
        let Me::Pod { service, name } = &self.settings.me else { return Progress::Ready };
        if self.required.is_empty() {
            return Progress::Waiting(format!("no endpoint of Service {service} is ready; see the gateway's pods"));
        }
        let others = self.required.iter().filter(|replica| *replica != name);
        let missing: Vec<_> = others.filter(|replica| !self.is_served_by(replica, key, version)).cloned().collect();
        if missing.is_empty() || now >= self.patience_ends(since) {
            return Progress::Ready;
        }
        Progress::Waiting(format!("not yet served by: {}", missing.join(", ")))
    }

    /// When replicas that do not answer block this version no more.
    pub(super) fn patience_ends(&self, since: Instant) -> Instant {
        // A new leader gives them the time to find it.
        self.leading.map_or(since, |leading| leading.max(since)) + self.settings.replica_timeout
    }

    /// Whether this replica is the leader.
    pub(super) fn leads(&self) -> bool {
        self.leading.is_some()
    }

    fn is_served_by(&self, replica: &str, key: &ObjectKey, version: &Version) -> bool {
        self.serves.get(replica).and_then(|serves| serves.get(key)) == Some(version)
    }

    /// A write has ended; a failed one is tried again.
    pub fn written(&mut self, key: ObjectKey, succeeded: bool, now: Instant) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        entry.writing = false;
        if succeeded {
            self.dirty.insert(key);
        } else {
            entry.status = Some(Box::default());
            self.later.insert((now + RETRY, key));
        }
    }
}

#[cfg(test)]
mod tests;
