//! ConfigMap `config-domain`: which domain a Route is under.

use std::collections::BTreeMap;

use crate::hosts::{CLUSTER_LOCAL, VISIBILITY_LABEL};
use crate::{KeyFault, Map, selector};

/// The key with what Knative documents; it is no domain.
const EXAMPLE_KEY: &str = "_example";

/// Which domain a Route is under (`knative.dev/serving` `pkg/reconciler/route/config/domain.go`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainConfig {
    /// The selector of each domain; an empty one makes a default.
    selectors: BTreeMap<String, Map>,
    /// `svc.<cluster domain>`
    local: String,
    /// What stands in for a default that the ConfigMap lacks.
    stand_in: Option<String>,
}

/// What decided on a domain.
enum Rule<'a> {
    /// The label that hides a Route from the outside.
    Label,
    /// A domain of the ConfigMap, with its selector.
    Selector(&'a str, &'a Map),
    /// A default that is not of the ConfigMap.
    StandIn(&'a str),
    /// Nothing.
    None,
}

impl Default for DomainConfig {
    /// No domain at all, in a cluster with the usual domain: every Route is cluster-local.
    fn default() -> Self {
        Self { selectors: BTreeMap::new(), local: "svc.cluster.local".to_owned(), stand_in: None }
    }
}

impl DomainConfig {
    /// Reads the ConfigMap in a cluster with this domain, such as `cluster.local`.
    ///
    /// # Errors
    /// Every value that is no selector. Knative passes over the whole ConfigMap then and keeps what it had.
    pub fn parse(data: &Map, cluster_domain: &str) -> Result<Self, Vec<KeyFault>> {
        let mut config = Self { local: format!("svc.{cluster_domain}"), ..Self::default() };
        let mut faults = Vec::new();
        for (domain, value) in data.iter().filter(|(domain, _)| *domain != EXAMPLE_KEY) {
            match selector::parse(value) {
                Ok(selector) => drop(config.selectors.insert(domain.clone(), selector)),
                Err(problem) => faults.push(KeyFault::new(domain, problem, selector::FIX)),
            }
        }
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    /// The same with this domain as the default, if it has none of its own.
    #[must_use]
    pub fn with_default(self, domain: &str) -> Self {
        Self { stand_in: Some(domain.to_owned()), ..self }
    }

    /// All domains that are known outside the cluster.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        let all = self.selectors.keys().chain(self.stand_in.as_ref().filter(|_| !self.has_default()));
        all.map(String::as_str).filter(|domain| *domain != self.local)
    }

    /// The domains of the ConfigMap without a selector; of several, Knative takes the smallest.
    pub fn defaults(&self) -> impl Iterator<Item = &str> {
        self.selectors.iter().filter(|(_, selector)| selector.is_empty()).map(|(domain, _)| domain.as_str())
    }

    /// Whether the ConfigMap itself has a domain without a selector.
    pub fn has_default(&self) -> bool {
        self.defaults().next().is_some()
    }

    /// The domain of a Route with these labels.
    pub fn domain_of(&self, labels: &Map) -> &str {
        match self.decide(labels) {
            Rule::Selector(domain, _) | Rule::StandIn(domain) => domain,
            Rule::Label | Rule::None => &self.local,
        }
    }

    /// Whether the domain of a Route with these labels is `svc.<cluster domain>`: its hosts are known inside only.
    pub fn is_cluster_local(&self, labels: &Map) -> bool {
        self.domain_of(labels) == self.local
    }

    /// What gave a Route with these labels its domain, for people.
    pub fn rule_of(&self, labels: &Map) -> String {
        match self.decide(labels) {
            Rule::Label => format!("label {VISIBILITY_LABEL}"),
            Rule::Selector(domain, selector) if selector.is_empty() => format!("{domain}, the default"),
            Rule::Selector(domain, selector) => {
                let labels: Vec<_> = selector.iter().map(|(label, value)| format!("{label}={value}")).collect();
                format!("{domain}, selector {}", labels.join(","))
            }
            Rule::StandIn(domain) => format!("{domain}, the gateway's default: config-domain has none"),
            Rule::None => "no default in config-domain".to_owned(),
        }
    }

    /// Of the selectors that match, the one with most labels; of several, that of the smallest domain.
    fn decide(&self, labels: &Map) -> Rule<'_> {
        if labels.get(VISIBILITY_LABEL).is_some_and(|value| value == CLUSTER_LOCAL) {
            return Rule::Label;
        }
        let has_default = self.has_default();
        let matches = |selector: &Map| selector.iter().all(|(label, value)| labels.get(label) == Some(value));
        let mut best: Option<(&String, &Map)> = None;
        for (domain, selector) in &self.selectors {
            // Knative puts its own default in the place of this one.
            let replaced = !has_default && self.stand_in.is_none() && *domain == self.local;
            let better = best.is_none_or(|(_, best)| selector.len() > best.len());
            if better && !replaced && matches(selector) {
                best = Some((domain, selector));
            }
        }
        match (best, &self.stand_in) {
            (Some((domain, selector)), _) => Rule::Selector(domain, selector),
            (None, Some(domain)) => Rule::StandIn(domain),
            (None, None) => Rule::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> Map {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn config(entries: &[(&str, &str)]) -> DomainConfig {
        DomainConfig::parse(&map(entries), "cluster.local").unwrap()
    }

    #[test]
    fn the_selector_with_most_labels_wins_then_the_smallest_domain() {
        let config = config(&[
            ("_example", "not: [yaml"),
            ("default.com", ""),
            ("default.net", "# none"),
            ("one.com", "selector:\n  app: foo\n"),
            ("also-one.com", "selector: {app: foo}"),
            ("two.com", "selector:\n  app: foo\n  version: prod\ntype: wildcard\n"),
            ("bar.com", "selector: {app: bar}"),
        ]);
        for (labels, domain, rule) in [
            (map(&[]), "default.com", "default.com, the default"),
            (map(&[("app", "other")]), "default.com", "default.com, the default"),
            (map(&[("app", "foo")]), "also-one.com", "also-one.com, selector app=foo"),
            (map(&[("app", "foo"), ("version", "beta")]), "also-one.com", "also-one.com, selector app=foo"),
            (map(&[("app", "foo"), ("version", "prod")]), "two.com", "two.com, selector app=foo,version=prod"),
            (map(&[("app", "bar"), ("x", "y")]), "bar.com", "bar.com, selector app=bar"),
            (map(&[("app", "bar"), (VISIBILITY_LABEL, "public")]), "bar.com", "bar.com, selector app=bar"),
            (
                map(&[("app", "bar"), (VISIBILITY_LABEL, "cluster-local")]),
                "svc.cluster.local",
                "label networking.knative.dev/visibility",
            ),
        ] {
            assert_eq!(config.domain_of(&labels), domain, "{labels:?}");
            assert_eq!(config.rule_of(&labels), rule, "{labels:?}");
            assert_eq!(config.is_cluster_local(&labels), domain == "svc.cluster.local", "{labels:?}");
        }
    }

    #[test]
    fn without_a_default_a_route_is_cluster_local_unless_another_is_given() {
        let config = config(&[("foo.com", "selector: {app: foo}")]);
        let none = map(&[]);
        assert!(!config.has_default());
        assert!(config.is_cluster_local(&none));
        assert_eq!(config.rule_of(&none), "no default in config-domain");
        assert!(DomainConfig::default().is_cluster_local(&none));

        let config = config.with_default("10-0-0-5.sslip.io");
        assert_eq!(config.domain_of(&none), "10-0-0-5.sslip.io");
        assert!(!config.is_cluster_local(&none));
        assert!(!config.has_default());
        assert_eq!(config.domain_of(&map(&[("app", "foo")])), "foo.com");

        let own = super::tests::config(&[("own.com", "")]).with_default("10-0-0-5.sslip.io");
        assert_eq!(own.domain_of(&none), "own.com");
    }

    #[test]
    fn the_default_that_knative_adds_replaces_a_selector_of_the_same_domain() {
        let labels = map(&[("app", "foo"), ("secret", "yes")]);
        let entries =
            [("foo.com", "selector: {app: foo}"), ("svc.cluster.local", "selector: {app: foo, secret: 'yes'}")];
        assert_eq!(config(&entries).domain_of(&labels), "foo.com");
        let with_default = [entries.as_slice(), &[("default.com", "")]].concat();
        assert_eq!(config(&with_default).domain_of(&labels), "svc.cluster.local");
        assert!(config(&with_default).is_cluster_local(&labels));
    }

    #[test]
    fn the_local_domain_is_that_of_the_cluster() {
        let config = DomainConfig::parse(&Map::new(), "c1.lan").unwrap();
        assert_eq!(config.domain_of(&Map::new()), "svc.c1.lan");
    }

    #[test]
    fn every_value_that_is_no_selector_is_a_fault() {
        let data = map(&[("a.com", "bad: yaml: all: day"), ("b.com", ""), ("c.com", "selector: [x]")]);
        let faults = DomainConfig::parse(&data, "cluster.local").unwrap_err();
        let keys: Vec<_> = faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, ["a.com", "c.com"]);
    }
}
