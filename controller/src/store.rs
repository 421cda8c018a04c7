//! The latest version of every object, with the indices that tell what a change touches.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use net_pingora_routing::ObjectKey;

use crate::api::core::SERVICE_NAME_LABEL;
use crate::api::{
    ConfigMap, EndpointSlice, Endpoints, FieldFault, Ingress, Kind, Object, ObjectId, Revision, Secret, Service,
};
use crate::fault::Origin;
use crate::few::Few;

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
}

/// Objects of one kind.
type Objects<T> = HashMap<ObjectKey, (Arc<T>, Origin)>;

/// All objects, by kind and key.
#[derive(Debug, Default)]
pub struct Store {
    ingresses: Objects<Ingress>,
    services: Objects<Service>,
    slices: Objects<EndpointSlice>,
    endpoints: Objects<Endpoints>,
    secrets: Objects<Secret>,
    config_maps: Objects<ConfigMap>,
    revisions: Objects<Revision>,
    private_of: HashMap<ObjectKey, ObjectKey>,
    slices_of: Index,
    ingresses_of_service: Index,
    ingresses_of_secret: Index,
}

impl Store {
    /// Applies one change and adds what it touches.
    pub fn apply(&mut self, change: ObjectChange, touched: &mut Touched) {
        match change {
            ObjectChange::Apply(object, origin) => self.put(object, origin, touched),
            ObjectChange::Unreadable(..) => {}
            ObjectChange::Remove(id) => self.remove(&id, touched),
        }
    }

    fn put(&mut self, object: Object, origin: Origin, touched: &mut Touched) {
        let key = object.meta().key();
        match object {
            Object::Ingress(new) => {
                let old = self.ingresses.insert(key.clone(), (Arc::clone(&new), origin));
                self.index_ingress(&key, old.as_ref().map(|(old, _)| &**old), Some(&new));
                touched.ingresses.insert(key);
            }
            Object::Service(new) => {
                let old = self.services.insert(key.clone(), (Arc::clone(&new), origin));
                self.index_service(&key, old.as_ref().map(|(old, _)| &**old), Some(&new), touched);
                touched.services.insert(key);
            }
            Object::EndpointSlice(new) => {
                let old = self.slices.insert(key.clone(), (Arc::clone(&new), origin));
                self.index_slice(&key, old.as_ref().map(|(old, _)| &**old), Some(&new), touched);
            }
            Object::Endpoints(new) => {
                self.endpoints.insert(key.clone(), (new, origin));
                touched.endpoints.insert(key);
            }
            Object::Secret(new) => {
                self.secrets.insert(key.clone(), (new, origin));
                touched.secrets.insert(key);
            }
            Object::ConfigMap(new) => {
                self.config_maps.insert(key.clone(), (new, origin));
                touched.config_maps.insert(key);
            }
            Object::Revision(new) => {
                self.revisions.insert(key.clone(), (new, origin));
                touched.revisions.insert(key.clone());
                touched.endpoints.insert(key);
            }
        }
    }

    fn remove(&mut self, id: &ObjectId, touched: &mut Touched) {
        let key = &id.key;
        match id.kind {
            Kind::Ingress => {
                if let Some((old, _)) = self.ingresses.remove(key) {
                    self.index_ingress(key, Some(&old), None);
                    touched.ingresses.insert(key.clone());
                }
            }
            Kind::Service => {
                if let Some((old, _)) = self.services.remove(key) {
                    self.index_service(key, Some(&old), None, touched);
                    touched.services.insert(key.clone());
                }
            }
            Kind::EndpointSlice => {
                if let Some((old, _)) = self.slices.remove(key) {
                    self.index_slice(key, Some(&old), None, touched);
                }
            }
            Kind::Endpoints => touched.endpoints.extend(self.endpoints.remove(key).map(|_| key.clone())),
            Kind::Secret => touched.secrets.extend(self.secrets.remove(key).map(|_| key.clone())),
            Kind::ConfigMap => touched.config_maps.extend(self.config_maps.remove(key).map(|_| key.clone())),
            Kind::Revision => {
                if self.revisions.remove(key).is_some() {
                    touched.revisions.insert(key.clone());
                    touched.endpoints.insert(key.clone());
                }
            }
        }
    }

    fn index_ingress(&mut self, key: &ObjectKey, old: Option<&Ingress>, new: Option<&Ingress>) {
        let services = |ingress: Option<&Ingress>| ingress.map(Ingress::services).unwrap_or_default();
        let secrets = |ingress: Option<&Ingress>| ingress.map(Ingress::secrets).unwrap_or_default();
        self.ingresses_of_service.change(key, services(old), services(new));
        self.ingresses_of_secret.change(key, secrets(old), secrets(new));
    }

    fn index_slice(
        &mut self,
        key: &ObjectKey,
        old: Option<&EndpointSlice>,
        new: Option<&EndpointSlice>,
        touched: &mut Touched,
    ) {
        let (old, new) = (old.and_then(service_of), new.and_then(service_of));
        let revision = |service: &ObjectKey| self.service(service).and_then(Service::revision);
        let held = |revision: &ObjectKey| self.revisions.contains_key(revision);
        touched.endpoints.extend(old.iter().chain(&new).filter_map(revision).filter(held));
        touched.endpoints.extend(old.iter().chain(&new).cloned());
        self.slices_of.change(key, old, new);
    }

    /// A revision's public Service has its name, and resolves to what its private one selects.
    fn index_service(&mut self, key: &ObjectKey, old: Option<&Service>, new: Option<&Service>, touched: &mut Touched) {
        if self.revisions.contains_key(key) {
            touched.revisions.insert(key.clone());
        }
        let (old, new) = (old.and_then(Service::revision), new.and_then(Service::revision));
        touched.endpoints.extend(old.iter().chain(&new).filter(|key| self.revisions.contains_key(key)).cloned());
        if let Some(old) = old.filter(|old| self.private_of.get(old) == Some(key)) {
            self.private_of.remove(&old);
        }
        if let Some(new) = new {
            self.private_of.insert(new, key.clone());
        }
    }

    /// Whether this is what is stored already.
    pub fn holds(&self, object: &Object) -> bool {
        fn same<T: PartialEq>(objects: &Objects<T>, key: &ObjectKey, object: &Arc<T>) -> bool {
            objects.get(key).is_some_and(|(stored, _)| stored == object)
        }
        let key = &object.meta().key();
        match object {
            Object::Ingress(object) => same(&self.ingresses, key, object),
            Object::Service(object) => same(&self.services, key, object),
            Object::EndpointSlice(object) => same(&self.slices, key, object),
            Object::Endpoints(object) => same(&self.endpoints, key, object),
            Object::Secret(object) => same(&self.secrets, key, object),
            Object::ConfigMap(object) => same(&self.config_maps, key, object),
            Object::Revision(object) => same(&self.revisions, key, object),
        }
    }

    /// Whether some version of the object is stored.
    pub fn has(&self, id: &ObjectId) -> bool {
        let key = &id.key;
        match id.kind {
            Kind::Ingress => self.ingresses.contains_key(key),
            Kind::Service => self.services.contains_key(key),
            Kind::EndpointSlice => self.slices.contains_key(key),
            Kind::Endpoints => self.endpoints.contains_key(key),
            Kind::Secret => self.secrets.contains_key(key),
            Kind::ConfigMap => self.config_maps.contains_key(key),
            Kind::Revision => self.revisions.contains_key(key),
        }
    }

    /// All objects of a kind.
    pub fn keys(&self, kind: Kind) -> Box<dyn Iterator<Item = &ObjectKey> + '_> {
        match kind {
            Kind::Ingress => Box::new(self.ingresses.keys()),
            Kind::Service => Box::new(self.services.keys()),
            Kind::EndpointSlice => Box::new(self.slices.keys()),
            Kind::Endpoints => Box::new(self.endpoints.keys()),
            Kind::Secret => Box::new(self.secrets.keys()),
            Kind::ConfigMap => Box::new(self.config_maps.keys()),
            Kind::Revision => Box::new(self.revisions.keys()),
        }
    }

    /// A KIngress and where it was read.
    pub fn ingress(&self, key: &ObjectKey) -> Option<&(Arc<Ingress>, Origin)> {
        self.ingresses.get(key)
    }

    /// A Service.
    pub fn service(&self, key: &ObjectKey) -> Option<&Service> {
        self.services.get(key).map(|(service, _)| &**service)
    }

    /// A Revision, and the private Service that selects its pods.
    pub fn revision(&self, key: &ObjectKey) -> Option<(&Revision, &ObjectKey)> {
        let (revision, _) = self.revisions.get(key)?;
        Some((revision, self.private_of.get(key)?))
    }

    /// The Endpoints object of a Service.
    pub fn endpoints(&self, service: &ObjectKey) -> Option<&Endpoints> {
        self.endpoints.get(service).map(|(endpoints, _)| &**endpoints)
    }

    /// The slices of a Service.
    pub fn slices(&self, service: &ObjectKey) -> impl Iterator<Item = &EndpointSlice> {
        self.slices_of.get(service).filter_map(|key| self.slices.get(key)).map(|(slice, _)| &**slice)
    }

    /// A Secret and where it was read.
    pub fn secret(&self, key: &ObjectKey) -> Option<&(Arc<Secret>, Origin)> {
        self.secrets.get(key)
    }

    /// A ConfigMap.
    pub fn config_map(&self, key: &ObjectKey) -> Option<&ConfigMap> {
        self.config_maps.get(key).map(|(map, _)| &**map)
    }

    /// All ConfigMaps.
    pub fn config_maps(&self) -> impl Iterator<Item = (&ObjectKey, &ConfigMap)> {
        self.config_maps.iter().map(|(key, (map, _))| (key, &**map))
    }

    /// The KIngress objects whose splits name a Service.
    pub fn ingresses_of_service(&self, service: &ObjectKey) -> impl Iterator<Item = &ObjectKey> {
        self.ingresses_of_service.get(service)
    }

    /// The KIngress objects whose `tls` names a Secret.
    pub fn ingresses_of_secret(&self, secret: &ObjectKey) -> impl Iterator<Item = &ObjectKey> {
        self.ingresses_of_secret.get(secret)
    }
}

/// The Service a slice belongs to.
fn service_of(slice: &EndpointSlice) -> Option<ObjectKey> {
    let name = slice.metadata.labels.get(SERVICE_NAME_LABEL)?.into();
    Some(ObjectKey { namespace: Arc::clone(&slice.metadata.namespace), name })
}

/// From what is referred to, to what refers to it.
#[derive(Debug, Default)]
struct Index(HashMap<ObjectKey, Few<ObjectKey>>);

impl Index {
    fn change(
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

    fn get(&self, to: &ObjectKey) -> impl Iterator<Item = &ObjectKey> {
        self.0.get(to).into_iter().flat_map(Few::iter)
    }
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
        assert!(store.slices_of.0.is_empty());
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
