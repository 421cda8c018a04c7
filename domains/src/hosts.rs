//! From a Route to its host names (`knative.dev/serving` `pkg/reconciler/route/domains/domains.go`).

use std::borrow::Cow;
use std::fmt;

use crate::config_network::{DOMAIN_TEMPLATE, TAG_TEMPLATE};
use crate::{DomainConfig, Map, NetworkConfig, Values, dns};

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
    let labels = with_visibility(route.labels, local);
    let domain = domains.domain_of(&labels);
    let (key, name) = if local {
        (None, format!("{hostname}.{}.{domain}", route.namespace))
    } else {
        let (namespace, annotations) = (route.namespace, route.annotations);
        let values = Values::Domain { name: hostname, namespace, domain, annotations, labels: &labels };
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
        let source = key.map_or_else(|| "its local name".to_owned(), |key| format!("{key} of config-network"));
        let fix = match key {
            _ if name.contains("<no value>") => {
                "set the label or annotation that is missing, or write {{index .Annotations \"...\"}}".to_owned()
            }
            Some(key) => {
                format!("shorten or rename the Route or its tag, or change {key}, {TAG_TEMPLATE} or the domain")
            }
            None => format!("shorten or rename the Route or its tag, or change {TAG_TEMPLATE}"),
        };
        self.error(key, format!("{source} gives {name:?}, which is no host name: it {problem}"), fix)
    }
}
