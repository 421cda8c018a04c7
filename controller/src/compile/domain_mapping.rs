//! DomainMapping → the KIngress that Serving makes of it
//! (knative.dev/serving `pkg/reconciler/domainmapping`).

use std::net::IpAddr;
use std::sync::Arc;

use net_pingora_routing::{HostName, ObjectKey};

use super::route::{Naming, Refusal, class_of, http_option};
use crate::api::ingress::{CLASS_ANNOTATION, HttpPath, HttpRule, IngressRule, IngressSpec, IngressTls, Split};
use crate::api::{DomainMapping, FieldFault, Fields, Ingress, IntOrString, ObjectMeta};
use crate::store::Store;

/// Tells queue-proxy which Host the application is to see.
const ORIGINAL_HOST_HEADER: &str = "K-Original-Host";

/// Compiles a DomainMapping.
///
/// # Errors
/// Why nothing new can be served.
pub(crate) fn compile(
    mapping: &DomainMapping,
    store: &Store,
    naming: &Naming,
    class: &str,
) -> Result<Ingress, Refusal> {
    let metadata = &mapping.metadata;
    check_name(&metadata.name, &naming.cluster_domain)?;
    check_claim(mapping, store, naming)?;
    let target = target(mapping, store)?;
    let tls = mapping.spec.tls.iter().map(|tls| IngressTls {
        hosts: vec![metadata.name.to_string()],
        secret_name: tls.secret_name.clone(),
        secret_namespace: metadata.namespace.to_string(),
    });
    let spec = IngressSpec {
        tls: tls.collect(),
        rules: vec![rule(&metadata.name, &target, &naming.cluster_domain)],
        http_option: http_option(&metadata.annotations, naming.network.http_protocol)?,
    };
    let class = class_of(&metadata.annotations).unwrap_or(class);
    let metadata = ObjectMeta {
        annotations: [(CLASS_ANNOTATION, class)].into_iter().collect(),
        labels: Fields::default(),
        ..metadata.clone()
    };
    Ok(Ingress { metadata, spec })
}

/// One rule: everything goes to the target's own host in the cluster.
fn rule(domain: &Arc<str>, target: &ObjectKey, cluster_domain: &str) -> IngressRule {
    let split = Split {
        service_namespace: Arc::clone(&target.namespace),
        service_name: Arc::clone(&target.name),
        service_port: IntOrString::Number(80),
        percent: 100,
        append_headers: [(ORIGINAL_HOST_HEADER, &**domain)].into_iter().collect(),
    };
    let path = HttpPath {
        rewrite_host: format!("{}.{}.svc.{cluster_domain}", target.name, target.namespace),
        splits: vec![split],
        ..HttpPath::default()
    };
    IngressRule {
        hosts: vec![domain.to_string()],
        visibility: "ExternalIP".to_owned(),
        http: Some(HttpRule { paths: vec![path] }),
    }
}

/// A domain has two labels at least, is no address, and is none of the cluster's own.
fn check_name(domain: &str, cluster_domain: &str) -> Result<(), Refusal> {
    let own = domain == cluster_domain || domain.strip_suffix(cluster_domain).is_some_and(|rest| rest.ends_with('.'));
    let problem = if own {
        format!("{domain} is a name of the cluster's own")
    } else if !domain.contains('.') || domain.parse::<IpAddr>().is_ok() || HostName::parse(domain).is_none() {
        format!("{domain} is no domain")
    } else {
        return Ok(());
    };
    let fault = FieldFault::new("metadata.name", problem, "name it as the domain, like shop.example.com");
    Err(Refusal { reason: "ResolveFailed", failed: true, fault })
}

/// A domain belongs to one namespace.
fn check_claim(mapping: &DomainMapping, store: &Store, naming: &Naming) -> Result<(), Refusal> {
    let ObjectMeta { name, namespace, .. } = &mapping.metadata;
    let (problem, fix) = match store.claim(name) {
        Some(claim) if *claim.spec.namespace == **namespace => return Ok(()),
        None if naming.network.autocreate_cluster_domain_claims => return Ok(()),
        Some(claim) => (
            format!("{name} belongs to namespace {}", claim.spec.namespace),
            format!("change ClusterDomainClaim {name}, or move the DomainMapping"),
        ),
        None => (
            format!("no namespace may use {name}"),
            format!(
                "add ClusterDomainClaim {name} with spec.namespace: {namespace}, or set \
                 autocreate-cluster-domain-claims: \"true\" in ConfigMap config-network"
            ),
        ),
    };
    let fault = FieldFault::new("metadata.name", problem, fix);
    Err(Refusal { reason: "DomainAlreadyClaimed", failed: true, fault })
}

/// What serves the domain: a Route, a ksvc or a Service of the same namespace.
fn target(mapping: &DomainMapping, store: &Store) -> Result<ObjectKey, Refusal> {
    let reference = &mapping.spec.reference;
    let key = ObjectKey::new(&mapping.metadata.namespace, &reference.name);
    let refused = |field: &str, problem: String, fix: &str| {
        let fault = FieldFault::new(format!("spec.ref.{field}"), problem, fix);
        Err(Refusal { reason: "ResolveFailed", failed: true, fault })
    };
    let group = reference.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let exists = match (group, reference.kind.as_str()) {
        ("serving.knative.dev", "Service" | "Route") => store.route(&key).is_some(),
        ("", "Service") => store.service(&key).is_some(),
        (_, kind) => {
            let problem = format!("{kind} of {:?} is no kind that serves requests", reference.api_version);
            return refused("kind", problem, "name a Service or a Route of serving.knative.dev/v1, or a v1 Service");
        }
    };
    if !exists {
        return refused("name", format!("there is no {} {key}", reference.kind), "add it, or name one that exists");
    }
    Ok(key)
}
