//! Traffic → groups of revisions: one for the Route's own host, one for each tag
//! (knative.dev/serving `pkg/reconciler/route/traffic/traffic.go`).

use std::collections::BTreeMap;

use super::Refusal;
use super::revisions::{Found, Revisions};
use crate::api::route::TrafficTarget;

/// One target of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its tag; empty if it has none.
    pub(crate) tag: String,
    /// Its revision.
    pub(crate) found: Found,
    /// Whether it follows its Configuration.
    pub(crate) latest: bool,
    /// Share of the group's requests.
    pub(crate) percent: i64,
}

/// The targets of a Route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Targets {
    /// By tag; the Route's own host has the empty one.
    pub(crate) groups: BTreeMap<String, Vec<Target>>,
    /// As `status.traffic` lists them.
    pub(crate) listed: Vec<Target>,
}

impl Targets {
    /// Resolves all targets.
    ///
    /// # Errors
    /// The first target that has failed, or else the first that is not ready yet.
    pub(crate) fn of(traffic: &[TrafficTarget], revisions: Revisions<'_>) -> Result<Self, Refusal> {
        let mut targets = Self::default();
        let mut refused: Option<Refusal> = None;
        for (index, target) in traffic.iter().enumerate() {
            match revisions.of(&format!("spec.traffic[{index}]"), target) {
                Ok(found) => targets.add(target, found),
                // The last failure counts, as in Serving.
                Err(refusal) if refused.is_none() || refusal.failed => refused = Some(refusal),
                Err(_) => {}
            }
        }
        refused.map_or(Ok(()), Err)?;
        targets.groups.values_mut().for_each(consolidate);
        Ok(targets)
    }

    fn add(&mut self, target: &TrafficTarget, found: Found) {
        let latest = target.is_latest();
        let mut found = found;
        if latest && found.configuration.is_empty() {
            found.configuration.clone_from(&target.configuration_name);
        }
        let target = Target { tag: target.tag.clone(), found, latest, percent: target.percent.unwrap_or(0) };
        let same = |other: &&mut Target| {
            (&other.tag, &other.found.revision, other.latest) == (&target.tag, &target.found.revision, target.latest)
        };
        match self.listed.iter_mut().find(same) {
            Some(listed) => listed.percent += target.percent,
            None => self.listed.push(target.clone()),
        }
        if !target.tag.is_empty() {
            self.groups.entry(target.tag.clone()).or_default().push(target.clone());
        }
        self.groups.entry(String::new()).or_default().push(target);
    }
}

/// Joins what has the same revision; a group of one revision gives it everything.
fn consolidate(group: &mut Vec<Target>) {
    let mut joined: Vec<Target> = Vec::with_capacity(group.len());
    for target in group.drain(..) {
        match joined.iter_mut().find(|other| other.found.revision == target.found.revision) {
            Some(first) => first.percent += target.percent,
            None => joined.push(target),
        }
    }
    if let [only] = joined.as_mut_slice() {
        only.percent = 100;
    }
    *group = joined;
}
