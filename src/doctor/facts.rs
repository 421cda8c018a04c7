//! Everything the checks judge by, read at once.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;

use super::address::{self, LoadBalancers};
use super::gateway::{LABEL, NAME};
use super::ingresses::{self, Ingress};
use super::reader::{Read, Reader};
use super::{class, domain};

/// Where K3s keeps what it brings.
const K3S: &str = "kube-system";

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Namespace of Knative's own objects and of the gateway.
    pub(super) namespace: String,
    /// Name of the internal Service.
    pub(super) internal: String,
    /// Namespace of the internal Service.
    pub(super) internal_namespace: String,
    /// Domain of Services, such as `svc.cluster.local`.
    pub(super) local_domain: String,
}

impl Place {
    /// By the namespace of Knative and the full DNS name of the internal Service.
    pub(super) fn new(namespace: String, internal_service: &str) -> Self {
        let mut labels = internal_service.splitn(3, '.').map(str::to_owned);
        let mut next = || labels.next().unwrap_or_default();
        Self { namespace, internal: next(), internal_namespace: next(), local_domain: next() }
    }
}

/// What was read.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) deployments: Read<Vec<Deployment>>,
    pub(super) pods: Read<Vec<Pod>>,
    pub(super) config_network: Read<Option<ConfigMap>>,
    pub(super) config_domain: Read<Option<ConfigMap>>,
    pub(super) ingresses: Read<Vec<Ingress>>,
    pub(super) service: Read<Option<Service>>,
    pub(super) load_balancers: LoadBalancers,
    pub(super) internal: Read<Option<Service>>,
    pub(super) internal_slices: Read<Vec<EndpointSlice>>,
    pub(super) lease: Read<Option<Lease>>,
}

/// Reads it all; what cannot be read says so for itself.
pub(super) async fn read(reader: &Reader, place: &Place) -> Facts {
    let (here, there) = (place.namespace.as_str(), place.internal_namespace.as_str());
    let slices = ListParams::default().labels(&format!("kubernetes.io/service-name={}", place.internal));
    let (deployments, pods, config_network, config_domain, ingresses) = tokio::join!(
        reader.list(here, ListParams::default()),
        reader.list(here, ListParams::default().labels(LABEL)),
        reader.get(here, class::CONFIG_MAP),
        reader.get(here, domain::CONFIG_MAP),
        read_ingresses(reader),
    );
    let (service, load_balancers, internal, internal_slices, lease) = tokio::join!(
        reader.get(here, NAME),
        read_load_balancers(reader, here),
        reader.get(there, &place.internal),
        reader.list(there, slices),
        reader.get(here, NAME),
    );
    Facts {
        deployments,
        pods,
        config_network,
        config_domain,
        ingresses,
        service,
        load_balancers,
        internal,
        internal_slices,
        lease,
    }
}

async fn read_ingresses(reader: &Reader) -> Read<Vec<Ingress>> {
    let objects = reader.list_all(&ingresses::kind()).await?;
    // One that is being deleted is neither served nor judged.
    let alive = objects.iter().filter(|object| object.metadata.deletion_timestamp.is_none());
    Ok(alive.map(Ingress::from).collect())
}

async fn read_load_balancers(reader: &Reader, namespace: &str) -> LoadBalancers {
    let about_us = format!("involvedObject.kind=Service,involvedObject.name={NAME},reason=AllocationFailed");
    let pool = address::pool();
    let (daemon_sets, traefik, pools, refusals) = tokio::join!(
        reader.list::<DaemonSet>(K3S, ListParams::default()),
        reader.get(K3S, "traefik"),
        reader.list_all(&pool),
        reader.list::<Event>(namespace, ListParams::default().fields(&about_us)),
    );
    LoadBalancers { daemon_sets, traefik, pools, refusals }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_internal_service_is_found_by_its_dns_name() {
        for (host, wanted) in [
            ("a.b.svc.cluster.local", ("a", "b", "svc.cluster.local")),
            ("a.b.svc", ("a", "b", "svc")),
            ("a", ("a", "", "")),
        ] {
            let place = Place::new("k".into(), host);
            let got = (place.internal.as_str(), place.internal_namespace.as_str(), place.local_domain.as_str());
            assert_eq!(got, wanted);
        }
    }
}
