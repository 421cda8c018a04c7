//! Whether clients outside reach the gateway: its address, and why it has none.

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Event, Service};
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};

use super::finding::Finding;
use super::gateway::NAME;
use super::reader::{Read, Unread};

/// The name of this check.
pub(super) const CHECK: &str = "address";
/// The DaemonSet that K3s's ServiceLB makes for our Service begins so.
const SERVICE_LB: &str = "svclb-net-pingora-";
const WITHOUT_TRAEFIK: &str = "docs/k3s.md, K3s without Traefik and ServiceLB";

/// What gives addresses to Services, and what is in its way.
#[derive(Debug)]
pub(super) struct LoadBalancers {
    /// Of K3s's own namespace: ServiceLB has one for each Service.
    pub(super) daemon_sets: Read<Vec<DaemonSet>>,
    /// Where K3s has it.
    pub(super) traefik: Read<Option<Service>>,
    /// Of MetalLB.
    pub(super) pools: Read<Vec<DynamicObject>>,
    /// Refusals of MetalLB.
    pub(super) refusals: Read<Vec<Event>>,
}

/// MetalLB's pools, for the API server.
pub(super) fn pool() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("metallb.io", "v1beta1", "IPAddressPool"))
}

/// The address that clients outside use, or a name for it.
pub(super) fn address(service: &Service) -> Option<&str> {
    let status = service.status.as_ref()?.load_balancer.as_ref()?;
    status.ingress.iter().flatten().find_map(|ingress| ingress.ip.as_deref().or(ingress.hostname.as_deref()))
}

/// Judges by the public Service.
pub(super) fn judge(service: Option<&Service>, others: &LoadBalancers, namespace: &str) -> Finding {
    let Some(service) = service else {
        let found = format!("no Service {namespace}/{NAME}");
        return Finding::fail(CHECK, found, "kubectl apply --kustomize deploy/knative");
    };
    if let Some(address) = address(service) {
        return Finding::ok(CHECK, address);
    }
    match service.spec.as_ref().and_then(|spec| spec.type_.as_deref()) {
        Some("LoadBalancer") => pending(others, namespace),
        kind => {
            let found = format!("Service {namespace}/{NAME} has type {}", kind.unwrap_or("ClusterIP"));
            let fix = "kubectl apply --kustomize deploy/knative makes it LoadBalancer again, unless it is meant so";
            Finding::warn(CHECK, found, fix)
        }
    }
}

/// Why there is no address yet.
fn pending(others: &LoadBalancers, namespace: &str) -> Finding {
    let daemon_sets = others.daemon_sets.as_deref().unwrap_or_default();
    let named = |set: &&DaemonSet| set.metadata.name.as_deref().is_some_and(|name| name.starts_with(SERVICE_LB));
    if let Some(set) = daemon_sets.iter().find(named) {
        return service_lb(set, matches!(&others.traefik, Ok(Some(traefik)) if is_load_balancer(traefik)));
    }
    let (found, fix) = match &others.pools {
        Err(Unread::UnknownKind(_)) => {
            ("nothing here gives addresses", "install MetalLB: docs/k3s.md, MetalLB".to_owned())
        }
        Err(unread) => return unread.finding(&format!("{CHECK} pending, MetalLB")),
        Ok(pools) if pools.is_empty() => {
            ("MetalLB has no pool", "edit and kubectl apply --filename deploy/k3s/address-pool.yaml".to_owned())
        }
        Ok(_) => match refusal(others) {
            Some(refusal) => {
                let fix = "give a pool more addresses, or delete a Service that holds one: \
                           kubectl edit ipaddresspools -n metallb-system";
                return Finding::fail(CHECK, format!("pending: MetalLB says: {refusal}"), fix);
            }
            None => ("MetalLB has not given one yet", format!("kubectl describe -n {namespace} service/{NAME}")),
        },
    };
    Finding::fail(CHECK, format!("pending: {found}"), fix)
}

/// ServiceLB binds the Service's ports on the nodes, so it needs them free.
fn service_lb(set: &DaemonSet, traefik: bool) -> Finding {
    let status = set.status.as_ref();
    let (ready, wanted) = status.map_or((0, 0), |status| (status.number_ready, status.desired_number_scheduled));
    let found = format!("pending: K3s's ServiceLB has {ready} of {wanted} pods ready for it");
    if traefik {
        let found = format!("{found}, Traefik has ports 80 and 443");
        return Finding::fail(CHECK, found, format!("turn both off: {WITHOUT_TRAEFIK}"));
    }
    let fix = format!("free ports 80 and 443 of the nodes (ss -ltnp), or use MetalLB: {WITHOUT_TRAEFIK}");
    Finding::fail(CHECK, found, fix)
}

fn is_load_balancer(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| spec.type_.as_deref() == Some("LoadBalancer"))
}

/// The last thing MetalLB said about the Service.
fn refusal(others: &LoadBalancers) -> Option<&str> {
    let refusals = others.refusals.as_deref().unwrap_or_default();
    refusals.iter().max_by_key(|event| event.last_timestamp.as_ref().map(|time| time.0))?.message.as_deref()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn service(kind: &str, ingress: &Value) -> Service {
        from_value(json!({ "spec": { "type": kind }, "status": { "loadBalancer": { "ingress": ingress } } })).unwrap()
    }

    /// What is in the way, as a cluster would show it.
    fn others(daemon_sets: &Value, traefik: bool, pools: Option<usize>, refusals: &[(&str, &str)]) -> LoadBalancers {
        let no_kind = Unread::UnknownKind("list ipaddresspools.metallb.io in all namespaces".into());
        let refusal = |(time, message): &(&str, &str)| {
            json!({
                "metadata": {}, "involvedObject": {}, "lastTimestamp": time, "message": message
            })
        };
        let refusals = refusals.iter().map(|event| from_value(refusal(event)).unwrap()).collect();
        LoadBalancers {
            daemon_sets: Ok(from_value(daemon_sets.clone()).unwrap()),
            traefik: Ok(traefik.then(|| service("LoadBalancer", &Value::Null))),
            pools: pools.map(|count| vec![DynamicObject::new("a", &pool()); count]).ok_or(no_kind),
            refusals: Ok(refusals),
        }
    }

    #[test]
    fn an_address_is_an_ip_or_a_name() {
        let nothing = others(&json!([]), false, None, &[]);
        for (kind, ingress, wanted) in [
            ("LoadBalancer", json!([{ "ip": "192.168.1.240" }]), "ok    address: 192.168.1.240"),
            ("LoadBalancer", json!([{ "hostname": "lb.example" }]), "ok    address: lb.example"),
            (
                "NodePort",
                Value::Null,
                "warn  address: Service k/net-pingora has type NodePort; \
                 kubectl apply --kustomize deploy/knative makes it LoadBalancer again, unless it is meant so",
            ),
        ] {
            assert_eq!(judge(Some(&service(kind, &ingress)), &nothing, "k").to_string(), wanted);
        }
        let wanted = "FAIL  address: no Service k/net-pingora; kubectl apply --kustomize deploy/knative";
        assert_eq!(judge(None, &nothing, "k").to_string(), wanted);
    }

    #[test]
    fn a_pending_address_names_what_is_in_the_way() {
        let set = |name: &str| {
            json!([{
                "metadata": { "name": name }, "spec": { "selector": {}, "template": {} },
                "status": { "numberReady": 0, "desiredNumberScheduled": 2 },
            }])
        };
        let (none, ours, traefiks) = (json!([]), set("svclb-net-pingora-1a2b"), set("svclb-traefik-3c4d"));
        let refused = [("2026-01-01T00:00:02Z", "no available IPs"), ("2026-01-01T00:00:01Z", "older")];
        for (others, wanted) in [
            (
                others(&ours, true, None, &[]),
                "pending: K3s's ServiceLB has 0 of 2 pods ready for it, Traefik has ports 80 and 443; \
                 turn both off: docs/k3s.md, K3s without Traefik and ServiceLB",
            ),
            (
                others(&ours, false, Some(1), &[]),
                "pending: K3s's ServiceLB has 0 of 2 pods ready for it; free ports 80 and 443 of the nodes (ss -ltnp), \
                 or use MetalLB: docs/k3s.md, K3s without Traefik and ServiceLB",
            ),
            (
                others(&none, false, None, &[]),
                "pending: nothing here gives addresses; install MetalLB: docs/k3s.md, MetalLB",
            ),
            (
                others(&traefiks, true, None, &[]),
                "pending: nothing here gives addresses; install MetalLB: docs/k3s.md, MetalLB",
            ),
            (
                others(&none, false, Some(0), &[]),
                "pending: MetalLB has no pool; edit and kubectl apply --filename deploy/k3s/address-pool.yaml",
            ),
            (
                others(&none, false, Some(1), &[]),
                "pending: MetalLB has not given one yet; kubectl describe -n k service/net-pingora",
            ),
            (
                others(&none, false, Some(1), &refused),
                "pending: MetalLB says: no available IPs; give a pool more addresses, \
                 or delete a Service that holds one: kubectl edit ipaddresspools -n metallb-system",
            ),
        ] {
            let line = judge(Some(&service("LoadBalancer", &Value::Null)), &others, "k").to_string();
            assert_eq!(line, format!("FAIL  address: {wanted}"));
        }
    }

    #[test]
    fn what_may_not_be_read_is_said_only_where_it_matters() {
        let mut others = others(&json!([]), false, None, &[]);
        others.pools = Err(Unread::Forbidden("list ipaddresspools.metallb.io in all namespaces".into()));
        let line = judge(Some(&service("LoadBalancer", &Value::Null)), &others, "k").to_string();
        assert!(line.starts_with("FAIL  address pending, MetalLB: not checked: this user may not list ipaddresspools"));
        let line = judge(Some(&service("LoadBalancer", &json!([{ "ip": "10.0.0.1" }]))), &others, "k").to_string();
        assert_eq!(line, "ok    address: 10.0.0.1");
    }
}
