//! What all objects share.

use std::fmt;

use net_pingora_routing::ObjectKey;
use serde::{Deserialize, Serialize};

use super::Fields;

/// The part of `metadata` that is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMeta {
    /// `default` when the manifest names none.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// Name, unique per kind and namespace.
    pub name: String,
    /// Annotations.
    pub annotations: Fields,
    /// Labels.
    pub labels: Fields,
    /// RFC 3339 in UTC, as the API server writes it, so that text order is time order.
    pub creation_timestamp: Option<String>,
    /// Tells an object from another of the same name before or after it.
    pub uid: String,
    /// Counts the versions of `spec`; 0 where no API server counts.
    pub generation: i64,
    /// Set once the object is being deleted and waits for its finalizers.
    pub deletion_timestamp: Option<String>,
    /// Who must let go before the object is deleted.
    pub finalizers: Vec<String>,
}

impl ObjectMeta {
    /// Namespace and name.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(&self.namespace, &self.name)
    }
}

/// The namespace of a manifest that names none, as with `kubectl apply`.
fn default_namespace() -> String {
    "default".to_owned()
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
