//! What all objects share.

use std::fmt;
use std::sync::Arc;

use net_pingora_routing::ObjectKey;
use serde::{Deserialize, Serialize};

use super::Fields;

/// The part of `metadata` that is read; what is also kept elsewhere is shared with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMeta {
    /// `default` when the manifest names none.
    #[serde(default = "default_namespace")]
    pub namespace: Arc<str>,
    /// Name, unique per kind and namespace.
    pub name: Arc<str>,
    /// Annotations.
    pub annotations: Fields,
    /// Labels.
    pub labels: Fields,
    /// RFC 3339 in UTC, as the API server writes it, so that text order is time order.
    pub creation_timestamp: Option<Arc<str>>,
    /// Tells an object from another of the same name before or after it.
    pub uid: Arc<str>,
    /// Counts the versions of `spec`; 0 where no API server counts.
    pub generation: i64,
}

impl ObjectMeta {
    /// Namespace and name.
    pub fn key(&self) -> ObjectKey {
        ObjectKey { namespace: Arc::clone(&self.namespace), name: Arc::clone(&self.name) }
    }
}

/// The namespace of a manifest that names none, as with `kubectl apply`.
fn default_namespace() -> Arc<str> {
    "default".into()
}

/// Kubernetes' `IntOrString`: a port by number or by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a port number or a port name")]
pub enum IntOrString {
    /// A number.
    Number(i64),
    /// A name.
    Text(String),
}

impl Default for IntOrString {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl fmt::Display for IntOrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}
