//! Whether an object's values make sense; its shape is the parser's concern.

use std::net::IpAddr;

use super::core::{EndpointPort, EndpointSlice, Endpoints, Service};
use super::{IntOrString, Object, domain_mapping, ingress, route};

/// One thing wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// Path of the field, like `spec.rules[0].http.paths[0].splits[1].percent`.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub fix: String,
}

impl FieldFault {
    /// A fault of the field at `path`.
    pub fn new(path: impl Into<String>, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into(), fix: fix.into() }
    }
}

/// Everything wrong with an object that has its defaults; nothing when it can be used.
pub fn validate(object: &Object) -> Vec<FieldFault> {
    match object {
        Object::Ingress(object) => ingress::validate(object),
        Object::Service(object) => service(object),
        Object::EndpointSlice(object) => slice(object),
        Object::Endpoints(object) => endpoints(object),
        Object::Route(object) => route::validate(&object.spec.traffic, route::Owner::Route),
        Object::KnativeService(object) => route::validate(&object.spec.traffic, route::Owner::KnativeService),
        Object::DomainMapping(object) => domain_mapping::validate(object),
        Object::Secret(_)
        | Object::ConfigMap(_)
        | Object::Revision(_)
        | Object::Configuration(_)
        | Object::ClusterDomainClaim(_) => Vec::new(),
    }
}

/// Ports are ports, and an ExternalName has a name.
fn service(service: &Service) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    if service.spec.is_external_name() && service.spec.external_name.is_empty() {
        faults.push(FieldFault::new(
            "spec.externalName",
            "is required with type ExternalName",
            "write the DNS name to send to",
        ));
    }
    for (index, port) in service.spec.ports.iter().enumerate() {
        faults.extend(port_number(&format!("spec.ports[{index}].port"), port.port));
        // Go's clients write 0 for a port that is not set.
        if let Some(IntOrString::Number(number)) = port.target_port
            && number != 0
        {
            faults.extend(port_number(&format!("spec.ports[{index}].targetPort"), number));
        }
    }
    faults
}

/// Addresses are IP addresses unless the slice says `FQDN`.
fn slice(slice: &EndpointSlice) -> Vec<FieldFault> {
    let mut faults = port_numbers("ports", &slice.ports);
    if slice.address_type == "FQDN" {
        return faults;
    }
    for (index, endpoint) in slice.endpoints.iter().enumerate() {
        for (at, address) in endpoint.addresses.iter().enumerate() {
            faults.extend(ip_address(&format!("endpoints[{index}].addresses[{at}]"), address));
        }
    }
    faults
}

/// Addresses are IP addresses.
fn endpoints(endpoints: &Endpoints) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    for (index, subset) in endpoints.subsets.iter().enumerate() {
        faults.extend(port_numbers(&format!("subsets[{index}].ports"), &subset.ports));
        for (at, address) in subset.addresses.iter().enumerate() {
            faults.extend(ip_address(&format!("subsets[{index}].addresses[{at}].ip"), &address.ip));
        }
    }
    faults
}

/// The faults of a list of ports.
fn port_numbers(path: &str, ports: &[EndpointPort]) -> Vec<FieldFault> {
    let numbers = ports.iter().enumerate().filter_map(|(index, port)| Some((index, port.port?)));
    numbers.filter_map(|(index, number)| port_number(&format!("{path}[{index}].port"), number)).collect()
}

/// A port is 1 to 65535.
pub(super) fn port_number(path: &str, number: i64) -> Option<FieldFault> {
    let valid = u16::try_from(number).is_ok_and(|port| port != 0);
    (!valid).then(|| FieldFault::new(path, format!("{number} is not a port"), "write a number from 1 to 65535"))
}

/// An address is an IPv4 or IPv6 address.
fn ip_address(path: &str, address: &str) -> Option<FieldFault> {
    let fault = || {
        FieldFault::new(
            path,
            format!("{address:?} is not an IP address"),
            "write an IPv4 or IPv6 address, or use a Service of type ExternalName for a DNS name",
        )
    };
    address.parse::<IpAddr>().is_err().then(fault)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn paths(object: &Object) -> Vec<String> {
        validate(object).into_iter().map(|fault| fault.path).collect()
    }

    #[test]
    fn ports_and_addresses_are_checked() {
        for (json, wanted) in [
            (r#"{"endpoints":[{"addresses":["127.0.0.1","::1"]}],"ports":[{"port":80},{}]}"#, vec![]),
            (r#"{"endpoints":[{"addresses":["localhost"]}]}"#, vec!["endpoints[0].addresses[0]"]),
            (r#"{"addressType":"FQDN","endpoints":[{"addresses":["localhost"]}]}"#, vec![]),
            (r#"{"ports":[{"port":80},{"port":70000}]}"#, vec!["ports[1].port"]),
        ] {
            assert_eq!(paths(&Object::EndpointSlice(Arc::new(serde_json::from_str(json).unwrap()))), wanted, "{json}");
        }
        for (json, wanted) in [
            (r#"{"spec":{"ports":[{"port":80,"targetPort":"http"}]}}"#, vec![]),
            (
                r#"{"spec":{"ports":[{"port":0,"targetPort":-1}]}}"#,
                vec!["spec.ports[0].port", "spec.ports[0].targetPort"],
            ),
            (r#"{"spec":{"type":"ExternalName"}}"#, vec!["spec.externalName"]),
        ] {
            assert_eq!(paths(&Object::Service(Arc::new(serde_json::from_str(json).unwrap()))), wanted, "{json}");
        }
        let json = r#"{"subsets":[{"addresses":[{"ip":"x"}],"ports":[{"port":0}]}]}"#;
        let object = Object::Endpoints(Arc::new(serde_json::from_str(json).unwrap()));
        assert_eq!(paths(&object), ["subsets[0].ports[0].port", "subsets[0].addresses[0].ip"]);
    }
}
