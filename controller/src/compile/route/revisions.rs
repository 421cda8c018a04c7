//! Which revisions a Route's targets mean, and where each is reached.
//!
//! Serving tells by `status` which revision is ready. Where it does not run, nobody does: there a
//! revision counts as ready while a pod of it is.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use net_pingora_routing::ObjectKey;

use super::Refusal;
use crate::api::core::{Service, ServicePort};
use crate::api::revision::GENERATION_LABEL;
use crate::api::route::{ROUTE_LABEL, SERVICE_LABEL, TrafficTarget};
use crate::api::{Configuration, FieldFault, Revision, Route};
use crate::compile::service::addresses;
use crate::store::Store;

/// The revisions that a Route's Configurations have followed so far, by name of the Configuration.
pub(crate) type Followed = BTreeMap<String, String>;

/// A revision that takes requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its name.
    pub(crate) revision: Arc<str>,
    /// The Configuration it belongs to; empty if none is known.
    pub(crate) configuration: String,
    /// The Service it is reached by.
    pub(crate) service: Arc<str>,
    /// The port of that Service.
    pub(crate) port: i64,
}

/// The revisions of a Route's namespace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revisions<'a> {
    /// All objects.
    pub(crate) store: &'a Store,
    /// The Route.
    pub(crate) route: &'a Route,
    /// Whether pods are spoken to in TLS (`system-internal-tls`).
    pub(crate) encrypted: bool,
    /// What was followed before: it is never gone back from.
    pub(crate) followed: &'a Followed,
}

impl Revisions<'_> {
    /// The revision of a target.
    ///
    /// # Errors
    /// What is missing or not ready, by the rules of knative.dev/serving `pkg/reconciler/route/traffic/traffic.go`.
    pub(crate) fn of(&self, path: &str, target: &TrafficTarget) -> Result<Found, Refusal> {
        if target.revision_name.is_empty() {
            self.latest(&format!("{path}.configurationName"), &target.configuration_name)
        } else {
            self.pinned(&format!("{path}.revisionName"), &target.revision_name)
        }
    }

    fn pinned(&self, path: &str, name: &str) -> Result<Found, Refusal> {
        let Some(revision) = self.store.revision_object(&self.route.sibling(name)) else {
            let missing = || missing(path, "Revision", name, "name one that exists, or add a Service of its name");
            return self.by_service_alone(name).ok_or_else(missing);
        };
        self.check_owner(path, revision)?;
        if !self.is_usable(revision) {
            return Err(unready(path, &format!("Revision {name}"), revision.status.has_failed()));
        }
        Ok(self.found(revision))
    }

    /// A Route of a ksvc serves no revision of another one.
    fn check_owner(&self, path: &str, revision: &Revision) -> Result<(), Refusal> {
        let Some(owner) = self.route.metadata.labels.get(SERVICE_LABEL) else { return Ok(()) };
        let other = match revision.metadata.labels.get(SERVICE_LABEL) {
            Some(other) if other == owner => return Ok(()),
            Some(other) => format!("belongs to ksvc {other}, not to {owner}"),
            None => format!("does not belong to ksvc {owner}"),
        };
        let problem = format!("Revision {} {other}", revision.metadata.name);
        let fault = FieldFault::new(path, problem, "name a revision of the same ksvc, or use a Route without one");
        Err(Refusal { reason: "RevisionNotOwned", failed: true, fault })
    }

    fn latest(&self, path: &str, name: &str) -> Result<Found, Refusal> {
        let key = self.route.sibling(name);
        let configuration = self.store.configuration(&key);
        if let Some(ready) = configuration.and_then(told) {
            // Serving's word holds while it is about the version of now.
            let Some(revision) = self.store.revision_object(&self.route.sibling(ready)) else {
                return Err(missing(path, "Revision", ready, "add it, or wait for its Configuration"));
            };
            if !self.is_usable(revision) {
                return Err(unready(path, &format!("Revision {ready}"), revision.status.has_failed()));
            }
            return Ok(self.found(revision));
        }
        if let Some(revision) = self.newest(&key, configuration) {
            return Ok(self.found(revision));
        }
        let Some(configuration) = configuration else {
            let fix = "name one that exists, or add a revision of it or a Service of its name";
            return self.by_service_alone(name).ok_or_else(|| missing(path, "Configuration", name, fix));
        };
        Err(unready(path, &format!("Configuration {name}"), configuration.status.conditions.has_failed()))
    }

    /// The newest revision that is usable, if it is no older than what was followed before.
    fn newest(&self, key: &ObjectKey, configuration: Option<&Configuration>) -> Option<&Revision> {
        let mut revisions: Vec<_> = self.store.revisions_of(key).collect();
        revisions.sort_by_key(|revision| Reverse(age(revision)));
        let before = self.followed.get(&*key.name).map(String::as_str);
        let before = before.or(configuration.map(|found| found.status.latest_ready_revision_name.as_str()));
        let is_before = |revision: &Revision| Some(&*revision.metadata.name) == before;
        revisions.into_iter().find(|revision| is_before(revision) || self.is_usable(revision))
    }

    /// Whether Serving says that it is ready, or a pod of it takes requests.
    fn is_usable(&self, revision: &Revision) -> bool {
        revision.status.is_ready(revision.metadata.generation) || self.has_pod(&revision.metadata.key())
    }

    /// Whether a pod takes requests. Only the private Service is sure to name pods and nothing else.
    fn has_pod(&self, revision: &ObjectKey) -> bool {
        let service = self.store.private_service(revision).unwrap_or(revision);
        let Some(found) = self.store.service(service) else { return false };
        found.spec.is_external_name()
            || found.spec.ports.iter().any(|port| !addresses(port, self.store, service).is_empty())
    }

    /// Where a Revision is reached: by its public Service, as Serving has it, or else by its private one.
    fn found(&self, revision: &Revision) -> Found {
        let key = revision.metadata.key();
        let configuration = revision.configuration().unwrap_or_default().to_owned();
        let names: &[&str] = match (self.encrypted, revision.is_http2()) {
            (true, _) => &["https"],
            (false, true) => &["http2", "h2c"],
            (false, false) => &["http", "http1"],
        };
        let private = self.store.private_service(&key).filter(|_| self.store.service(&key).is_none());
        let by_private = private.and_then(|key| {
            let port = self.store.service(key)?.spec.ports.iter().find(|port| names.contains(&port.name.as_str()))?;
            Some((Arc::clone(&key.name), port.port))
        });
        let (service, port) = by_private.unwrap_or_else(|| (Arc::clone(&key.name), self.public_port(revision)));
        Found { revision: key.name, configuration, service, port }
    }

    /// knative.dev/networking `pkg/apis/networking/ports.go`
    fn public_port(&self, revision: &Revision) -> i64 {
        match (self.encrypted, revision.is_http2()) {
            (true, _) => 443,
            (false, true) => 81,
            (false, false) => 80,
        }
    }

    /// What has no object of Serving's may be an ordinary Service.
    fn by_service_alone(&self, name: &str) -> Option<Found> {
        let service = self.store.service(&self.route.sibling(name))?;
        if service.metadata.labels.get(ROUTE_LABEL).is_some() {
            return None;
        }
        let port = plain_port(service)?.port;
        let service = Arc::clone(&service.metadata.name);
        Some(Found { revision: Arc::clone(&service), configuration: String::new(), service, port })
    }
}

/// The port that HTTP is spoken at: by its name, else 80, else the only one.
fn plain_port(service: &Service) -> Option<&ServicePort> {
    let ports = &service.spec.ports;
    let named = ["http2", "h2c", "http", "http1"].iter().find_map(|name| ports.iter().find(|port| port.name == **name));
    named.or_else(|| ports.iter().find(|port| port.port == 80)).or(if ports.len() == 1 { ports.first() } else { None })
}

/// The latest ready revision, if Serving has said so of the version of now.
fn told(configuration: &Configuration) -> Option<&str> {
    let Configuration { metadata, status } = configuration;
    let name = status.latest_ready_revision_name.as_str();
    (!name.is_empty() && status.conditions.observed_generation == metadata.generation).then_some(name)
}

/// Newer revisions are greater.
fn age(revision: &Revision) -> (u64, Option<Arc<str>>, Arc<str>) {
    let metadata = &revision.metadata;
    let generation = metadata.labels.get(GENERATION_LABEL).and_then(|text| text.parse().ok()).unwrap_or(0);
    (generation, metadata.creation_timestamp.clone(), Arc::clone(&metadata.name))
}

fn missing(path: &str, kind: &str, name: &str, fix: &str) -> Refusal {
    let reason = if kind == "Configuration" { "ConfigurationMissing" } else { "RevisionMissing" };
    Refusal { reason, failed: true, fault: FieldFault::new(path, format!("there is no {kind} {name}"), fix) }
}

fn unready(path: &str, what: &str, failed: bool) -> Refusal {
    let (problem, fix) = if failed {
        (format!("{what} has failed to become ready"), "see its conditions, or name another")
    } else {
        (format!("{what} is not ready"), "it is served as soon as a pod of it is ready")
    };
    Refusal { reason: "RevisionMissing", failed, fault: FieldFault::new(path, problem, fix) }
}
