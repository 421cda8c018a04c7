//! The objects the control plane reads, with the fields it needs and no others.

pub mod condition;
pub mod core;
pub mod domain_mapping;
mod fields;
pub mod ingress;
mod meta;
pub mod revision;
pub mod route;
mod validate;

use std::fmt;
use std::sync::Arc;

use net_pingora_routing::ObjectKey;

pub use self::core::{ConfigMap, EndpointSlice, Endpoints, Secret, Service};
pub use self::domain_mapping::{ClusterDomainClaim, DomainMapping};
pub use self::fields::Fields;
pub use self::ingress::Ingress;
pub use self::meta::{IntOrString, ObjectMeta};
pub use self::revision::Revision;
pub use self::route::{Configuration, KnativeService, Route};
pub use self::validate::{FieldFault, validate};

/// The kinds the control plane reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `networking.internal.knative.dev/v1alpha1` Ingress, the KIngress.
    Ingress,
    /// `v1` Service
    Service,
    /// `discovery.k8s.io/v1` EndpointSlice
    EndpointSlice,
    /// `v1` Endpoints
    Endpoints,
    /// `v1` Secret
    Secret,
    /// `v1` ConfigMap
    ConfigMap,
    /// `serving.knative.dev/v1` Revision
    Revision,
    /// `serving.knative.dev/v1` Configuration
    Configuration,
    /// `serving.knative.dev/v1` Route
    Route,
    /// `serving.knative.dev/v1` Service, the ksvc.
    KnativeService,
    /// `serving.knative.dev/v1beta1` DomainMapping
    DomainMapping,
    /// `networking.internal.knative.dev/v1alpha1` ClusterDomainClaim; its namespace is empty.
    ClusterDomainClaim,
}

impl Kind {
    /// How many kinds there are.
    pub const COUNT: usize = Self::ClusterDomainClaim as usize + 1;

    /// Whether its objects are in no namespace.
    pub fn is_cluster_scoped(self) -> bool {
        self == Self::ClusterDomainClaim
    }

    /// The kind that manifests write as `apiVersion` and `kind`; `None` when it is not read here.
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        match (api_version, kind) {
            ("networking.internal.knative.dev/v1alpha1", "Ingress") => Some(Self::Ingress),
            ("discovery.k8s.io/v1", "EndpointSlice") => Some(Self::EndpointSlice),
            ("v1", "Service") => Some(Self::Service),
            ("v1", "Endpoints") => Some(Self::Endpoints),
            ("v1", "Secret") => Some(Self::Secret),
            ("v1", "ConfigMap") => Some(Self::ConfigMap),
            (version, kind) if version.starts_with("serving.knative.dev/v1") && kind != "DomainMapping" => match kind {
                "Revision" => Some(Self::Revision),
                "Configuration" => Some(Self::Configuration),
                "Route" => Some(Self::Route),
                "Service" => Some(Self::KnativeService),
                _ => None,
            },
            ("serving.knative.dev/v1beta1", "DomainMapping") => Some(Self::DomainMapping),
            ("networking.internal.knative.dev/v1alpha1", "ClusterDomainClaim") => Some(Self::ClusterDomainClaim),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KnativeService => f.write_str("ksvc"),
            other => fmt::Debug::fmt(other, f),
        }
    }
}

/// What tells one object from all others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace and name.
    pub key: ObjectKey,
}

/// One object of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// A KIngress.
    Ingress(Arc<Ingress>),
    /// A Service.
    Service(Arc<Service>),
    /// An EndpointSlice.
    EndpointSlice(Arc<EndpointSlice>),
    /// An Endpoints object.
    Endpoints(Arc<Endpoints>),
    /// A Secret.
    Secret(Arc<Secret>),
    /// A ConfigMap.
    ConfigMap(Arc<ConfigMap>),
    /// A Revision.
    Revision(Arc<Revision>),
    /// A Configuration.
    Configuration(Arc<Configuration>),
    /// A Route.
    Route(Arc<Route>),
    /// A ksvc.
    KnativeService(Arc<KnativeService>),
    /// A DomainMapping.
    DomainMapping(Arc<DomainMapping>),
    /// A ClusterDomainClaim.
    ClusterDomainClaim(Arc<ClusterDomainClaim>),
}

/// The object of this kind and key.
pub(crate) fn id(kind: Kind, key: &ObjectKey) -> ObjectId {
    ObjectId { kind, key: key.clone() }
}

impl Object {
    /// The object's kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Ingress(_) => Kind::Ingress,
            Self::Service(_) => Kind::Service,
            Self::EndpointSlice(_) => Kind::EndpointSlice,
            Self::Endpoints(_) => Kind::Endpoints,
            Self::Secret(_) => Kind::Secret,
            Self::ConfigMap(_) => Kind::ConfigMap,
            Self::Revision(_) => Kind::Revision,
            Self::Configuration(_) => Kind::Configuration,
            Self::Route(_) => Kind::Route,
            Self::KnativeService(_) => Kind::KnativeService,
            Self::DomainMapping(_) => Kind::DomainMapping,
            Self::ClusterDomainClaim(_) => Kind::ClusterDomainClaim,
        }
    }

    /// The object's metadata.
    pub fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Ingress(object) => &object.metadata,
            Self::Service(object) => &object.metadata,
            Self::EndpointSlice(object) => &object.metadata,
            Self::Endpoints(object) => &object.metadata,
            Self::Secret(object) => &object.metadata,
            Self::ConfigMap(object) => &object.metadata,
            Self::Revision(object) => &object.metadata,
            Self::Configuration(object) => &object.metadata,
            Self::Route(object) => &object.metadata,
            Self::KnativeService(object) => &object.metadata,
            Self::DomainMapping(object) => &object.metadata,
            Self::ClusterDomainClaim(object) => &object.metadata,
        }
    }

    /// Kind, namespace and name.
    pub fn id(&self) -> ObjectId {
        let key = match self {
            Self::ClusterDomainClaim(claim) => ObjectKey::new("", &claim.metadata.name),
            _ => self.meta().key(),
        };
        ObjectId { kind: self.kind(), key }
    }
}
