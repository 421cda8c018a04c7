//! From a Route to its host names (`knative.dev/serving` `pkg/reconciler/route/domains/domains.go`).

use std::borrow::Cow;
use std::fmt;

use crate::config_network::{DOMAIN_TEMPLATE, TAG_TEMPLATE};
use crate::{DomainConfig, Map, NO_VALUE, NetworkConfig, Values, dns};

/// The label with which an object is known inside the cluster only.
pub const VISIBILITY_LABEL: &str = "networking.knative.dev/visibility";

/// Its value on a Route.
pub(crate) const CLUSTER_LOCAL: &str = "cluster-local";

/// What of a Route makes its host names.
#[derive(Clone, Copy, Debug)]
pub struct RouteNames<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its labels.
    pub labels: &'a Map,
    /// Its annotations.
    pub annotations: &'a Map,
}

/// Why a Route has no host name. Its text is one line: `Route namespace/name: what is wrong; what to write instead`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Route {route}: {problem}; {fix}")]
pub struct HostError {
    /// Namespace and name of the Route.
    pub route: String,
    /// The key of `config-network` with the template that failed; none if the one built in did.
    pub key: Option<&'static str>,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub fix: String,
}

/// The hostname of a target, which is also the name of its placeholder Service: the name of the Route, or what
/// `tag-template` makes of it. The default target has an empty tag.
///
/// # Errors
/// The template cannot be executed with these values.
pub fn hostname(network: &NetworkConfig, route: &RouteNames<'_>, tag: &str) -> Result<String, HostError> {
    if tag.is_empty() {
        return Ok(route.name.to_owned());
    }
    let values = Values::Tag { name: route.name, tag };
    network.tag_template.execute(&values).map_err(|error| {
        route.error(
            Some(TAG_TEMPLATE),
            format!("{TAG_TEMPLATE} of config-network fails for tag {tag:?}: {error}"),
            format!("correct {TAG_TEMPLATE}, or name the tag otherwise"),
        )
    })
}

/// The domain of a hostname: the external one, or with `local` the one inside the cluster, for which Knative's own
/// template is used whatever is configured.
///
/// The labels that `config-domain` and the template see have the visibility that is asked for.
///
/// # Errors
/// The template cannot be executed with these values, or its result is no host name.
pub fn domain_name(
    domains: &DomainConfig,
    network: &NetworkConfig,
    route: &RouteNames<'_>,
    hostname: &str,
    local: bool,
) -> Result<String, HostError> {
    named(domains, network, route, &with_visibility(route.labels, local), hostname)
}

/// The domain that Knative writes into the placeholder Service of a hostname before anything is served: the one of
/// the Route's labels as they are. A Route without one gets no other host either.
///
/// `knative.dev/serving` `pkg/reconciler/route/resources/service.go` `MakeK8sPlaceholderService`
///
/// # Errors
/// As of [`domain_name`].
pub fn placeholder_domain(
    domains: &DomainConfig,
    network: &NetworkConfig,
    route: &RouteNames<'_>,
    hostname: &str,
) -> Result<String, HostError> {
    named(domains, network, route, route.labels, hostname)
}

fn named(
    domains: &DomainConfig,
    network: &NetworkConfig,
    route: &RouteNames<'_>,
    labels: &Map,
    hostname: &str,
) -> Result<String, HostError> {
    let domain = domains.domain_of(labels);
    let local = labels.get(VISIBILITY_LABEL).is_some_and(|value| value == CLUSTER_LOCAL);
    let (key, name) = if local {
        (None, format!("{hostname}.{}.{domain}", route.namespace))
    } else {
        let (namespace, annotations) = (route.namespace, route.annotations);
        let values = Values::Domain { name: hostname, namespace, domain, annotations, labels };
        let name = network.domain_template.execute(&values).map_err(|error| {
            let problem = format!("{DOMAIN_TEMPLATE} of config-network fails for it: {error}");
            route.error(Some(DOMAIN_TEMPLATE), problem, format!("correct {DOMAIN_TEMPLATE}"))
        })?;
        (Some(DOMAIN_TEMPLATE), name)
    };
    match dns::check_fqdn(&name) {
        Ok(()) => Ok(name),
        Err(problem) => Err(route.no_host_name(key, &name, &problem)),
    }
}

/// The names of a domain inside the cluster, sorted: without its suffixes as well as with them. What nobody could
/// look up is left out.
///
/// `knative.dev/networking` `pkg/ingress/ingress.go` `ExpandedHosts`
pub fn expanded_local_hosts(domain: &str, cluster_domain: &str) -> Vec<String> {
    let suffix = format!(".{cluster_domain}");
    let inside = domain.strip_suffix(&suffix);
    let short = inside.and_then(|inside| inside.strip_suffix(".svc"));
    let mut hosts: Vec<_> = [Some(domain), inside, short].into_iter().flatten().map(str::to_owned).collect();
    hosts.retain(|host| dns::has_top_level(host));
    hosts.sort_unstable();
    hosts
}

fn with_visibility(labels: &Map, local: bool) -> Cow<'_, Map> {
    let mut labels = Cow::Borrowed(labels);
    if local {
        labels.to_mut().insert(VISIBILITY_LABEL.to_owned(), CLUSTER_LOCAL.to_owned());
    } else if labels.contains_key(VISIBILITY_LABEL) {
        labels.to_mut().remove(VISIBILITY_LABEL);
    }
    labels
}

impl fmt::Display for RouteNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl RouteNames<'_> {
    fn error(&self, key: Option<&'static str>, problem: String, fix: String) -> HostError {
        HostError { route: self.to_string(), key, problem, fix }
    }

    fn no_host_name(&self, key: Option<&'static str>, name: &str, problem: &str) -> HostError {
        let source = match key {
            Some(key) => format!("{key} of config-network gives {name:?}, which"),
            None => format!("{name:?}, its name inside the cluster,"),
        };
        let fix = match key {
            _ if name.contains(NO_VALUE) => {
                "set the label or annotation that is missing, or write {{index .Annotations \"...\"}}".to_owned()
            }
            Some(key) => {
                format!("shorten or rename the Route or its tag, or change {key}, {TAG_TEMPLATE} or the domain")
            }
            None => format!("shorten or rename the Route or its tag, or change {TAG_TEMPLATE}"),
        };
        self.error(key, format!("{source} is no host name: it {problem}"), fix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> Map {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn network(entries: &[(&str, &str)]) -> NetworkConfig {
        NetworkConfig::parse(&map(entries)).unwrap()
    }

    /// Routes named `myroute` in `default`, with a label and an annotation.
    struct Case {
        domains: DomainConfig,
        labels: Map,
        annotations: Map,
    }

    impl Case {
        fn new() -> Self {
            let data = map(&[("example.com", ""), ("another-example.com", "selector: {app: prod}")]);
            Self {
                domains: DomainConfig::parse(&data, "cluster.local").unwrap(),
                labels: map(&[("bus", "mybus")]),
                annotations: map(&[("sub", "mysub")]),
            }
        }

        fn route(&self) -> RouteNames<'_> {
            RouteNames { name: "myroute", namespace: "default", labels: &self.labels, annotations: &self.annotations }
        }

        fn domain(&self, template: &str, name: &str, local: bool) -> Result<String, HostError> {
            domain_name(&self.domains, &network(&[("domain-template", template)]), &self.route(), name, local)
        }
    }

    #[test]
    fn a_hostname_is_that_of_the_route_or_of_its_tag() {
        let case = Case::new();
        for (template, tag, wanted) in [
            ("{{.Tag}}-{{.Name}}", "", "myroute"),
            ("{{.Tag}}-{{.Name}}", "v2", "v2-myroute"),
            ("{{.Name}}-{{.Tag}}", "v2", "myroute-v2"),
            ("{{.Tag}}-dot-{{.Name}}", "v2", "v2-dot-myroute"),
            ("{{.Tag}}.{{.Name}}", "v2", "v2.myroute"),
        ] {
            assert_eq!(hostname(&network(&[("tag-template", template)]), &case.route(), tag).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn a_domain_is_what_the_template_makes_of_it() {
        let case = Case::new();
        for (template, local, wanted) in [
            ("{{.Name}}.{{.Namespace}}.{{.Domain}}", false, "test.default.example.com"),
            ("{{.Name}}-{{.Namespace}}.{{.Domain}}", false, "test-default.example.com"),
            ("{{.Name}}-{{.Namespace}}.{{.Domain}}", true, "test.default.svc.cluster.local"),
            ("{{.Name}}.{{.Domain}}", false, "test.example.com"),
            ("{{.Name}}.{{.Domain}}.", false, "test.example.com."),
            ("{{.Name}}.{{index .Annotations \"sub\"}}.{{.Domain}}", false, "test.mysub.example.com"),
            ("{{.Name}}.{{index .Labels \"bus\"}}.{{.Domain}}", false, "test.mybus.example.com"),
        ] {
            assert_eq!(case.domain(template, "test", local).as_deref(), Ok(wanted), "{template}");
        }
    }

    #[test]
    fn labels_have_the_visibility_that_is_asked_for() {
        let template = "{{.Name}}{{with index .Labels \"networking.knative.dev/visibility\"}}-{{.}}{{end}}.{{.Domain}}";
        let mut case = Case::new();
        case.labels = map(&[(VISIBILITY_LABEL, "cluster-local"), ("app", "prod")]);
        assert_eq!(case.domain(template, "x", false).as_deref(), Ok("x.another-example.com"));
        assert_eq!(case.domain(template, "x", true).as_deref(), Ok("x.default.svc.cluster.local"));
    }

    #[test]
    fn without_a_default_the_external_name_is_under_the_local_domain() {
        let case = Case { domains: DomainConfig::default(), ..Case::new() };
        assert_eq!(case.domain("{{.Name}}-x.{{.Domain}}", "test", false).as_deref(), Ok("test-x.svc.cluster.local"));
    }

    #[test]
    fn what_is_no_host_name_is_an_error_that_says_how_to_mend_it() {
        let case = Case::new();
        let long = "a".repeat(64);
        for (template, name, local, error) in [
            (
                "{{.Name}}",
                "test",
                false,
                "Route default/myroute: domain-template of config-network gives \"test\", which is no host name: it has no \
                 dot; shorten or rename the Route or its tag, or change domain-template, tag-template or the domain",
            ),
            (
                "{{.Name}}.{{with index .Annotations \"sub\"}}{{$.Labels.none}}{{end}}.com",
                "test",
                false,
                "Route default/myroute: domain-template of config-network gives \"test.<no value>.com\", which is no host \
                 name: it has \"<no value>\": only a-z, 0-9 and - may stand there, and - not at its ends; set the label or \
                 annotation that is missing, or write {{index .Annotations \"...\"}}",
            ),
            (
                "{{.Domain}}",
                &long,
                true,
                &format!(
                    "Route default/myroute: \"{long}.default.svc.cluster.local\", its name inside the cluster, is no host \
                     name: it has 64 characters in \"{long}\", more than the 63 of a label; shorten or rename the Route or \
                     its tag, or change tag-template"
                ),
            ),
            (
                "{{if .Annotations}}{{slice .Name 0 9}}{{end}}.{{.Domain}}",
                "test",
                false,
                "Route default/myroute: domain-template of config-network fails for it: line 1, column 22: slice from 0 to \
                 9 goes beyond the 4 bytes of \"test\"; correct domain-template",
            ),
        ] {
            assert_eq!(case.domain(template, name, local).unwrap_err().to_string(), error);
        }
        let error = hostname(&network(&[("tag-template", "{{slice .Tag 2}}")]), &case.route(), "a").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Route default/myroute: tag-template of config-network fails for tag \"a\": line 1, column 3: slice from 2 to \
             1 goes beyond the 1 bytes of \"a\"; correct tag-template, or name the tag otherwise"
        );
        assert_eq!(error.key, Some("tag-template"));
    }

    #[test]
    fn a_local_domain_has_short_names() {
        for (domain, wanted) in [
            (
                "hello.shop.svc.cluster.local",
                ["hello.shop", "hello.shop.svc", "hello.shop.svc.cluster.local"].as_slice(),
            ),
            ("hello.1.svc.cluster.local", &["hello.1.svc", "hello.1.svc.cluster.local"]),
            ("hello.svc.cluster.local", &["hello", "hello.svc", "hello.svc.cluster.local"]),
            ("hello.cluster.local", &["hello", "hello.cluster.local"]),
            ("hello.shop.example.com", &["hello.shop.example.com"]),
            ("hello.shop.svc.other.lan", &["hello.shop.svc.other.lan"]),
            ("10.0.0.5", &[]),
        ] {
            assert_eq!(expanded_local_hosts(domain, "cluster.local"), wanted, "{domain}");
        }
        assert_eq!(expanded_local_hosts("a.b.svc.c1.lan", "c1.lan"), ["a.b", "a.b.svc", "a.b.svc.c1.lan"]);
    }
}
