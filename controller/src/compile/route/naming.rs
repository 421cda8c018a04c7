//! The hosts of a Route's targets (knative.dev/serving `pkg/reconciler/route/domains` and `visibility`).

use std::collections::{BTreeMap, BTreeSet};

use net_pingora_domains::{
    DomainConfig, FeatureConfig, HostError, Map, NetworkConfig, RouteNames, domain_name, expanded_local_hosts,
    hostname, placeholder_domain,
};

use crate::api::Route;
use crate::api::route::VISIBILITY_LABEL;
use crate::store::Store;

/// The ConfigMaps that decide about hosts and rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Naming {
    /// `config-domain`
    pub(crate) domain: DomainConfig,
    /// The same with domains of before, which are served a while longer.
    pub(crate) former: Vec<DomainConfig>,
    /// `config-network`
    pub(crate) network: NetworkConfig,
    /// `config-features`
    pub(crate) features: FeatureConfig,
    /// Like `cluster.local`.
    pub(crate) cluster_domain: String,
}

/// Who reaches a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Pods of the cluster.
    ClusterLocal,
    /// Everybody.
    External,
}

impl Audience {
    /// As a rule of a KIngress has it.
    pub(crate) fn visibility(self) -> &'static str {
        match self {
            Self::ClusterLocal => "ClusterLocal",
            Self::External => "ExternalIP",
        }
    }
}

/// The hosts of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts {
    /// In the cluster: always.
    pub(crate) local: Vec<String>,
    /// Outside, unless the target is cluster-local.
    pub(crate) external: Option<String>,
    /// What that was before the domain moved.
    pub(crate) former: Vec<String>,
}

impl Hosts {
    /// The one that is told to users, and who reaches it.
    pub(crate) fn shown(&self) -> (&str, Audience) {
        match &self.external {
            Some(host) => (host, Audience::External),
            // The full name is the last: it begins with the others.
            None => (self.local.last().map_or("", String::as_str), Audience::ClusterLocal),
        }
    }
}

/// What made a host of a Route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostOrigin {
    /// The target's tag; empty for the Route's own host.
    pub tag: String,
    /// The domain, and what in `config-domain` chose it.
    pub rule: String,
    /// The template that it went through.
    pub domain_template: String,
    /// The template of its first part, if it has a tag.
    pub tag_template: Option<String>,
}

/// A Route's names, as templates see them.
pub(crate) struct Named<'a> {
    route: &'a Route,
    labels: Map,
    annotations: Map,
    naming: &'a Naming,
}

impl<'a> Named<'a> {
    /// The names of a Route.
    pub(crate) fn new(route: &'a Route, naming: &'a Naming) -> Self {
        let metadata = &route.metadata;
        Self { route, labels: metadata.labels.to_map(), annotations: metadata.annotations.to_map(), naming }
    }

    fn names(&self) -> RouteNames<'_> {
        let metadata = &self.route.metadata;
        RouteNames {
            name: &metadata.name,
            namespace: &metadata.namespace,
            labels: &self.labels,
            annotations: &self.annotations,
        }
    }

    /// Whether no target is reached from outside.
    pub(crate) fn is_local(&self) -> bool {
        self.naming.domain.is_cluster_local(&self.labels)
    }

    /// What made a host, if it is one of these tags'.
    pub(crate) fn origin<'t>(
        &self,
        host: &str,
        tags: impl IntoIterator<Item = &'t String>,
        store: &Store,
    ) -> Option<HostOrigin> {
        let all = self.hosts(tags, store).ok()?;
        let (tag, audience) = all.into_iter().find_map(|(tag, hosts)| {
            let external = hosts.external.as_deref() == Some(host);
            let local = hosts.local.iter().any(|local| local == host);
            let audience = if external { Audience::External } else { Audience::ClusterLocal };
            (external || local).then_some((tag, audience))
        })?;
        let Naming { domain, network, cluster_domain, .. } = self.naming;
        let external = audience == Audience::External;
        let rule =
            if external { domain.rule_of(&self.labels) } else { format!("svc.{cluster_domain}, the cluster's own") };
        let template = if external { network.domain_template.text() } else { "{{.Name}}.{{.Namespace}}.{{.Domain}}" };
        let tag_template = (!tag.is_empty()).then(|| network.tag_template.text().to_owned());
        Some(HostOrigin { tag, rule, domain_template: template.to_owned(), tag_template })
    }

    /// The name of a tag's placeholder Service; none where the host name could not be one.
    pub(crate) fn placeholder(&self, tag: &str) -> Option<String> {
        let name = hostname(&self.naming.network, &self.names(), tag).ok()?;
        (!name.contains('.')).then_some(name)
    }

    /// A target whose placeholder Service could not exist has no host with Serving, and none here. A name with a
    /// dot, which no Service can have either, is served all the same.
    fn check_placeholder(&self, hostname: &str) -> Result<(), HostError> {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let first = hostname.starts_with(|first: char| first.is_ascii_lowercase());
        if hostname.contains('.') || (first && hostname.bytes().all(inner) && !hostname.ends_with('-')) {
            return Ok(());
        }
        Err(HostError {
            route: self.route.metadata.key().to_string(),
            key: Some("tag-template"),
            problem: format!("{hostname:?} cannot be the name of a Service, which has a letter first"),
            fix: "change tag-template of config-network, or name the tag otherwise".to_owned(),
        })
    }

    /// The hosts of each of these tags.
    ///
    /// # Errors
    /// A template or what it makes is no host name.
    pub(crate) fn hosts<'t>(
        &self,
        tags: impl IntoIterator<Item = &'t String>,
        store: &Store,
    ) -> Result<BTreeMap<String, Hosts>, HostError> {
        let hidden: BTreeSet<&str> = store
            .placeholders_of(&self.route.metadata.key())
            .filter(|service| service.metadata.labels.get(VISIBILITY_LABEL).is_some_and(|value| !value.is_empty()))
            .map(|service| &*service.metadata.name)
            .collect();
        tags.into_iter().map(|tag| Ok((tag.clone(), self.hosts_of(tag, &hidden)?))).collect()
    }

    fn hosts_of(&self, tag: &str, hidden: &BTreeSet<&str>) -> Result<Hosts, HostError> {
        let Naming { domain, network, cluster_domain, .. } = self.naming;
        let names = self.names();
        let hostname = hostname(network, &names, tag)?;
        let local = self.is_local() || hidden.contains(hostname.as_str());
        self.check_placeholder(&hostname)?;
        placeholder_domain(domain, network, &names, &hostname)?;
        let inside = domain_name(domain, network, &names, &hostname, true)?;
        let external = if local { None } else { Some(domain_name(domain, network, &names, &hostname, false)?) };
        let former = external.iter().flat_map(|_| &self.naming.former);
        let mut former: Vec<_> =
            former.filter_map(|domain| domain_name(domain, network, &names, &hostname, false).ok()).collect();
        former.retain(|host| Some(host) != external.as_ref());
        Ok(Hosts { local: expanded_local_hosts(&inside, cluster_domain), external, former })
    }
}
