//! What became of a Route or of a DomainMapping, for its status.

use std::collections::BTreeSet;
use std::sync::Arc;

use net_pingora_routing::ObjectKey;

use super::Engine;
use super::outcome::told;
use crate::api::route::TrafficTarget;
use crate::api::{Kind, ObjectId, Route};
use crate::compile::route::Refusal;
use crate::compile::route::naming::{Audience, Hosts, Named};
use crate::compile::route::targets::Target;

/// What became of the latest version.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SourceReport {
    /// Why it is not served.
    pub(crate) refusal: Option<SourceRefusal>,
    /// Where users reach it.
    pub(crate) url: Option<String>,
    /// Where pods of the cluster reach it.
    pub(crate) address: String,
    /// The revisions that get its requests.
    pub(crate) traffic: Vec<TrafficTarget>,
    /// Whether shares change over time.
    pub(crate) rolling: bool,
    /// Whether it names a certificate.
    pub(crate) has_certificate: bool,
}

/// Why the latest version is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceRefusal {
    /// One word for programs.
    pub(crate) reason: &'static str,
    /// Whether waiting does not help.
    pub(crate) failed: bool,
    /// The field, what is wrong and what to do.
    pub(crate) message: String,
}

impl Engine {
    /// What became of the latest version of a Route or of a DomainMapping, if there is one of ours.
    pub(crate) fn source_report(&self, id: &ObjectId) -> Option<SourceReport> {
        let refusal = self.refusal_of(id);
        if id.kind == Kind::DomainMapping {
            let (mapping, _) = self.store.domain_mapping(&id.key)?;
            let url = format!("{}://{}", self.naming().network.default_external_scheme, id.key.name);
            let (address, has_certificate) = (url.clone(), mapping.spec.tls.is_some());
            return Some(SourceReport { refusal, url: Some(url), address, has_certificate, ..SourceReport::default() });
        }
        let (route, ..) = self.store.route(&id.key)?;
        if self.foreign_route(&route, id).is_some() {
            return None;
        }
        let address = format!("http://{}.{}.svc.{}", id.key.name, id.key.namespace, self.naming().cluster_domain);
        let url = self.url_of(&route, "");
        let (traffic, rolling) = self.traffic_of(&id.key, &route);
        Some(SourceReport { refusal, url, address, traffic, rolling, has_certificate: false })
    }

    fn refusal_of(&self, id: &ObjectId) -> Option<SourceRefusal> {
        if let Some(faults) = self.rejected.get(id) {
            return Some(SourceRefusal { reason: "InvalidTraffic", failed: true, message: told(faults) });
        }
        let Refusal { reason, failed, fault } = self.routes.refusal(&id.key)?;
        Some(SourceRefusal { reason, failed: *failed, message: told(std::slice::from_ref(fault)) })
    }

    /// The URL of a target; none if no host can be made of it.
    fn url_of(&self, route: &Route, tag: &str) -> Option<String> {
        let tag = tag.to_owned();
        let hosts = Named::new(route, self.naming()).hosts([&tag], &self.store).ok()?;
        let (host, audience) = hosts.get(&tag).map(Hosts::shown)?;
        let scheme = match audience {
            Audience::ClusterLocal => "http",
            Audience::External => &self.naming().network.default_external_scheme,
        };
        Some(format!("{scheme}://{host}"))
    }

    /// As `status.traffic` has it, and whether a rollout is under way.
    fn traffic_of(&self, key: &ObjectKey, route: &Route) -> (Vec<TrafficTarget>, bool) {
        let (targets, rollout) = self.routes.served(key);
        let mut traffic = Vec::new();
        for target in targets {
            let Target { tag, found, latest, percent } = target;
            let url = (!tag.is_empty()).then(|| self.url_of(route, tag)).flatten();
            let one = |revision: &str, percent: i64| TrafficTarget {
                tag: tag.clone(),
                revision_name: revision.to_owned(),
                configuration_name: String::new(),
                latest_revision: Some(*latest),
                percent: Some(percent),
                url: url.clone(),
            };
            let shares = rollout.filter(|_| *latest).and_then(|rollout| rollout.of(tag, &found.configuration));
            match shares.filter(|shares| shares.revisions.len() > 1) {
                Some(shares) => {
                    let shares = shares.revisions.iter();
                    traffic.extend(shares.map(|share| one(&share.revision_name, share.percent)));
                }
                None => traffic.push(one(&found.revision, *percent)),
            }
        }
        (traffic, rollout.is_some_and(|rollout| !rollout.is_done()))
    }

    /// The Services by which pods of the cluster would reach a Route, of those that do not exist.
    pub(crate) fn lacking_placeholders(&self, key: &ObjectKey) -> Vec<String> {
        let Some((route, id, _)) = self.store.route(key) else { return Vec::new() };
        // A ksvc without a Route owns none.
        if id.kind != Kind::Route || !self.store.is_derived(key) {
            return Vec::new();
        }
        let tags = route.spec.traffic.iter().map(|target| target.tag.clone()).chain([String::new()]);
        let named = Named::new(&route, self.naming());
        let services: BTreeSet<_> = tags.filter_map(|tag| named.placeholder(&tag)).collect();
        services.into_iter().filter(|name| self.store.service(&route.sibling(name)).is_none()).collect()
    }

    /// The claim that a DomainMapping would get, if it has none and may have one.
    pub(crate) fn lacking_claim(&self, key: &ObjectKey) -> Option<ObjectKey> {
        self.store.domain_mapping(key)?;
        let automatic = self.naming().network.autocreate_cluster_domain_claims && self.store.is_derived(key);
        (automatic && self.store.claim(&key.name).is_none()).then(|| ObjectKey::new("", &key.name))
    }

    /// What tells a Route from others of its name before or after it.
    pub(crate) fn uid_of(&self, route: &ObjectKey) -> Option<Arc<str>> {
        self.store.route(route).map(|(route, ..)| Arc::clone(&route.metadata.uid))
    }
}
