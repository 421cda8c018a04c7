//! The KIngress, `networking.internal.knative.dev/v1alpha1` Ingress.
//!
//! Fields stand in the order of knative.dev/networking's Go types, because [`hash`] depends on it.

mod defaults;
mod hash;
mod validate;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use net_pingora_routing::{ACME_CHALLENGE, ObjectKey};
use serde::{Deserialize, Serialize};

use super::route::{MAPPING_LABEL, ROUTE_LABEL};
use super::{Fields, IntOrString, ObjectMeta};

pub use self::hash::hash;
pub(super) use self::validate::validate;

/// The annotation that says which implementation serves a KIngress.
pub const CLASS_ANNOTATION: &str = "networking.knative.dev/ingress.class";

/// `networking.internal.knative.dev/v1alpha1` Ingress
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ingress {
    /// Name, namespace and the class annotation.
    pub metadata: ObjectMeta,
    /// What to serve.
    pub spec: IngressSpec,
}

/// `spec` of a KIngress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressSpec {
    /// Certificates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls: Vec<IngressTls>,
    /// Rules; at least one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<IngressRule>,
    /// Empty, `Enabled` or `Redirected`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub http_option: String,
}

impl IngressSpec {
    /// Whether plain HTTP on an external listener is answered by a redirect to HTTPS.
    pub fn redirects(&self) -> bool {
        self.http_option == "Redirected"
    }
}

/// A certificate and the hosts it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressTls {
    /// Hosts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Name of the Secret.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub secret_name: String,
    /// Namespace of the Secret.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub secret_namespace: String,
}

/// Hosts, who may reach them, and their paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressRule {
    /// Exact hosts; none is the catch-all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// `ExternalIP` or `ClusterLocal`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub visibility: String,
    /// Paths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpRule>,
}

impl IngressRule {
    /// Whether external listeners serve the rule.
    pub fn is_public(&self) -> bool {
        self.visibility != "ClusterLocal"
    }
}

/// The paths of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRule {
    /// Paths; at least one.
    pub paths: Vec<HttpPath>,
}

/// One path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpPath {
    /// Literal prefix; empty matches all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The Host the upstream sees.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rewrite_host: String,
    /// Headers that must all match.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HeaderMatch>,
    /// Weighted backends; at least one.
    pub splits: Vec<Split>,
    /// Headers to set.
    #[serde(skip_serializing_if = "Fields::is_empty")]
    pub append_headers: Fields,
}

impl HttpPath {
    /// Whether its upstreams are spoken to in the clear, as [`net_pingora_routing::Path::is_plain`] has it.
    pub fn is_plain(&self) -> bool {
        !self.rewrite_host.is_empty() || self.path.starts_with(ACME_CHALLENGE)
    }
}

/// How a header must look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeaderMatch {
    /// The only value that matches.
    pub exact: String,
}

/// One weighted backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Split {
    /// Namespace of the Service; the Ingress's own.
    pub service_namespace: Arc<str>,
    /// Name of the Service.
    pub service_name: Arc<str>,
    /// Port of the Service, by number or name.
    pub service_port: IntOrString,
    /// Share of the requests.
    #[serde(skip_serializing_if = "is_zero")]
    pub percent: i64,
    /// Headers to set.
    #[serde(skip_serializing_if = "Fields::is_empty")]
    pub append_headers: Fields,
}

impl Split {
    /// The Service the split sends to.
    pub fn service(&self) -> ObjectKey {
        ObjectKey { namespace: Arc::clone(&self.service_namespace), name: Arc::clone(&self.service_name) }
    }
}

impl Ingress {
    /// Whether Serving has made it of a Route or of a DomainMapping.
    pub fn is_made_by_serving(&self) -> bool {
        [ROUTE_LABEL, MAPPING_LABEL].iter().any(|label| self.metadata.labels.get(label).is_some())
    }

    /// All paths with their index and that of their rule.
    pub fn paths(&self) -> impl Iterator<Item = (usize, usize, &HttpPath)> {
        self.spec.rules.iter().enumerate().flat_map(|(rule, content)| {
            let paths = content.http.iter().flat_map(|http| &http.paths).enumerate();
            paths.map(move |(index, path)| (rule, index, path))
        })
    }

    /// The Services that splits refer to.
    pub fn services(&self) -> BTreeSet<ObjectKey> {
        self.paths().flat_map(|(_, _, path)| path.splits.iter().map(Split::service)).collect()
    }

    /// The Secrets that `tls` refers to.
    pub fn secrets(&self) -> BTreeSet<ObjectKey> {
        self.spec.tls.iter().map(IngressTls::secret).collect()
    }
}

impl IngressTls {
    /// The Secret with the certificate.
    pub fn secret(&self) -> ObjectKey {
        ObjectKey::new(&self.secret_namespace, &self.secret_name)
    }
}

/// For serde, which passes a reference.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &i64) -> bool {
    *number == 0
}
