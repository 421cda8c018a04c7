//! Knative's DomainMapping, and the claim that lets a namespace use a domain.

use serde::Deserialize;

use super::ObjectMeta;
use super::validate::FieldFault;

/// `serving.knative.dev/v1beta1` DomainMapping; its name is the domain
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DomainMapping {
    /// Namespace, and the domain as name.
    pub metadata: ObjectMeta,
    /// What the domain stands for.
    pub spec: DomainMappingSpec,
}

/// `spec` of a DomainMapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DomainMappingSpec {
    /// What serves it.
    #[serde(rename = "ref")]
    pub reference: Reference,
    /// A certificate of its own.
    pub tls: Option<SecretTls>,
}

/// An object of the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Reference {
    /// Group and version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Empty, or the DomainMapping's own.
    pub namespace: String,
}

/// A certificate by its Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretTls {
    /// Name of a Secret of the same namespace, of type `kubernetes.io/tls`.
    pub secret_name: String,
}

/// `networking.internal.knative.dev/v1alpha1` ClusterDomainClaim; its name is the domain
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterDomainClaim {
    /// The domain as name; the object is in no namespace.
    pub metadata: ObjectMeta,
    /// Whose it is.
    pub spec: ClusterDomainClaimSpec,
}

/// `spec` of a ClusterDomainClaim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterDomainClaimSpec {
    /// The namespace that may use the domain.
    pub namespace: String,
}

/// What a DomainMapping must keep to, as far as the object itself can tell.
pub(super) fn validate(mapping: &DomainMapping) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    let Reference { name, namespace, kind, .. } = &mapping.spec.reference;
    for (field, value) in [("name", name), ("kind", kind)] {
        if value.is_empty() {
            let fix = "name what serves the domain, as with kind: Service, name: hello";
            faults.push(FieldFault::new(format!("spec.ref.{field}"), "is required", fix));
        }
    }
    if !namespace.is_empty() && **namespace != *mapping.metadata.namespace {
        let problem = format!("{namespace:?} is not the DomainMapping's own namespace");
        let fix = format!("write {}, or remove it", mapping.metadata.namespace);
        faults.push(FieldFault::new("spec.ref.namespace", problem, fix));
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reference_names_kind_and_name_and_stays_in_its_namespace() {
        for (reference, wanted) in [
            (json!({"kind": "Service", "name": "a"}), vec![]),
            (json!({"kind": "Service", "name": "a", "namespace": "default"}), vec![]),
            (json!({}), vec!["spec.ref.name", "spec.ref.kind"]),
            (json!({"kind": "Service", "name": "a", "namespace": "other"}), vec!["spec.ref.namespace"]),
        ] {
            let object = json!({"metadata": {"name": "a.example"}, "spec": {"ref": reference}});
            let mapping: DomainMapping = serde_json::from_value(object).unwrap();
            let paths: Vec<_> = validate(&mapping).into_iter().map(|fault| fault.path).collect();
            assert_eq!(paths, wanted, "{reference}");
        }
    }
}
