//! The kinds of core Kubernetes that a KIngress refers to.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use net_pingora_routing::ObjectKey;
use serde::Deserialize;

use super::{IntOrString, ObjectMeta};

/// The label that ties an EndpointSlice to its Service.
pub const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";

/// The label that tells which of the two Services of a revision one is.
pub const SERVICE_TYPE_LABEL: &str = "networking.internal.knative.dev/serviceType";

/// The label with the name of the revision that a Service belongs to.
pub const REVISION_LABEL: &str = "serving.knative.dev/revision";

/// `v1` Service
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// Name, namespace and so on.
    pub metadata: ObjectMeta,
    /// What it offers.
    pub spec: ServiceSpec,
    /// What a load balancer has given it.
    pub status: ServiceStatus,
}

/// `status` of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceStatus {
    /// Where clients outside reach it.
    pub load_balancer: LoadBalancer,
}

/// Where clients outside reach a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancer {
    /// One for each address.
    pub ingress: Vec<LoadBalancerIngress>,
}

/// One address of a load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancerIngress {
    /// Its IP address; empty if it has a name only.
    pub ip: String,
}

impl Service {
    /// The IP addresses that a load balancer has given it.
    pub fn load_balancer_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.status.load_balancer.ingress.iter().filter_map(|ingress| ingress.ip.parse().ok())
    }

    /// The revision whose pods it selects, if it is the private Service of one.
    pub fn revision(&self) -> Option<ObjectKey> {
        let labels = &self.metadata.labels;
        labels.get(SERVICE_TYPE_LABEL).filter(|&kind| kind == "Private")?;
        Some(ObjectKey { namespace: Arc::clone(&self.metadata.namespace), name: labels.get(REVISION_LABEL)?.into() })
    }
}

/// `spec` of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// `ClusterIP` when empty; only `ExternalName` is treated otherwise.
    #[serde(rename = "type")]
    pub kind: String,
    /// The DNS name behind an `ExternalName` Service.
    pub external_name: String,
    /// Ports.
    pub ports: Vec<ServicePort>,
}

impl ServiceSpec {
    /// Whether the Service stands for a DNS name instead of endpoints.
    pub fn is_external_name(&self) -> bool {
        self.kind == "ExternalName"
    }
}

/// One port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort {
    /// Name; empty when there is only one port.
    pub name: String,
    /// Number that splits refer to.
    pub port: i64,
    /// Port of the endpoints; equal to `port` when absent.
    pub target_port: Option<IntOrString>,
    /// `kubernetes.io/h2c` asks for HTTP/2 without TLS.
    pub app_protocol: Option<String>,
}

/// `discovery.k8s.io/v1` EndpointSlice
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointSlice {
    /// Name, namespace and the label with the Service's name.
    pub metadata: ObjectMeta,
    /// `IPv4`, `IPv6` or `FQDN`; the last is ignored.
    pub address_type: String,
    /// Endpoints.
    pub endpoints: Vec<Endpoint>,
    /// Ports that all endpoints of the slice serve.
    pub ports: Vec<EndpointPort>,
}

/// One endpoint of an EndpointSlice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoint {
    /// IP addresses.
    pub addresses: Vec<String>,
    /// State.
    pub conditions: EndpointConditions,
    /// The pod behind it.
    pub target_ref: Option<TargetRef>,
}

/// What an endpoint stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TargetRef {
    /// Name of the pod.
    pub name: String,
}

/// State of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointConditions {
    /// Whether it takes requests; absent counts as yes.
    pub ready: Option<bool>,
    /// Whether it is about to go.
    pub terminating: Option<bool>,
}

/// One port of an EndpointSlice or an Endpoints subset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointPort {
    /// Equal to the Service port's name; absent counts as empty.
    pub name: Option<String>,
    /// Number to connect to.
    pub port: Option<i64>,
}

/// `v1` Endpoints
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoints {
    /// Name and namespace of the Service.
    pub metadata: ObjectMeta,
    /// Groups of addresses with the same ports.
    pub subsets: Vec<EndpointSubset>,
}

/// Addresses with the same ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointSubset {
    /// Ready addresses.
    pub addresses: Vec<EndpointAddress>,
    /// Ports.
    pub ports: Vec<EndpointPort>,
}

/// One address of an Endpoints subset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointAddress {
    /// IP address.
    pub ip: String,
}

/// `v1` Secret. Not `Debug` beyond its name, so that no log can show it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Secret {
    /// Name and namespace.
    pub metadata: ObjectMeta,
    /// Values in base64.
    pub data: BTreeMap<String, String>,
    /// Values as text; they go before `data`.
    pub string_data: BTreeMap<String, String>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("metadata", &self.metadata).finish_non_exhaustive()
    }
}

/// `v1` ConfigMap
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigMap {
    /// Name and namespace.
    pub metadata: ObjectMeta,
    /// Values.
    pub data: BTreeMap<String, String>,
}
