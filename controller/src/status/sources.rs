//! Routes and DomainMappings that are served without Serving: what their status is, and what it should be.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use net_pingora_replicas::Version;
use net_pingora_routing::ObjectKey;
use serde_json::{Map, Value};

use super::board::Board;
use super::desired::Progress;
use super::route;
use super::writer::{Work, Write};
use crate::api::{Kind, ObjectId, id};
use crate::engine::Engine;

/// How long an object may be on its way before its status says so.
const QUIET: Duration = Duration::from_secs(1);
/// When a write that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What is followed of a Route or a DomainMapping beside its content.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSeen {
    version: Version,
    status: Map<String, Value>,
}

impl SourceSeen {
    /// Reads an object of the API; what is missing has its default.
    pub(crate) fn read(object: &Value) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let generation = object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default();
        let status = object.get("status").and_then(Value::as_object).cloned().unwrap_or_default();
        Self { version: Version { uid: text("/metadata/uid").into(), generation }, status }
    }
}

/// One Route or DomainMapping.
#[derive(Debug)]
struct Entry {
    seen: SourceSeen,
    /// When this version was first seen.
    since: Instant,
    /// A write is on its way.
    writing: bool,
}

/// All Routes and DomainMappings, while Serving is not there to tell of them.
#[derive(Debug, Default)]
pub struct Sources {
    entries: HashMap<ObjectId, Entry>,
    /// To be looked at.
    dirty: BTreeSet<ObjectId>,
    /// To be looked at later.
    later: BTreeSet<(Instant, ObjectId)>,
    /// Somebody else has written a status, who may be Serving.
    doubted: bool,
}

impl Sources {
    /// The API server has this version and status now, or the object is gone.
    pub fn seen(&mut self, id: ObjectId, seen: Option<SourceSeen>, now: Instant) {
        let Some(seen) = seen else {
            self.entries.remove(&id);
            return;
        };
        let old = self.entries.remove(&id);
        self.doubted |= old.as_ref().is_some_and(|old| !old.writing && old.seen.status != seen.status);
        let since = old.as_ref().filter(|old| old.seen.version == seen.version).map_or(now, |old| old.since);
        let writing = old.is_some_and(|old| old.writing);
        self.entries.insert(id.clone(), Entry { seen, since, writing });
        self.dirty.insert(id);
    }

    /// There is more to say of what these make.
    pub fn applied<'a>(&mut self, affected: impl IntoIterator<Item = &'a ObjectKey>) {
        for key in affected {
            let ids = [Kind::Route, Kind::DomainMapping].map(|kind| id(kind, key));
            self.dirty.extend(ids.into_iter().filter(|id| self.entries.contains_key(id)));
        }
    }

    /// Everything may have become something else: who leads, or who is responsible.
    pub fn reconsider(&mut self) {
        self.dirty.extend(self.entries.keys().cloned());
    }

    /// Whether nothing is written until it is known again that Serving is not there.
    pub fn is_doubted(&self) -> bool {
        self.doubted
    }

    /// It was seen anew whether Serving is there.
    pub fn looked(&mut self) {
        self.doubted = false;
        self.reconsider();
    }

    /// When [`Sources::next`] is to be asked even if nothing happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.later.first().map(|(at, _)| *at)
    }

    /// The next write that is due, if this replica is the leader and Serving is not there.
    pub fn next(&mut self, board: &Board, engine: &Engine, now: Instant) -> Option<Work> {
        while self.next_deadline().is_some_and(|at| at <= now) {
            self.dirty.extend(self.later.pop_first().map(|(_, id)| id));
        }
        if self.doubted {
            return None;
        }
        while let Some(id) = self.dirty.pop_first() {
            if board.leads()
                && engine.serves_routes()
                && let Some(write) = self.look_at(&id, board, engine, now)
            {
                return Some(Work { id, write });
            }
        }
        None
    }

    fn look_at(&mut self, id: &ObjectId, board: &Board, engine: &Engine, now: Instant) -> Option<Write> {
        let entry = self.entries.get(id).filter(|entry| !entry.writing)?;
        let since = entry.since;
        let report = engine.source_report(id)?;
        let progress = board.progress(&id.key, &entry.seen.version, since, engine, now);
        if let Progress::Waiting(_) = progress {
            self.later.insert((board.patience_ends(since), id.clone()));
        }
        if report.refusal.is_none() && progress != Progress::Ready && now < since + QUIET {
            self.later.insert((since + QUIET, id.clone()));
            return None;
        }
        let previous = Value::Object(entry.seen.status.clone());
        let status =
            route::desired(id.kind, &previous, entry.seen.version.generation, &report, &progress, SystemTime::now());
        let Value::Object(fields) = &status else { return None };
        if fields.iter().all(|(field, value)| entry.seen.status.get(field) == Some(value)) {
            return None;
        }
        let uid = Arc::clone(&entry.seen.version.uid);
        let entry = self.entries.get_mut(id)?;
        entry.writing = true;
        entry.seen.status.extend(fields.clone());
        Some(Write::Source { uid, status })
    }

    /// A write has ended; a failed one is tried again.
    pub fn written(&mut self, id: ObjectId, succeeded: bool, now: Instant) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.writing = false;
        if succeeded {
            self.dirty.insert(id);
        } else {
            entry.seen.status.clear();
            self.later.insert((now + RETRY, id));
        }
    }
}

#[cfg(test)]
mod tests;
