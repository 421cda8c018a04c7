//! Whether what a KIngress refers to exists. What is missing is answered 503 or without a
//! certificate; it never stops another route.

use crate::api::ingress::{IngressTls, Split};
use crate::api::{FieldFault, Ingress, Kind, ObjectId};
use crate::compile::ingress::backend_key;
use crate::compile::service::find_port;
use crate::store::Store;

/// A fault of what a Route or a DomainMapping makes, as one of its own: nobody has written the fields of that.
pub(crate) fn of_source(source: Kind, fault: FieldFault) -> FieldFault {
    let path = match source {
        Kind::Route | Kind::KnativeService => "spec.traffic",
        Kind::DomainMapping => "spec.ref",
        _ => return fault,
    };
    FieldFault { path: path.to_owned(), ..fault }
}

/// The references of a KIngress that lead nowhere.
pub(crate) fn dangling(ingress: &Ingress, store: &Store) -> Vec<FieldFault> {
    let mut faults = backends(ingress, store);
    faults.extend(secrets(ingress, store));
    faults
}

/// The splits whose Service or port does not exist.
pub(crate) fn backends(ingress: &Ingress, store: &Store) -> Vec<FieldFault> {
    let splits = ingress.paths().flat_map(|(rule, at, path)| {
        let field = move |index| format!("spec.rules[{rule}].http.paths[{at}].splits[{index}]");
        path.splits.iter().enumerate().map(move |(index, split)| (field(index), split))
    });
    splits.filter_map(|(field, split)| split_fault(&field, split, store)).collect()
}

/// The `tls` entries whose Secret does not exist.
pub(crate) fn secrets(ingress: &Ingress, store: &Store) -> Vec<FieldFault> {
    let entries = ingress.spec.tls.iter().map(IngressTls::secret).enumerate();
    let missing = entries.filter(|(_, secret)| store.secret(secret).is_none());
    let fault = |(index, secret)| {
        let fix = "add it, of type kubernetes.io/tls, or name one that exists";
        FieldFault::new(format!("spec.tls[{index}].secretName"), format!("there is no Secret {secret}"), fix)
    };
    missing.map(fault).collect()
}

/// The fault of a Secret that is to be a default certificate and does not exist.
pub(crate) fn no_default_certificate() -> FieldFault {
    let problem = "is set as a default certificate and does not exist";
    FieldFault::new(
        "",
        problem,
        "add it, of type kubernetes.io/tls; clients that name no host with a certificate are refused until then",
    )
}

/// A split's Service or port that does not exist.
fn split_fault(field: &str, split: &Split, store: &Store) -> Option<FieldFault> {
    let service = split.service();
    if store.is_placeholder(&service) {
        return None;
    }
    let Some(found) = store.service(&service) else {
        let problem = format!("there is no Service {service}");
        return Some(FieldFault::new(format!("{field}.serviceName"), problem, "add it, or name one that exists"));
    };
    let portless = found.spec.is_external_name() && found.spec.ports.is_empty();
    if portless || find_port(found, &backend_key(split).port).is_some() {
        return None;
    }
    let ports: Vec<_> = found.spec.ports.iter().map(|port| port_text(&port.name, port.port)).collect();
    let fix = if ports.is_empty() {
        format!("give Service {service} a port")
    } else {
        format!("write one of its ports: {}", ports.join(", "))
    };
    let problem = format!("Service {service} has no port {}", split.service_port);
    Some(FieldFault::new(format!("{field}.servicePort"), problem, fix))
}

fn port_text(name: &str, port: i64) -> String {
    if name.is_empty() { port.to_string() } else { format!("{port} ({name})") }
}

/// The fault of a KIngress that another keeps from a host.
pub(crate) fn conflict(ingress: &Ingress, host: &str, owner: &ObjectId) -> FieldFault {
    let names = |candidate: &str| crate::compile::ingress::table_form(candidate).as_deref() == Some(host);
    let rules = ingress.spec.rules.iter().enumerate();
    let mut fields = rules.filter_map(|(rule, content)| {
        let at = content.hosts.iter().position(|candidate| names(candidate));
        let catch_all = content.hosts.is_empty() && host == net_pingora_routing::CATCH_ALL;
        at.map(|at| format!("spec.rules[{rule}].hosts[{at}]"))
            .or_else(|| catch_all.then(|| format!("spec.rules[{rule}].hosts")))
    });
    let field = fields.next().unwrap_or_else(|| "spec.rules".to_owned());
    let problem = format!("host {host} belongs to {} {}", owner.kind, owner.key);
    FieldFault::new(
        field,
        problem,
        "name another host, or remove it there; nothing of this version is served until then",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use net_pingora_routing::ObjectKey;
    use serde_json::json;

    use super::*;
    use crate::api::Object;
    use crate::fault::Origin;
    use crate::store::{ObjectChange, Touched};

    fn store() -> Store {
        let mut store = Store::default();
        for object in [
            Object::Service(Arc::new(
                serde_json::from_value(
                    json!({"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80, "name": "http"}]}}),
                )
                .unwrap(),
            )),
            Object::Service(Arc::new(
                serde_json::from_value(json!({"metadata": {"name": "x"}, "spec": {"type": "ExternalName"}})).unwrap(),
            )),
            Object::Secret(Arc::new(serde_json::from_value(json!({"metadata": {"name": "t"}})).unwrap())),
        ] {
            store.apply(ObjectChange::Apply(object, Origin::default()), &mut Touched::default());
        }
        store
    }

    #[test]
    fn a_reference_that_leads_nowhere_names_its_field_and_what_exists() {
        let split = |name: &str, port| json!({"serviceNamespace": "default", "serviceName": name, "servicePort": port});
        let field = "spec.rules[0].http.paths[0].splits[0]";
        for (name, port, secret, wanted) in [
            ("s", json!(80), "t", vec![]),
            ("s", json!("http"), "t", vec![]),
            ("x", json!(8080), "t", vec![]),
            ("nil", json!(80), "t", vec![(format!("{field}.serviceName"), "add it, or name one that exists")]),
            ("s", json!(81), "t", vec![(format!("{field}.servicePort"), "write one of its ports: 80 (http)")]),
            (
                "s",
                json!(80),
                "u",
                vec![(
                    "spec.tls[0].secretName".to_owned(),
                    "add it, of type kubernetes.io/tls, or name one that exists",
                )],
            ),
        ] {
            let spec = json!({"tls": [{"secretName": secret, "secretNamespace": "default"}],
                "rules": [{"http": {"paths": [{"splits": [split(name, port.clone())]}]}}]});
            let ingress: Ingress = serde_json::from_value(json!({"metadata": {"name": "i"}, "spec": spec})).unwrap();
            let faults = dangling(&ingress, &store());
            let found: Vec<_> = faults.iter().map(|fault| (fault.path.clone(), fault.fix.as_str())).collect();
            assert_eq!(found, wanted, "{name} {port} {secret}");
        }
    }

    #[test]
    fn a_conflict_names_the_host_where_it_is_written() {
        let owner = ObjectId { kind: Kind::Ingress, key: ObjectKey::new("ns", "owner") };
        for (rules, host, wanted) in [
            (json!([{"hosts": ["a"]}, {"hosts": ["b", "C."]}]), "c", "spec.rules[1].hosts[1]"),
            (json!([{"hosts": ["a"]}, {}]), "*", "spec.rules[1].hosts"),
        ] {
            let ingress: Ingress = serde_json::from_value(json!({"spec": {"rules": rules}})).unwrap();
            let fault = conflict(&ingress, host, &owner);
            assert_eq!(fault.path, wanted);
            assert!(fault.problem.contains("ns/owner"));
        }
    }
}
