//! Groups of targets → the rules of a KIngress
//! (knative.dev/serving `pkg/reconciler/route/resources/ingress.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::naming::{Audience, Hosts};
use super::rollout::Rollout;
use super::targets::{Target, Targets};
use crate::api::ingress::{HeaderMatch, HttpPath, HttpRule, IngressRule, Split};
use crate::api::{Fields, IntOrString};

/// Chooses a tag by a request's header, and tells queue-proxy which one was chosen.
const TAG_HEADER: &str = "Knative-Serving-Tag";
/// Tells queue-proxy that the Route's own targets were chosen.
const DEFAULT_ROUTE_HEADER: &str = "Knative-Serving-Default-Route";

/// What rules are made of.
pub(super) struct Rules<'a> {
    /// The Route's namespace.
    pub(super) namespace: &'a Arc<str>,
    /// Its targets.
    pub(super) targets: &'a Targets,
    /// Shares that change over time.
    pub(super) rollout: &'a Rollout,
    /// Whether a header chooses a tag (`config-features` `tag-header-based-routing`).
    pub(super) by_header: bool,
}

impl Rules<'_> {
    /// The rules of all hosts: of each target those in the cluster first, then those outside.
    pub(super) fn of(&self, hosts: &BTreeMap<String, Hosts>) -> Vec<IngressRule> {
        let mut rules = Vec::new();
        for tag in self.targets.groups.keys() {
            let Some(hosts) = hosts.get(tag) else { continue };
            rules.push(self.rule(tag, hosts.local.clone(), Audience::ClusterLocal));
            rules.extend(
                hosts
                    .external
                    .iter()
                    .chain(&hosts.former)
                    .map(|host| self.rule(tag, vec![host.clone()], Audience::External)),
            );
        }
        rules
    }

    fn rule(&self, tag: &str, hosts: Vec<String>, audience: Audience) -> IngressRule {
        let mut paths = Vec::new();
        let mut base = self.path(tag);
        if self.by_header {
            let told = if tag.is_empty() { (DEFAULT_ROUTE_HEADER, "true") } else { (TAG_HEADER, tag) };
            base.append_headers = [told].into_iter().collect();
            if tag.is_empty() {
                let tags = self.targets.groups.keys().filter(|tag| !tag.is_empty());
                paths.extend(tags.map(|tag| self.path_by_header(tag)));
            }
        }
        paths.push(base);
        let visibility = audience.visibility().to_owned();
        IngressRule { hosts, visibility, http: Some(HttpRule { paths }) }
    }

    fn path_by_header(&self, tag: &str) -> HttpPath {
        let exact = HeaderMatch { exact: tag.to_owned() };
        HttpPath { headers: [(TAG_HEADER.to_owned(), exact)].into(), ..self.path(tag) }
    }

    /// The path that all requests of a group take.
    fn path(&self, tag: &str) -> HttpPath {
        let group = self.targets.groups.get(tag).into_iter().flatten().filter(|target| target.percent > 0);
        HttpPath { splits: group.flat_map(|target| self.splits(tag, target)).collect(), ..HttpPath::default() }
    }

    /// One split, or one for each revision that is rolled out.
    fn splits(&self, tag: &str, target: &Target) -> Vec<Split> {
        let rollout = if target.latest { self.rollout.of(tag, &target.found.configuration) } else { None };
        match rollout.filter(|rollout| rollout.revisions.len() > 1) {
            None => vec![self.split(target, &target.found.revision, target.percent)],
            Some(rollout) => {
                let revisions = rollout.revisions.iter();
                revisions.map(|one| self.split(target, &one.revision_name, one.percent)).collect()
            }
        }
    }

    fn split(&self, target: &Target, revision: &str, percent: i64) -> Split {
        let own = *revision == *target.found.revision;
        let headers = [("Knative-Serving-Revision", revision), ("Knative-Serving-Namespace", self.namespace)];
        Split {
            service_namespace: Arc::clone(self.namespace),
            service_name: if own { Arc::clone(&target.found.service) } else { revision.into() },
            service_port: IntOrString::Number(target.found.port),
            percent,
            append_headers: headers.into_iter().collect::<Fields>(),
        }
    }
}
