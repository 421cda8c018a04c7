//! Routes and DomainMappings that nobody makes a KIngress of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use net_pingora_routing::ObjectKey;

use super::{Batch, Engine};
use crate::api::{Ingress, Kind, Object, ObjectId, Route, validate};
use crate::compile::domain_mapping;
use crate::compile::route::naming::{HostOrigin, Named};
use crate::compile::route::revisions::Followed;
use crate::compile::route::rollout::{ROLLOUT_ANNOTATION, Rollout};
use crate::compile::route::targets::Target;
use crate::compile::route::{self, Before, Compiled, Naming, Refusal, World};
use crate::fault::{Fault, Origin, one_line};
use crate::few::Few;
use crate::store::{Derived, Touched};

/// All Routes and DomainMappings, as far as they are not in the store.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// Whether they are served at all.
    enabled: bool,
    /// Whether that has changed since the last batch.
    switched: bool,
    known: BTreeMap<ObjectKey, Known>,
    /// Routes by the revisions and Configurations that their targets name.
    users: BTreeMap<ObjectKey, Few<ObjectKey>>,
}

/// What a batch touches, and what it has gathered.
type Both<'a> = (&'a mut Touched, &'a mut Batch);

/// What is known of one Route besides its object.
#[derive(Debug, Default)]
struct Known {
    /// Revisions and Configurations that its targets name.
    named: BTreeSet<ObjectKey>,
    /// Why its latest version is not served.
    refusal: Option<Refusal>,
    /// The revisions that its Configurations have led to.
    followed: Followed,
    /// Its targets, once it is served.
    targets: Vec<Target>,
    /// Its rollouts, once it is served.
    rollout: Option<Rollout>,
    /// When the next step of a rollout is due.
    next_step: Option<Instant>,
}

impl Routes {
    /// No Route yet.
    pub(super) fn new(enabled: bool) -> Self {
        Self { enabled, ..Self::default() }
    }

    /// When a rollout goes on; those of Serving's are its own to step.
    pub(super) fn next_step(&self) -> Option<Instant> {
        self.known.values().filter(|_| self.enabled).filter_map(|known| known.next_step).min()
    }

    /// Why the latest version of a Route or a DomainMapping is not served.
    pub(super) fn refusal(&self, key: &ObjectKey) -> Option<&Refusal> {
        self.known.get(key)?.refusal.as_ref()
    }

    /// The targets of what is served of a Route, and the state of its rollouts.
    pub(super) fn served(&self, key: &ObjectKey) -> (&[Target], Option<&Rollout>) {
        self.known.get(key).map_or((&[], None), |known| (&known.targets, known.rollout.as_ref()))
    }

    fn rename(&mut self, route: &ObjectKey, named: BTreeSet<ObjectKey>) {
        let known = self.known.entry(route.clone()).or_default();
        for gone in known.named.difference(&named) {
            if let Some(users) = self.users.get_mut(gone) {
                users.remove(route);
                if users.is_empty() {
                    self.users.remove(gone);
                }
            }
        }
        for new in named.difference(&known.named) {
            self.users.entry(new.clone()).or_default().insert(route.clone());
        }
        known.named = named;
    }

    fn forget(&mut self, route: &ObjectKey) {
        self.rename(route, BTreeSet::new());
        self.known.remove(route);
    }

    fn users_of(&self, named: &ObjectKey) -> impl Iterator<Item = &ObjectKey> {
        self.users.get(named).into_iter().flat_map(Few::iter)
    }
}

impl Engine {
    /// Serves Routes and DomainMappings from the next batch on, or leaves them to Serving again.
    pub fn serve_routes(&mut self, enabled: bool) {
        self.routes.switched |= self.routes.enabled != enabled;
        self.routes.enabled = enabled;
    }

    /// The ConfigMaps that decide about hosts.
    pub(super) fn naming(&self) -> &Naming {
        &self.namer.naming
    }

    /// Whether Routes and DomainMappings are served that nobody makes a KIngress of.
    pub(crate) fn serves_routes(&self) -> bool {
        self.routes.enabled
    }

    /// What was made here stays until Serving has written the same, or something newer: its KIngresses may be as
    /// old as its absence was long.
    fn hand_back(&mut self, switched: bool, touched: &mut Touched) {
        let rewritten = touched.ingresses.iter().filter(|key| self.store.written(key).is_some());
        let mut taken: BTreeSet<_> = rewritten.cloned().collect();
        if switched {
            let same = |key: &ObjectKey, made: &Ingress| {
                self.store.written(key).is_some_and(|(written, _)| written.spec == made.spec)
            };
            taken.extend(self.store.derived().filter(|(key, made)| same(key, made)).map(|(key, _)| key.clone()));
        }
        let gone = touched.routes.iter().filter(|key| self.store.route(key).is_none());
        let unmapped = touched.mappings.iter().filter(|key| self.store.domain_mapping(key).is_none());
        taken.extend(gone.chain(unmapped).cloned());
        for key in taken {
            self.routes.forget(&key);
            if self.store.derived_of(&key).is_some() {
                self.store.derive(&key, None, touched);
            }
        }
    }

    /// The rollout that Serving has left half done.
    fn left_rollout(&self, key: &ObjectKey) -> Option<Rollout> {
        Rollout::parse(self.store.written(key)?.0.metadata.annotations.get(ROLLOUT_ANNOTATION)?)
    }

    /// Makes anew what changed Routes and DomainMappings stand for.
    pub(super) fn refresh_routes(&mut self, touched: &mut Touched, batch: &mut Batch) {
        let switched = std::mem::take(&mut self.routes.switched);
        let renamed = self.refresh_naming(touched, batch) || switched;
        if !self.routes.enabled {
            return self.hand_back(switched, touched);
        }
        for key in self.dirty_routes(touched, renamed, batch.applied.detected) {
            self.refresh_route(&key, touched, batch);
        }
        let mut mappings = touched.mappings.clone();
        if renamed {
            mappings.extend(self.store.keys(Kind::DomainMapping).cloned());
        }
        let targets = touched.routes.iter().chain(&touched.services).cloned().collect::<Vec<_>>();
        mappings.extend(targets.iter().flat_map(|target| self.store.mappings_to(target)).cloned());
        for key in mappings {
            self.refresh_mapping(&key, touched, batch);
        }
    }

    /// The Routes that may have become something else.
    fn dirty_routes(&self, touched: &Touched, renamed: bool, now: Instant) -> BTreeSet<ObjectKey> {
        let mut dirty = touched.routes.clone();
        if renamed {
            dirty.extend(
                [Kind::Route, Kind::KnativeService].into_iter().flat_map(|kind| self.store.keys(kind)).cloned(),
            );
        }
        let named = [&touched.configurations, &touched.revisions, &touched.services, &touched.endpoints];
        for named in named.into_iter().flatten() {
            dirty.extend(self.routes.users_of(named).cloned());
            if let Some(configuration) = self.store.configuration_of(named) {
                dirty.extend(self.routes.users_of(&configuration).cloned());
            }
        }
        let due = |known: &Known| known.next_step.is_some_and(|step| step <= now);
        dirty.extend(self.routes.known.iter().filter(|(_, known)| due(known)).map(|(key, _)| key.clone()));
        dirty
    }

    fn refresh_route(&mut self, key: &ObjectKey, touched: &mut Touched, batch: &mut Batch) {
        batch.applied.affected.insert(key.clone());
        let Some((found, id, origin)) = self.store.route(key) else {
            self.routes.forget(key);
            self.store.derive(key, None, touched);
            return;
        };
        let origin = Origin { incumbent: false, ..origin.clone() };
        if let Some(foreign) = self.foreign_route(&found, &id) {
            batch.applied.notices.push(one_line(&foreign));
            self.routes.forget(key);
            self.store.derive(key, None, touched);
            return;
        }
        let targets = found.spec.traffic.iter();
        let name = |revision: &str, configuration: &str| {
            found.sibling(if revision.is_empty() { configuration } else { revision })
        };
        let named = targets.map(|target| name(&target.revision_name, &target.configuration_name)).collect();
        self.routes.rename(key, named);
        match self.compile_route(key, &found) {
            Ok(compiled) => self.settle_route(key, &found, compiled, origin, (touched, batch)),
            Err(refusal) => self.refuse(&id, &origin, refusal, batch),
        }
    }

    fn compile_route(&self, key: &ObjectKey, found: &Route) -> Result<Compiled, Refusal> {
        let none = Known::default();
        let known = self.routes.known.get(key).unwrap_or(&none);
        let left = known.rollout.is_none().then(|| self.left_rollout(key)).flatten();
        let before = Before { followed: &known.followed, rollout: known.rollout.as_ref().or(left.as_ref()) };
        let world = World { store: &self.store, naming: &self.namer.naming, class: &self.class, now: now() };
        let compiled = route::compile(found, world, before)?;
        // What is made of valid objects is valid; an odd name in them must not reach the table.
        match validate(&Object::Ingress(Arc::new(compiled.ingress.clone()))).into_iter().next() {
            None => Ok(compiled),
            Some(fault) => Err(Refusal { reason: "ErrorConfig", failed: true, fault }),
        }
    }

    fn settle_route(&mut self, key: &ObjectKey, found: &Route, compiled: Compiled, origin: Origin, both: Both<'_>) {
        let Compiled { ingress, targets, mut rollout } = compiled;
        let duration = route::duration_seconds(found, &self.namer.naming);
        if duration > 0 {
            // The first share is in effect at the end of this batch.
            rollout.observe_ready(now(), duration);
        }
        let known = self.routes.known.entry(key.clone()).or_default();
        let followed = targets.listed.iter().filter(|target| target.latest);
        known.followed =
            followed.map(|target| (target.found.configuration.clone(), target.found.revision.to_string())).collect();
        known.next_step = rollout.next_step().map(|step| Instant::now() + until(step));
        known.rollout = Some(rollout);
        known.targets = targets.listed;
        known.refusal = None;
        self.derive(key, ingress, origin, both);
    }

    /// Serves what was made, unless it is what is served.
    fn derive(&mut self, key: &ObjectKey, ingress: Ingress, origin: Origin, (touched, batch): Both<'_>) {
        if self.store.derived_of(key).is_none_or(|served| *served.ingress != ingress) {
            let ingress = Arc::new(ingress);
            let derived = Derived { ingress: Arc::clone(&ingress), origin, first: true };
            self.store.derive(key, Some(derived), touched);
            let notices = self.namer.hijacked(&self.source_of(key), &ingress);
            batch.applied.notices.extend(notices.iter().map(|notice| one_line(notice)));
        }
    }

    /// The last good version stays; what is wrong is told once.
    fn refuse(&mut self, id: &ObjectId, origin: &Origin, refusal: Refusal, batch: &mut Batch) {
        let known = self.routes.known.entry(id.key.clone()).or_default();
        if known.refusal.as_ref() != Some(&refusal) {
            batch.applied.faults.push(Fault::of(id, origin, refusal.fault.clone()));
            known.refusal = Some(refusal);
        }
    }

    fn refresh_mapping(&mut self, key: &ObjectKey, touched: &mut Touched, batch: &mut Batch) {
        batch.applied.affected.insert(key.clone());
        let Some((mapping, origin)) = self.store.domain_mapping(key) else {
            self.routes.known.remove(key);
            self.store.derive(key, None, touched);
            return;
        };
        let origin = Origin { incumbent: false, ..origin.clone() };
        match domain_mapping::compile(mapping, &self.store, &self.namer.naming, &self.class) {
            Ok(ingress) => {
                self.routes.known.remove(key);
                self.derive(key, ingress, origin, (touched, batch));
            }
            Err(refusal) => {
                let id = ObjectId { kind: Kind::DomainMapping, key: key.clone() };
                self.refuse(&id, &origin, refusal, batch);
            }
        }
    }

    /// Why a Route is not ours, if it is not.
    pub(super) fn foreign_route(&self, found: &Route, id: &ObjectId) -> Option<String> {
        let class = route::class_of(&found.metadata.annotations).filter(|&class| class != self.class)?;
        Some(format!("{} {} is left to its class {class:?}", id.kind, id.key))
    }

    /// What made a host of a Route.
    pub fn host_origin(&self, route: &ObjectKey, host: &str) -> Option<HostOrigin> {
        let (found, ..) = self.store.route(route)?;
        let tags = found.spec.traffic.iter().map(|target| target.tag.clone()).chain([String::new()]);
        Named::new(&found, &self.namer.naming).origin(host, &tags.collect::<BTreeSet<_>>(), &self.store)
    }

    /// The object that a KIngress is, or is made of.
    pub fn source_of(&self, key: &ObjectKey) -> ObjectId {
        let id = |kind| ObjectId { kind, key: key.clone() };
        if !self.store.is_derived(key) {
            return id(Kind::Ingress);
        }
        self.store.route(key).map_or_else(|| id(Kind::DomainMapping), |(_, id, _)| id)
    }
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// From now to a time since 1970.
fn until(nanoseconds: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds.saturating_sub(now())).unwrap_or(0))
}
