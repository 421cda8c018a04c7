//! A Kubernetes API as a source: all caches are read, then kept up with.

mod client;
#[cfg(test)]
mod fuzz;
mod serving;
mod steps;
mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt;
use kube::Client;
use net_pingora_routing::ObjectKey;
use tokio::sync::Notify;
use tracing::{info, warn};

pub use self::client::{ConnectError, connect};
pub use self::serving::RoutesMode;
use self::serving::Serving;
use self::steps::{IngressState, Reading, Step, Steps, kinds, route_kinds, route_steps, steps};
use crate::api::{Kind, ObjectId};
use crate::engine::Engine;
use crate::fault::Origin;
use crate::status::{Seen, SourceSeen};
use crate::store::ObjectChange;

/// Steps that are taken together at most.
const BATCH: usize = 4_096;

/// How far the watch of one kind has come.
#[derive(Debug, Default)]
enum Phase {
    /// Nothing is known of the kind yet.
    #[default]
    Unread,
    /// All objects are listed for the first time.
    FirstList,
    /// The list is complete; every change arrives.
    Watching,
    /// All objects are listed anew, because changes were missed; what is known stays until the end.
    Relisting { listed: BTreeSet<ObjectKey> },
}

/// What some steps come to.
#[derive(Debug, Default)]
pub struct Intake {
    /// Changes for the engine.
    pub changes: Vec<ObjectChange>,
    /// KIngress objects of our class as the API server has them; `None` for those that are gone or
    /// of another class now.
    pub seen: Vec<(ObjectKey, Option<Seen>)>,
    /// Routes and DomainMappings as the API server has them; `None` for those that are gone.
    pub sources: Vec<(ObjectId, Option<SourceSeen>)>,
    /// Whether it was seen anew who makes KIngresses of Routes.
    pub looked: bool,
    /// Whether Routes are to be served from now on that Serving makes no KIngress of.
    pub routes: Option<bool>,
}

/// What is watched, and for what.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// The class of KIngress objects that are ours.
    pub class: String,
    /// Where Knative's ConfigMaps and the Leases of its controllers are.
    pub system_namespace: String,
    /// Whether requests are held here, for which Revisions are watched.
    pub holds: bool,
    /// Who makes KIngresses of Routes.
    pub routes: RoutesMode,
}

/// The objects of a cluster, as they change.
pub struct Cluster {
    client: Client,
    settings: ClusterSettings,
    steps: Steps,
    phases: BTreeMap<Kind, Phase>,
    failing: BTreeSet<Kind>,
    /// Who is there to make KIngresses of Routes, as far as it matters and is known.
    serving: Option<Serving>,
    /// Whether the engine knows that it is to serve Routes.
    told: bool,
    /// Asks for a look at Serving's controllers out of turn.
    again: Arc<Notify>,
}

impl Cluster {
    /// Watches the cluster for KIngress objects of a class; nothing is sent before [`Cluster::read`].
    pub fn new(client: Client, settings: ClusterSettings) -> Self {
        let ClusterSettings { system_namespace, holds, routes, .. } = &settings;
        let mut steps = steps(&client, system_namespace, *holds);
        let phases = kinds(*holds).map(|kind| (kind, Phase::default())).collect();
        let again = Arc::new(Notify::new());
        let serving = match routes {
            RoutesMode::Auto => {
                steps.push(serving::watch(&client, system_namespace, Arc::clone(&again)));
                None
            }
            RoutesMode::Always => Some(Serving::Absent),
            RoutesMode::Never => Some(Serving::NotInstalled),
        };
        let failing = BTreeSet::new();
        let mut cluster = Self { client, settings, steps, phases, failing, serving, told: false, again };
        if serving == Some(Serving::Absent) {
            cluster.watch_routes();
        }
        cluster
    }

    /// Looks at once whether Serving's controllers are there; the answer comes with [`Intake::looked`]. False where
    /// nobody ever looks.
    pub fn look_again(&self) -> bool {
        self.again.notify_one();
        self.settings.routes == RoutesMode::Auto
    }

    /// From now on the kinds are watched that Serving makes KIngresses of.
    fn watch_routes(&mut self) {
        if self.phases.contains_key(&Kind::Route) {
            return;
        }
        self.steps.extend(route_steps(&self.client, self.settings.holds));
        self.phases.extend(route_kinds(self.settings.holds).map(|kind| (kind, Phase::default())));
    }

    /// Reads all objects of all kinds, however long the API server takes to answer.
    pub async fn read(&mut self, engine: &Engine) -> Intake {
        let mut intake = Intake::default();
        while !self.is_complete() {
            let Some(step) = self.steps.next().await else { break };
            self.take(step, engine, &mut intake);
        }
        self.settle(&mut intake);
        intake
    }

    /// Waits for the next changes and takes all that have arrived.
    pub async fn next(&mut self, engine: &Engine) -> Intake {
        let mut intake = Intake::default();
        let mut ready = (&mut self.steps).ready_chunks(BATCH);
        let steps = ready.next().await.unwrap_or_default();
        for step in steps {
            self.take(step, engine, &mut intake);
        }
        self.settle(&mut intake);
        intake
    }

    fn is_complete(&self) -> bool {
        self.serving.is_some()
            && self.phases.values().all(|phase| matches!(phase, Phase::Watching | Phase::Relisting { .. }))
    }

    /// Who serves Routes, once all that they depend on is known.
    fn settle(&mut self, intake: &mut Intake) {
        let wanted = self.serving == Some(Serving::Absent) && self.is_complete();
        let ended = self.serving != Some(Serving::Absent);
        if (wanted && !self.told) || (ended && self.told) {
            self.told = wanted;
            intake.routes = Some(wanted);
        }
    }

    fn serving(&mut self, serving: Serving) {
        match (self.serving.replace(serving), serving) {
            (Some(_), Serving::Alive) => info!("Serving's controllers are back; Routes are left to them"),
            (_, Serving::Alive | Serving::NotInstalled) => {}
            (_, Serving::Absent) => {
                info!("no controller of Serving's is there; Routes are served without");
                self.watch_routes();
            }
        }
    }

    fn take(&mut self, step: Step, engine: &Engine, intake: &mut Intake) {
        match step {
            Step::Listing(kind) => self.listing(kind, intake),
            Step::Listed(reading) => {
                if let Some(Phase::Relisting { listed }) = self.phases.get_mut(&reading.id.kind) {
                    listed.insert(reading.id.key.clone());
                }
                self.changed(reading, engine, intake);
            }
            Step::Complete(kind) => self.complete(kind, engine, intake),
            Step::Changed(reading) => {
                self.recovered(reading.id.kind);
                self.changed(reading, engine, intake);
            }
            Step::Gone(id) => gone(id, intake),
            Step::Failed(kind, error) => {
                if self.failing.insert(kind) {
                    warn!(%kind, %error, "the watch fails and is tried again; what is known stays in effect");
                }
            }
            Step::Serving(serving) => {
                intake.looked = true;
                self.serving(serving);
            }
        }
    }

    fn listing(&mut self, kind: Kind, intake: &mut Intake) {
        let phase = self.phases.entry(kind).or_default();
        if !matches!(phase, Phase::Watching) {
            // An earlier list broke off.
            intake.changes.retain(|change| change.id().kind != kind);
        }
        *phase = match phase {
            Phase::Unread | Phase::FirstList => Phase::FirstList,
            Phase::Watching | Phase::Relisting { .. } => Phase::Relisting { listed: BTreeSet::new() },
        };
    }

    /// What was known and did not come again is gone.
    fn complete(&mut self, kind: Kind, engine: &Engine, intake: &mut Intake) {
        self.recovered(kind);
        let phase = self.phases.insert(kind, Phase::Watching);
        if let Some(Phase::Relisting { listed }) = phase {
            let arrived = intake.changes.iter().map(ObjectChange::id).filter(|id| id.kind == kind).map(|id| id.key);
            let known: BTreeSet<_> = engine.known(kind).cloned().chain(arrived).collect();
            for key in known.into_iter().filter(|key| !listed.contains(key)) {
                gone(ObjectId { kind, key }, intake);
            }
        }
    }

    fn recovered(&mut self, kind: Kind) {
        if self.failing.remove(&kind) {
            info!(%kind, "the watch works again");
        }
    }

    /// A new version; what is kept of it may be the same as before.
    fn changed(&self, reading: Reading, engine: &Engine, intake: &mut Intake) {
        let Reading { id, content, ingress, status } = reading;
        let mut origin = Origin::default();
        if let Some(status) = status {
            intake.sources.push((id.clone(), Some(status)));
        }
        if let Some(IngressState { class, seen }) = ingress {
            // Byte for byte, as knative.dev/networking's class filter has it; foreign objects are not kept.
            if class.as_deref() != Some(&self.settings.class) {
                if engine.knows(&id) {
                    gone(id, intake);
                }
                return;
            }
            origin.incumbent = seen.is_ready();
            intake.seen.push((id.key.clone(), Some(seen)));
        }
        match content {
            Ok(object) if engine.is_current(&object) => {}
            Ok(object) => intake.changes.push(ObjectChange::Apply(object, origin)),
            Err(fault) => intake.changes.push(ObjectChange::Unreadable(id, fault)),
        }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("phases", &self.phases)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn gone(id: ObjectId, intake: &mut Intake) {
    match id.kind {
        Kind::Ingress => intake.seen.push((id.key.clone(), None)),
        Kind::Route | Kind::DomainMapping => intake.sources.push((id.clone(), None)),
        _ => {}
    }
    intake.changes.push(ObjectChange::Remove(id));
}
