//! The objects the control plane reads, with the fields it needs and no others.

pub mod core;
mod fields;
pub mod ingress;
mod meta;
pub mod revision;
mod validate;

use std::fmt;
use std::sync::Arc;

use net_pingora_routing::ObjectKey;

pub use self::core::{ConfigMap, EndpointSlice, Endpoints, Secret, Service};
pub use self::fields::Fields;
pub use self::ingress::Ingress;
pub use self::meta::{IntOrString, ObjectMeta};
pub use self::revision::Revision;
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
}

impl Kind {
    /// The kind that manifests write as `apiVersion` and `kind`; `None` when it is not read here.
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        match (api_version, kind) {
            ("networking.internal.knative.dev/v1alpha1", "Ingress") => Some(Self::Ingress),
            ("discovery.k8s.io/v1", "EndpointSlice") => Some(Self::EndpointSlice),
            ("v1", "Service") => Some(Self::Service),
            ("v1", "Endpoints") => Some(Self::Endpoints),
            ("v1", "Secret") => Some(Self::Secret),
            ("v1", "ConfigMap") => Some(Self::ConfigMap),
            ("serving.knative.dev/v1", "Revision") => Some(Self::Revision),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
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
        }
    }

    /// Kind, namespace and name.
    pub fn id(&self) -> ObjectId {
        ObjectId { kind: self.kind(), key: self.meta().key() }
    }
}
