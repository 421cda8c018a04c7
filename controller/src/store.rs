//! The latest version of every object, with the indices that tell what a change touches.

mod index;
mod lookup;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use net_pingora_routing::ObjectKey;

use self::index::Index;
use crate::api::core::SERVICE_NAME_LABEL;
use crate::api::revision::CONFIGURATION_LABEL;
use crate::api::route::ROUTE_LABEL;
use crate::api::{ConfigMap, FieldFault, Ingress, Kind, Object, ObjectId, ObjectMeta, Service};
use crate::fault::Origin;

/// One step of a change.
#[derive(Clone, Debug, PartialEq)]
pub enum ObjectChange {
    /// The object is new or has a new version, read here.
    Apply(Object, Origin),
    /// The object has a new version that cannot be read, and this is why; the last good one stays.
    Unreadable(ObjectId, FieldFault),
    /// The object is gone.
    Remove(ObjectId),
}

impl ObjectChange {
    /// Which object changes.
    pub fn id(&self) -> ObjectId {
        match self {
            Self::Apply(object, _) => object.id(),
            Self::Unreadable(id, _) | Self::Remove(id) => id.clone(),
        }
    }
}

/// What a batch of changes touches.
#[derive(Debug, Default)]
pub struct Touched {
    /// KIngress objects that changed.
    pub ingresses: BTreeSet<ObjectKey>,
    /// Services that changed themselves.
    pub services: BTreeSet<ObjectKey>,
    /// Services whose endpoints changed.
    pub endpoints: BTreeSet<ObjectKey>,
    /// Revisions that changed, or their public Services.
    pub revisions: BTreeSet<ObjectKey>,
    /// Secrets that changed.
    pub secrets: BTreeSet<ObjectKey>,
    /// ConfigMaps that changed.
    pub config_maps: BTreeSet<ObjectKey>,
    /// Configurations that changed, or a Revision of theirs.
    pub configurations: BTreeSet<ObjectKey>,
    /// Routes that changed, their ksvc, or a placeholder Service of theirs.
    pub routes: BTreeSet<ObjectKey>,
    /// DomainMappings that changed, or the claim of their domain.
    pub mappings: BTreeSet<ObjectKey>,
}

/// Objects of one kind.
type Objects = HashMap<ObjectKey, (Object, Origin)>;

/// What a Route or a DomainMapping makes.
#[derive(Clone, Debug)]
pub struct Derived {
    /// As if it were an object.
    pub ingress: Arc<Ingress>,
    /// Where the Route or the DomainMapping was read.
    pub origin: Origin,
    /// Whether it goes before the KIngress that Serving has made.
    pub first: bool,
}

/// All objects, by kind and key.
#[derive(Debug, Default)]
pub struct Store {
    objects: [Objects; Kind::COUNT],
    /// What Routes and DomainMappings without a KIngress of their own make.
    derived: HashMap<ObjectKey, Derived>,
    private_of: HashMap<ObjectKey, ObjectKey>,
    slices_of: Index,
    revisions_of: Index,
    placeholders_of: Index,
    mappings_to: Index,
    ingresses_of_service: Index,
    ingresses_of_secret: Index,
}

impl Store {
    /// Applies one change and adds what it touches.
    pub fn apply(&mut self, change: ObjectChange, touched: &mut Touched) {
        match change {
            ObjectChange::Apply(object, origin) => {
                let id = object.id();
                self.replace(&id, Some((object, origin)), touched);
            }
            ObjectChange::Unreadable(..) => {}
            ObjectChange::Remove(id) => self.replace(&id, None, touched),
        }
    }

    /// What a Route or a DomainMapping makes from now on; a KIngress that somebody has written goes first.
    pub fn derive(&mut self, key: &ObjectKey, derived: Option<Derived>, touched: &mut Touched) {
        let old = self.ingress(key).map(|(old, _)| Arc::clone(old));
        match derived {
            Some(new) => drop(self.derived.insert(key.clone(), new)),
            None => drop(self.derived.remove(key)),
        }
        self.settle_ingress(key, old.as_deref(), touched);
    }

    /// Stores a version, or none, and keeps what is looked up by something else than the key.
    fn replace(&mut self, id: &ObjectId, new: Option<(Object, Origin)>, touched: &mut Touched) {
        let key = &id.key;
        let served = (id.kind == Kind::Ingress).then(|| self.ingress(key).map(|(old, _)| Arc::clone(old))).flatten();
        let objects = &mut self.objects[id.kind as usize];
        let newer = new.as_ref().map(|(object, _)| object.clone());
        let old = match new {
            Some(new) => objects.insert(key.clone(), new),
            None => objects.remove(key),
        };
        let (old, new) = (old.as_ref().map(|(object, _)| object), newer.as_ref());
        if old.is_none() && new.is_none() {
            return;
        }
        match id.kind {
            Kind::Ingress => self.settle_ingress(key, served.as_deref(), touched),
            Kind::Service => {
                self.index_service(key, old.and_then(as_service), new.and_then(as_service), touched);
                touched.services.insert(key.clone());
            }
            Kind::EndpointSlice => {
                self.index_slice(key, old.and_then(service_of), new.and_then(service_of), touched);
            }
            Kind::Endpoints => drop(touched.endpoints.insert(key.clone())),
            Kind::Secret => drop(touched.secrets.insert(key.clone())),
            Kind::ConfigMap => drop(touched.config_maps.insert(key.clone())),
            Kind::Revision => {
                let (old, new) = (old.and_then(configuration_of), new.and_then(configuration_of));
                touched.configurations.extend(old.iter().chain(&new).cloned());
                self.revisions_of.change(key, old, new);
                touched.revisions.insert(key.clone());
                touched.endpoints.insert(key.clone());
            }
            Kind::Configuration => drop(touched.configurations.insert(key.clone())),
            Kind::Route | Kind::KnativeService => drop(touched.routes.insert(key.clone())),
            Kind::DomainMapping => {
                self.mappings_to.change(key, old.and_then(target_of), new.and_then(target_of));
                touched.mappings.insert(key.clone());
            }
            Kind::ClusterDomainClaim => touched.mappings.extend(self.mappings_of(&key.name)),
        }
    }

    /// Takes note of what a KIngress refers to, now that it changed.
    fn settle_ingress(&mut self, key: &ObjectKey, old: Option<&Ingress>, touched: &mut Touched) {
        let new = self.ingress(key).map(|(new, _)| Arc::clone(new));
        self.index_ingress(key, old, new.as_deref());
        touched.ingresses.insert(key.clone());
        if old.is_some() != new.is_some() {
            // Their requests are routed again in-process, or no more.
            touched.services.insert(key.clone());
            touched.services.extend(self.placeholders_of.get(key).cloned());
        }
    }

    fn mappings_of(&self, domain: &str) -> Vec<ObjectKey> {
        self.keys(Kind::DomainMapping).filter(|key| *key.name == *domain).cloned().collect()
    }

    fn index_ingress(&mut self, key: &ObjectKey, old: Option<&Ingress>, new: Option<&Ingress>) {
        let services = |ingress: Option<&Ingress>| ingress.map(Ingress::services).unwrap_or_default();
        let secrets = |ingress: Option<&Ingress>| ingress.map(Ingress::secrets).unwrap_or_default();
        self.ingresses_of_service.change(key, services(old), services(new));
        self.ingresses_of_secret.change(key, secrets(old), secrets(new));
    }

    fn index_slice(&mut self, key: &ObjectKey, old: Option<ObjectKey>, new: Option<ObjectKey>, touched: &mut Touched) {
        let revision = |service: &ObjectKey| self.service(service).and_then(Service::revision);
        touched.endpoints.extend(old.iter().chain(&new).filter_map(revision));
        touched.endpoints.extend(old.iter().chain(&new).cloned());
        self.slices_of.change(key, old, new);
    }

    /// A revision's public Service has its name, and resolves to what its private one selects.
    fn index_service(&mut self, key: &ObjectKey, old: Option<&Service>, new: Option<&Service>, touched: &mut Touched) {
        if self.has_revision(key) {
            touched.revisions.insert(key.clone());
        }
        let (route, next_route) = (old.and_then(route_of), new.and_then(route_of));
        touched.routes.extend(route.iter().chain(&next_route).cloned());
        self.placeholders_of.change(key, route, next_route);
        let (old, new) = (old.and_then(Service::revision), new.and_then(Service::revision));
        touched.endpoints.extend(old.iter().chain(&new).filter(|key| self.has_revision(key)).cloned());
        if let Some(old) = old.filter(|old| self.private_of.get(old) == Some(key)) {
            self.private_of.remove(&old);
        }
        if let Some(new) = new {
            self.private_of.insert(new, key.clone());
        }
    }
}

fn as_service(object: &Object) -> Option<&Service> {
    let Object::Service(service) = object else { return None };
    Some(service)
}

fn as_config_map(object: &Object) -> Option<&ConfigMap> {
    let Object::ConfigMap(map) = object else { return None };
    Some(map)
}

/// The Service a slice belongs to.
fn service_of(slice: &Object) -> Option<ObjectKey> {
    labelled(slice.meta(), SERVICE_NAME_LABEL)
}

/// The Configuration a Revision belongs to.
fn configuration_of(revision: &Object) -> Option<ObjectKey> {
    labelled(revision.meta(), CONFIGURATION_LABEL)
}

/// The object that serves a DomainMapping.
fn target_of(mapping: &Object) -> Option<ObjectKey> {
    let Object::DomainMapping(mapping) = mapping else { return None };
    Some(ObjectKey::new(&mapping.metadata.namespace, &mapping.spec.reference.name))
}

/// The Route a placeholder Service belongs to.
fn route_of(service: &Service) -> Option<ObjectKey> {
    labelled(&service.metadata, ROUTE_LABEL)
}

/// The object of the same namespace that a label names.
fn labelled(metadata: &ObjectMeta, label: &str) -> Option<ObjectKey> {
    Some(ObjectKey { namespace: Arc::clone(&metadata.namespace), name: metadata.labels.get(label)?.into() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(name: &str, service: &str) -> ObjectChange {
        let value = json!({"metadata": {"name": name, "labels": {SERVICE_NAME_LABEL: service}}});
        ObjectChange::Apply(Object::EndpointSlice(Arc::new(serde_json::from_value(value).unwrap())), Origin::default())
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("default", name)
    }

    #[test]
    fn a_slice_touches_the_service_it_leaves_and_the_one_it_joins() {
        let mut store = Store::default();
        for (change, wanted) in [
            (slice("s", "a"), vec![key("a")]),
            (slice("s", "b"), vec![key("a"), key("b")]),
            (ObjectChange::Remove(ObjectId { kind: Kind::EndpointSlice, key: key("s") }), vec![key("b")]),
        ] {
            let mut touched = Touched::default();
            store.apply(change, &mut touched);
            assert_eq!(touched.endpoints.into_iter().collect::<Vec<_>>(), wanted);
        }
        assert_eq!(store.slices(&key("a")).count() + store.slices(&key("b")).count(), 0);
        assert!(store.slices_of.is_empty());
    }

    #[test]
    fn a_service_knows_the_ingresses_that_name_it() {
        let ingress = |service: &str| {
            let split = json!({"serviceNamespace": "default", "serviceName": service});
            let value =
                json!({"metadata": {"name": "i"}, "spec": {"rules": [{"http": {"paths": [{"splits": [split]}]}}]}});
            ObjectChange::Apply(Object::Ingress(Arc::new(serde_json::from_value(value).unwrap())), Origin::default())
        };
        let mut store = Store::default();
        let names = |store: &Store, service| store.ingresses_of_service(&key(service)).cloned().collect::<Vec<_>>();
        store.apply(ingress("a"), &mut Touched::default());
        assert_eq!((names(&store, "a"), names(&store, "b")), (vec![key("i")], vec![]));
        store.apply(ingress("b"), &mut Touched::default());
        assert_eq!((names(&store, "a"), names(&store, "b")), (vec![], vec![key("i")]));
    }

    #[test]
    fn removing_what_is_not_there_touches_nothing() {
        let mut touched = Touched::default();
        for kind in [Kind::Ingress, Kind::Service, Kind::EndpointSlice, Kind::Endpoints, Kind::Secret, Kind::ConfigMap]
        {
            Store::default().apply(ObjectChange::Remove(ObjectId { kind, key: key("x") }), &mut touched);
        }
        assert!(touched.ingresses.is_empty() && touched.services.is_empty());
        assert!(touched.endpoints.is_empty() && touched.secrets.is_empty());
    }
}
