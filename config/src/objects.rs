//! Where the objects come from and which of them are ours.

use std::path::PathBuf;

use clap::Args;

use crate::cluster;

/// The ingress class of this gateway, as Knative's `config-network` names it.
pub const DEFAULT_CLASS: &str = "pingora.ingress.networking.knative.dev";

/// Where the objects come from.
#[derive(Args, Clone, Debug)]
pub struct SourceArgs {
    /// Folder of Kubernetes manifests: YAML or JSON, subfolders too [default: the cluster]
    ///
    /// Without it, the objects come from the cluster that KUBECONFIG names or that this pod runs
    /// in. Read are KIngress, Service, EndpointSlice, Endpoints, Secret and ConfigMap, and Knative's Route,
    /// Service, Configuration, Revision, DomainMapping and ClusterDomainClaim; other kinds are named
    /// once and skipped.
    #[arg(long, value_name = "DIR", env = "NET_PINGORA_FROM", help_heading = "Objects")]
    pub from: Option<PathBuf>,

    /// Which objects are ours.
    #[command(flatten)]
    pub objects: ObjectArgs,
}

/// Which objects are ours.
#[derive(Args, Clone, Debug)]
pub struct ObjectArgs {
    /// Ingress class: a KIngress with another `networking.knative.dev/ingress.class` is left alone
    #[arg(long, value_name = "NAME", env = "NET_PINGORA_CLASS", help_heading = "Objects",
        default_value = DEFAULT_CLASS)]
    pub class: String,

    /// Full DNS name of our own internal Service
    /// [default: net-pingora-internal.$SYSTEM_NAMESPACE.svc.$CLUSTER_DOMAIN]
    ///
    /// An ExternalName Service that points at it is routed once more inside the process instead
    /// of over the network. DomainMapping works that way.
    #[arg(long, value_name = "HOST", env = "NET_PINGORA_INTERNAL_SERVICE", help_heading = "Objects")]
    pub internal_service: Option<String>,
}

impl ObjectArgs {
    /// Full DNS name of our own internal Service.
    pub fn internal_service(&self) -> String {
        self.internal_service.clone().unwrap_or_else(|| cluster::service("net-pingora-internal"))
    }
}

impl Default for ObjectArgs {
    fn default() -> Self {
        Self { class: DEFAULT_CLASS.to_owned(), internal_service: None }
    }
}
