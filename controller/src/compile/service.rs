//! Service, EndpointSlices and Endpoints → what a split's backend resolves to.

use std::net::{IpAddr, SocketAddr};

use net_pingora_routing::{
    BackendKey, EndpointSet, Missing, ObjectKey, Protocol, ServicePort, Target, Transport, Upstream,
};

use super::revision;
use crate::api::IntOrString;
use crate::api::core::{self, EndpointConditions, EndpointPort, EndpointSlice, Endpoints, Service};
use crate::store::Store;

/// The port of an ExternalName Service that lists none, as in net-kourier.
const EXTERNAL_NAME_PORT: u16 = 80;

/// Our own internal Service: what is sent to it is routed again instead.
#[derive(Clone, Debug)]
pub(crate) struct InternalService {
    pub(crate) key: ObjectKey,
    host: String,
}

impl InternalService {
    /// The Service with this full host name, like `net-pingora-internal.net-pingora.svc.cluster.local`.
    pub(crate) fn new(host: &str) -> Self {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let mut labels = host.split('.');
        let (name, namespace) = (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
        Self { key: ObjectKey::new(namespace, name), host }
    }

    /// Whether a DNS name is the Service's: in full, as `name.namespace.svc` or as `name.namespace`.
    fn is_named(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let short = format!("{}.{}", self.key.name, self.key.namespace);
        host == self.host || host == short || host.strip_suffix(".svc") == Some(&short)
    }
}

/// What backends are resolved with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolver<'a> {
    /// All objects.
    pub(crate) store: &'a Store,
    /// Our own internal Service.
    pub(crate) internal: &'a InternalService,
    /// How requests are held here, if they are.
    pub(crate) holds: Option<&'a Holds>,
    /// Whether no activator is ready, Serving's or ours.
    pub(crate) no_activators: bool,
}

/// How requests wait for the pods of revisions.
#[derive(Clone, Copy, Debug, Default)]
pub struct HoldSettings {
    /// The address of our own pod, by which we know ourselves among the activators.
    pub own_address: Option<IpAddr>,
    /// Requests that a pod takes at once where its revision sets no bound; 0 any number.
    pub most_per_pod: u32,
}

/// How requests for revisions are held here, as at Knative's activator.
#[derive(Clone, Debug)]
pub(crate) struct Holds {
    /// As they were asked for.
    pub(crate) settings: HoldSettings,
    /// The Service whose endpoints are all activators, us included where we stand in for them.
    pub(crate) activators: ObjectKey,
    /// The Service whose endpoints are all replicas of ours.
    pub(crate) ours: ObjectKey,
}

impl Resolver<'_> {
    /// What a backend resolves to now; endpoints that stay keep their counts from `previous`.
    pub(crate) fn resolve(self, key: &BackendKey, previous: &Target) -> Upstream {
        let name = ObjectKey::new(&key.namespace, &key.service);
        if self.store.is_placeholder(&name) {
            return plain(Protocol::Http1, Target::Internal);
        }
        let Some(service) = self.store.service(&name) else { return missing(Missing::Service) };
        let port = find_port(service, &key.port);
        let protocol = port.map_or(Protocol::Http1, |port| protocol(service, port));
        if service.spec.is_external_name() {
            let number = match port {
                Some(port) => u16::try_from(port.port).unwrap_or(EXTERNAL_NAME_PORT),
                None if service.spec.ports.is_empty() => EXTERNAL_NAME_PORT,
                None => return missing(Missing::Port),
            };
            return plain(protocol, external(&service.spec.external_name, number, self.internal));
        }
        let Some(port) = port else { return missing(Missing::Port) };
        if name == self.internal.key {
            return plain(protocol, Target::Internal);
        }
        let addresses = self.pods_without_activators(port, &name).unwrap_or_else(|| addresses(port, self.store, &name));
        if let Some(holds) = self.holds
            && let Some(pods) = revision::pods(self.store, holds, &name, (port, protocol), &addresses, previous)
        {
            return plain(protocol, Target::Revision(pods));
        }
        let [last, starting] = revision::known(previous);
        plain(protocol, Target::Endpoints(EndpointSet::keeping(addresses, &[&last, &starting])))
    }
}

impl Resolver<'_> {
    /// The pods of a revision, where its public Service may still name activators that are gone.
    fn pods_without_activators(self, port: &core::ServicePort, revision: &ObjectKey) -> Option<Vec<SocketAddr>> {
        // Who holds requests here finds the pods by itself.
        let gone = self.no_activators && self.holds.is_none();
        let private = self.store.private_service(revision).filter(|_| gone)?;
        let port = find_port(self.store.service(private)?, &ServicePort::Name(port.name.as_str().into()))?;
        let pods = addresses(port, self.store, private);
        (!pods.is_empty()).then_some(pods)
    }
}

fn missing(what: Missing) -> Upstream {
    plain(Protocol::Http1, Target::Missing(what))
}

fn plain(protocol: Protocol, target: Target) -> Upstream {
    Upstream { protocol, transport: Transport::Plain, target }
}

fn external(host: &str, port: u16, internal: &InternalService) -> Target {
    if internal.is_named(host) {
        return Target::Internal;
    }
    Target::Name { host: host.strip_suffix('.').unwrap_or(host).into(), port }
}

/// The Service's port of that number or name.
pub(crate) fn find_port<'a>(service: &'a Service, wanted: &ServicePort) -> Option<&'a core::ServicePort> {
    service.spec.ports.iter().find(|port| match wanted {
        ServicePort::Number(number) => port.port == i64::from(*number),
        ServicePort::Name(name) => port.name == **name,
    })
}

/// HTTP/2 by the port's name or `appProtocol`; behind `https` the sibling ports tell.
fn protocol(service: &Service, port: &core::ServicePort) -> Protocol {
    let http2 = |port: &core::ServicePort| {
        matches!(port.name.as_str(), "http2" | "h2c") || port.app_protocol.as_deref() == Some("kubernetes.io/h2c")
    };
    let behind_https = port.name == "https" && service.spec.ports.iter().any(http2);
    if http2(port) || behind_https { Protocol::Http2 } else { Protocol::Http1 }
}

/// The ready addresses of all slices, or of the Endpoints object when there is no slice at all.
pub(crate) fn addresses(port: &core::ServicePort, store: &Store, service: &ObjectKey) -> Vec<SocketAddr> {
    let mut slices = store.slices(service).peekable();
    if slices.peek().is_some() {
        return slices.flat_map(|slice| slice_addresses(slice, port)).collect();
    }
    store.endpoints(service).map(|endpoints| endpoints_addresses(endpoints, port)).unwrap_or_default()
}

fn slice_addresses(slice: &EndpointSlice, port: &core::ServicePort) -> Vec<SocketAddr> {
    addresses_where(slice, port, |conditions| conditions.ready != Some(false))
}

/// The addresses of those endpoints of a slice whose conditions are `wanted`.
pub(super) fn addresses_where(
    slice: &EndpointSlice,
    port: &core::ServicePort,
    wanted: fn(&EndpointConditions) -> bool,
) -> Vec<SocketAddr> {
    let Some(number) = target_port(&slice.ports, port) else { return Vec::new() };
    let endpoints = slice.endpoints.iter().filter(|endpoint| wanted(&endpoint.conditions));
    let texts = endpoints.flat_map(|endpoint| &endpoint.addresses).filter(|_| slice.address_type != "FQDN");
    texts.filter_map(|text| socket(text, number)).collect()
}

fn endpoints_addresses(endpoints: &Endpoints, port: &core::ServicePort) -> Vec<SocketAddr> {
    let of_subset = |subset: &core::EndpointSubset| {
        let number = target_port(&subset.ports, port);
        let texts = subset.addresses.iter().map(|address| &address.ip);
        texts.filter_map(|text| socket(text, number?)).collect::<Vec<_>>()
    };
    endpoints.subsets.iter().flat_map(of_subset).collect()
}

fn socket(text: &str, port: u16) -> Option<SocketAddr> {
    Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, port))
}

/// The endpoints' port of the Service port's name; without one, the Service's own numeric `targetPort`.
fn target_port(ports: &[EndpointPort], port: &core::ServicePort) -> Option<u16> {
    let named = ports.iter().find(|candidate| candidate.name.as_deref().unwrap_or_default() == port.name);
    let number = named.and_then(|named| named.port).or(match &port.target_port {
        None | Some(IntOrString::Number(0)) => Some(port.port),
        Some(IntOrString::Number(number)) => Some(*number),
        Some(IntOrString::Text(_)) => None,
    });
    u16::try_from(number?).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::api::Object;
    use crate::fault::Origin;
    use crate::store::{ObjectChange, Touched};

    const INTERNAL: &str = "net-pingora-internal.net-pingora.svc.cluster.local";

    fn store(objects: &[Object]) -> Store {
        let mut store = Store::default();
        for object in objects {
            store.apply(ObjectChange::Apply(object.clone(), Origin::default()), &mut Touched::default());
        }
        store
    }

    fn service(spec: &Value) -> Object {
        Object::Service(Arc::new(serde_json::from_value(json!({"metadata": {"name": "s"}, "spec": spec})).unwrap()))
    }

    fn slice(name: &str, mut content: Value) -> Object {
        content["metadata"] = json!({"name": name, "labels": {"kubernetes.io/service-name": "s"}});
        Object::EndpointSlice(Arc::new(serde_json::from_value(content).unwrap()))
    }

    fn endpoints(subsets: &Value) -> Object {
        let value = json!({"metadata": {"name": "s"}, "subsets": subsets});
        Object::Endpoints(Arc::new(serde_json::from_value(value).unwrap()))
    }

    fn resolve(store: &Store, key: &BackendKey, internal: &InternalService) -> Upstream {
        Resolver { store, internal, holds: None, no_activators: false }.resolve(key, &Target::Internal)
    }

    /// Target and protocol as text.
    fn resolved(objects: &[Object], port: ServicePort) -> String {
        let key = BackendKey { namespace: "default".into(), service: "s".into(), port };
        let upstream = resolve(&store(objects), &key, &InternalService::new(INTERNAL));
        let target = match upstream.target {
            Target::Missing(what) => format!("no {what:?}"),
            Target::Name { host, port } => format!("{host}:{port}"),
            Target::Internal => "internal".to_owned(),
            Target::Revision(_) => "a revision".to_owned(),
            Target::Endpoints(set) => {
                set.as_slice().iter().map(|endpoint| endpoint.address.to_string()).collect::<Vec<_>>().join(" ")
            }
        };
        if upstream.protocol == Protocol::Http2 { format!("h2c {target}") } else { target }
    }

    fn number(port: u16) -> ServicePort {
        ServicePort::Number(port)
    }

    #[test]
    fn endpoints_are_the_ready_ones_of_all_slices() {
        let web = service(&json!({"ports": [{"port": 80}]}));
        let ports = json!([{"port": 8080}]);
        let slices = [
            web.clone(),
            slice(
                "1",
                json!({"ports": ports, "endpoints": [
                {"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"], "conditions": {"ready": false}},
                {"addresses": ["10.0.0.3"], "conditions": {"ready": true}}]}),
            ),
            slice("2", json!({"ports": ports, "addressType": "IPv6", "endpoints": [{"addresses": ["fd00::1"]}]})),
            slice("3", json!({"ports": ports, "addressType": "FQDN", "endpoints": [{"addresses": ["10.0.0.9"]}]})),
            slice("4", json!({"ports": ports, "endpoints": [{"addresses": ["10.0.0.1"]}]})),
            endpoints(&json!([{"addresses": [{"ip": "10.0.0.8"}], "ports": [{"port": 8080}]}])),
        ];
        assert_eq!(resolved(&slices, number(80)), "10.0.0.1:8080 10.0.0.3:8080 [fd00::1]:8080");
        assert_eq!(resolved(&[web.clone(), slices[5].clone()], number(80)), "10.0.0.8:8080");
        assert_eq!(resolved(&[web.clone(), slice("1", json!({})), slices[5].clone()], number(80)), "");
        assert_eq!(resolved(&[web], number(80)), "");
    }

    #[test]
    fn the_port_is_the_slices_of_the_same_name_or_the_numeric_target() {
        let named = json!([{"name": "web", "port": 8080}, {"name": "admin", "port": 9090}]);
        let unnamed = json!([{"port": 8080}]);
        for (port, slice_ports, wanted) in [
            (json!({"port": 80, "name": "admin"}), &named, "10.0.0.1:9090"),
            (json!({"port": 80, "name": "web", "targetPort": 1}), &named, "10.0.0.1:8080"),
            (json!({"port": 80, "name": "other", "targetPort": 7}), &named, "10.0.0.1:7"),
            (json!({"port": 80, "name": "other", "targetPort": "x"}), &named, ""),
            (json!({"port": 80, "name": "other"}), &named, "10.0.0.1:80"),
            (json!({"port": 80}), &unnamed, "10.0.0.1:8080"),
            (json!({"port": 80, "name": "other", "targetPort": 0}), &named, "10.0.0.1:80"),
            (json!({"port": 80, "targetPort": "x"}), &unnamed, "10.0.0.1:8080"),
        ] {
            let content = json!({"ports": slice_ports, "endpoints": [{"addresses": ["10.0.0.1"]}]});
            let objects = [service(&json!({"ports": [port]})), slice("1", content)];
            assert_eq!(resolved(&objects, number(80)), wanted, "{port}");
        }
    }

    #[test]
    fn a_split_names_a_port_by_number_or_name() {
        let objects = [service(&json!({"ports": [{"port": 80, "name": "http"}, {"port": 81, "name": "http2"}]}))];
        for (port, wanted) in [
            (number(80), ""),
            (number(81), "h2c "),
            (number(82), "no Port"),
            (ServicePort::Name("http".into()), ""),
            (ServicePort::Name("http2".into()), "h2c "),
            (ServicePort::Name("80".into()), "no Port"),
        ] {
            assert_eq!(resolved(&objects, port.clone()), wanted, "{port}");
        }
        assert_eq!(resolved(&[], number(80)), "no Service");
    }

    #[test]
    fn the_protocol_is_the_matched_ports() {
        for (ports, wanted) in [
            (json!([{"port": 80, "name": "http"}, {"port": 81, "name": "http2"}]), ""),
            (json!([{"port": 80, "name": "h2c"}]), "h2c "),
            (json!([{"port": 80, "name": "grpc", "appProtocol": "kubernetes.io/h2c"}]), "h2c "),
            (json!([{"port": 80, "name": "grpc", "appProtocol": "http"}]), ""),
            (json!([{"port": 80, "name": "https"}, {"port": 81, "name": "http2"}]), "h2c "),
            (json!([{"port": 80, "name": "https"}, {"port": 81, "name": "http"}]), ""),
        ] {
            assert_eq!(resolved(&[service(&json!({"ports": ports}))], number(80)), wanted, "{ports}");
        }
    }

    #[test]
    fn an_external_name_is_resolved_later_unless_it_is_our_own() {
        for (host, ports, wanted) in [
            ("example.com", json!([{"port": 8080, "targetPort": 9}]), "no Port"),
            ("example.com.", json!([{"port": 80, "targetPort": 9}]), "example.com:80"),
            ("example.com", json!([]), "example.com:80"),
            (INTERNAL, json!([{"port": 80, "name": "http2"}]), "h2c internal"),
            ("Net-Pingora-Internal.net-pingora.svc.", json!([]), "internal"),
            ("net-pingora-internal.net-pingora", json!([]), "internal"),
            ("net-pingora-internal.net-pingora.svc.other", json!([]), "net-pingora-internal.net-pingora.svc.other:80"),
        ] {
            let objects = [service(&json!({"type": "ExternalName", "externalName": host, "ports": ports}))];
            assert_eq!(resolved(&objects, number(80)), wanted, "{host} {ports}");
        }
    }

    #[test]
    fn our_own_service_is_routed_again_whatever_its_type() {
        let own = InternalService::new("s.default.svc.cluster.local");
        let key = BackendKey { namespace: "default".into(), service: "s".into(), port: number(80) };
        let store = store(&[service(&json!({"ports": [{"port": 80}]}))]);
        let upstream = resolve(&store, &key, &own);
        assert!(matches!(upstream.target, Target::Internal));
    }
}
