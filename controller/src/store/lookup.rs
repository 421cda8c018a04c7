//! What is asked of the store.

use std::sync::Arc;

use net_pingora_routing::ObjectKey;

use super::{Derived, Store, as_config_map, as_service, configuration_of, route_of};
use crate::api::{
    ClusterDomainClaim, ConfigMap, Configuration, DomainMapping, EndpointSlice, Endpoints, Ingress, Kind, Object,
    ObjectId, Revision, Route, Secret, Service,
};
use crate::fault::Origin;

impl Store {
    /// Whether a Service stands for a host that is routed here: what is sent to it is routed once more.
    pub fn is_placeholder(&self, service: &ObjectKey) -> bool {
        match self.service(service) {
            Some(found) => route_of(found).is_some_and(|route| self.ingress(&route).is_some()),
            None => self.is_derived(service),
        }
    }

    /// Whether this is what is stored already.
    pub fn holds(&self, object: &Object) -> bool {
        let ObjectId { kind, key } = object.id();
        self.get(kind, &key).is_some_and(|(stored, _)| stored == object)
    }

    /// Whether some version of the object is stored.
    pub fn has(&self, id: &ObjectId) -> bool {
        self.get(id.kind, &id.key).is_some()
    }

    /// All objects of a kind.
    pub fn keys(&self, kind: Kind) -> impl Iterator<Item = &ObjectKey> {
        self.objects[kind as usize].keys()
    }

    /// Where an object was read.
    pub(crate) fn origin(&self, id: &ObjectId) -> Origin {
        self.get(id.kind, &id.key).map(|(_, origin)| origin.clone()).unwrap_or_default()
    }

    fn get(&self, kind: Kind, key: &ObjectKey) -> Option<&(Object, Origin)> {
        self.objects[kind as usize].get(key)
    }

    pub(super) fn has_revision(&self, key: &ObjectKey) -> bool {
        self.get(Kind::Revision, key).is_some()
    }

    /// A KIngress, or what a Route or a DomainMapping makes where there is none, and where it was read.
    pub fn ingress(&self, key: &ObjectKey) -> Option<(&Arc<Ingress>, &Origin)> {
        if self.is_derived(key) {
            return self.derived.get(key).map(|derived| (&derived.ingress, &derived.origin));
        }
        self.written(key)
    }

    /// A KIngress that is an object of its own.
    pub fn written(&self, key: &ObjectKey) -> Option<(&Arc<Ingress>, &Origin)> {
        let (Object::Ingress(ingress), origin) = self.get(Kind::Ingress, key)? else { return None };
        Some((ingress, origin))
    }

    /// Whether a KIngress is made by a Route or a DomainMapping, in place of an object.
    pub fn is_derived(&self, key: &ObjectKey) -> bool {
        self.derived.get(key).is_some_and(|derived| {
            self.written(key).is_none_or(|(written, _)| derived.first && written.is_made_by_serving())
        })
    }

    /// What a Route or a DomainMapping makes, whether or not there is a KIngress of its name.
    pub fn derived_of(&self, key: &ObjectKey) -> Option<&Derived> {
        self.derived.get(key)
    }

    /// What all Routes and DomainMappings make.
    pub fn derived(&self) -> impl Iterator<Item = (&ObjectKey, &Ingress)> {
        self.derived.iter().map(|(key, derived)| (key, &*derived.ingress))
    }

    /// A Service.
    pub fn service(&self, key: &ObjectKey) -> Option<&Service> {
        as_service(&self.get(Kind::Service, key)?.0)
    }

    /// A Revision, and the private Service that selects its pods.
    pub fn revision(&self, key: &ObjectKey) -> Option<(&Revision, &ObjectKey)> {
        Some((self.revision_object(key)?, self.private_of.get(key)?))
    }

    /// A Revision, whatever there is of it besides.
    pub fn revision_object(&self, key: &ObjectKey) -> Option<&Revision> {
        let (Object::Revision(revision), _) = self.get(Kind::Revision, key)? else { return None };
        Some(revision)
    }

    /// The private Service that selects the pods of a revision.
    pub fn private_service(&self, revision: &ObjectKey) -> Option<&ObjectKey> {
        self.private_of.get(revision)
    }

    /// The Revisions of a Configuration.
    pub fn revisions_of(&self, configuration: &ObjectKey) -> impl Iterator<Item = &Revision> {
        self.revisions_of.get(configuration).filter_map(|key| self.revision_object(key))
    }

    /// The Configuration that a Revision belongs to.
    pub fn configuration_of(&self, revision: &ObjectKey) -> Option<ObjectKey> {
        configuration_of(&self.get(Kind::Revision, revision)?.0)
    }

    /// A Configuration.
    pub fn configuration(&self, key: &ObjectKey) -> Option<&Configuration> {
        let (Object::Configuration(configuration), _) = self.get(Kind::Configuration, key)? else { return None };
        Some(configuration)
    }

    /// A Route, or the one that a ksvc without one stands for, and where it was read.
    pub fn route(&self, key: &ObjectKey) -> Option<(Arc<Route>, ObjectId, &Origin)> {
        let id = |kind| ObjectId { kind, key: key.clone() };
        if let Some((Object::Route(route), origin)) = self.get(Kind::Route, key) {
            return Some((Arc::clone(route), id(Kind::Route), origin));
        }
        let (Object::KnativeService(service), origin) = self.get(Kind::KnativeService, key)? else { return None };
        Some((Arc::new(service.route()), id(Kind::KnativeService), origin))
    }

    /// The placeholder Services of a Route.
    pub fn placeholders_of(&self, route: &ObjectKey) -> impl Iterator<Item = &Service> {
        self.placeholders_of.get(route).filter_map(|key| self.service(key))
    }

    /// The DomainMappings that an object of this name serves.
    pub fn mappings_to(&self, target: &ObjectKey) -> impl Iterator<Item = &ObjectKey> {
        self.mappings_to.get(target)
    }

    /// A DomainMapping and where it was read.
    pub fn domain_mapping(&self, key: &ObjectKey) -> Option<(&DomainMapping, &Origin)> {
        let (Object::DomainMapping(mapping), origin) = self.get(Kind::DomainMapping, key)? else { return None };
        Some((mapping, origin))
    }

    /// The claim of a domain.
    pub fn claim(&self, domain: &str) -> Option<&ClusterDomainClaim> {
        let (Object::ClusterDomainClaim(claim), _) = self.get(Kind::ClusterDomainClaim, &ObjectKey::new("", domain))?
        else {
            return None;
        };
        Some(claim)
    }

    /// The Endpoints object of a Service.
    pub fn endpoints(&self, service: &ObjectKey) -> Option<&Endpoints> {
        let (Object::Endpoints(endpoints), _) = self.get(Kind::Endpoints, service)? else { return None };
        Some(endpoints)
    }

    /// The slices of a Service.
    pub fn slices(&self, service: &ObjectKey) -> impl Iterator<Item = &EndpointSlice> {
        self.slices_of.get(service).filter_map(|key| match self.get(Kind::EndpointSlice, key) {
            Some((Object::EndpointSlice(slice), _)) => Some(&**slice),
            _ => None,
        })
    }

    /// A Secret and where it was read.
    pub fn secret(&self, key: &ObjectKey) -> Option<(&Arc<Secret>, &Origin)> {
        let (Object::Secret(secret), origin) = self.get(Kind::Secret, key)? else { return None };
        Some((secret, origin))
    }

    /// A ConfigMap.
    pub fn config_map(&self, key: &ObjectKey) -> Option<&ConfigMap> {
        as_config_map(&self.get(Kind::ConfigMap, key)?.0)
    }

    /// All ConfigMaps.
    pub fn config_maps(&self) -> impl Iterator<Item = (&ObjectKey, &ConfigMap)> {
        self.objects[Kind::ConfigMap as usize].iter().filter_map(|(key, (map, _))| Some((key, as_config_map(map)?)))
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
