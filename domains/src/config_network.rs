//! ConfigMap `config-network`.

use crate::{KeyFault, Map, NO_VALUE, Template, Values};

/// The key with the template of domains.
pub(crate) const DOMAIN_TEMPLATE: &str = "domain-template";

/// The key with the template of the hostnames of tags.
pub(crate) const TAG_TEMPLATE: &str = "tag-template";

/// What `config-network` says of routes (`knative.dev/networking` `pkg/config/config.go`).
///
/// `namespace-wildcard-cert-selector` and `mesh-compatibility-mode` are not read: the one is about certificates that
/// a controller makes, the other about probes of Knative's activator.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each key")]
pub struct NetworkConfig {
    /// `ingress-class`: the class of a Route that names none.
    pub ingress_class: String,
    /// `certificate-class`: the class of a Certificate.
    pub certificate_class: String,
    /// `domain-template`: the domain of a hostname, outside the cluster.
    pub domain_template: Template,
    /// `tag-template`: the hostname of a tag.
    pub tag_template: Template,
    /// `default-external-scheme`: the scheme of external URLs without TLS.
    pub default_external_scheme: String,
    /// `external-domain-tls`: Certificates are made for external hosts.
    pub external_domain_tls: bool,
    /// `cluster-local-domain-tls`: Certificates are made for hosts inside the cluster.
    pub cluster_local_domain_tls: bool,
    /// `system-internal-tls`: pods are spoken to over TLS.
    pub system_internal_tls: bool,
    /// `http-protocol`: what is done with plain HTTP on external hosts.
    pub http_protocol: HttpProtocol,
    /// `rollout-duration`: in which time a new revision takes over the traffic, in seconds; 0 at once.
    pub rollout_duration_seconds: u64,
    /// `autocreate-cluster-domain-claims`: a `DomainMapping` may take a domain nobody has.
    pub autocreate_cluster_domain_claims: bool,
}

/// What is done with plain HTTP on external hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpProtocol {
    /// It is served.
    #[default]
    Enabled,
    /// It is redirected to HTTPS.
    Redirected,
    /// The KIngress says nothing of it; deprecated by Knative.
    Disabled,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        let template = |text| Template::parse(text).unwrap_or_else(|error| unreachable!("a constant: {error}"));
        Self {
            ingress_class: "istio.ingress.networking.knative.dev".to_owned(),
            certificate_class: "cert-manager.certificate.networking.knative.dev".to_owned(),
            domain_template: template("{{.Name}}.{{.Namespace}}.{{.Domain}}"),
            tag_template: template("{{.Tag}}-{{.Name}}"),
            default_external_scheme: "http".to_owned(),
            external_domain_tls: false,
            cluster_local_domain_tls: false,
            system_internal_tls: false,
            http_protocol: HttpProtocol::default(),
            rollout_duration_seconds: 0,
            autocreate_cluster_domain_claims: false,
        }
    }
}

impl NetworkConfig {
    /// Reads the ConfigMap. Of several spellings of a key, the newest counts.
    ///
    /// # Errors
    /// Every value that cannot be used. Knative passes over the whole ConfigMap then and keeps what it had.
    pub fn parse(data: &Map) -> Result<Self, Vec<KeyFault>> {
        let mut keys = Keys { data, faults: Vec::new() };
        let default = Self::default();
        let config = Self {
            ingress_class: keys.text(&["ingress.class", "ingress-class"]).unwrap_or(default.ingress_class),
            certificate_class: keys
                .text(&["certificate.class", "certificate-class"])
                .unwrap_or(default.certificate_class),
            domain_template: keys.template(&["domainTemplate", DOMAIN_TEMPLATE], &default.domain_template, try_domain),
            tag_template: keys.template(&["tagTemplate", TAG_TEMPLATE], &default.tag_template, try_tag),
            default_external_scheme: keys
                .text(&["defaultExternalScheme", "default-external-scheme"])
                .unwrap_or(default.default_external_scheme),
            external_domain_tls: keys.is_enabled(&["autoTLS", "auto-tls", "external-domain-tls"]),
            cluster_local_domain_tls: keys.switch("cluster-local-domain-tls"),
            system_internal_tls: keys.switch("system-internal-tls") | keys.flag(&["internal-encryption"]),
            http_protocol: keys.http_protocol(),
            rollout_duration_seconds: keys.seconds(&["rolloutDuration", "rollout-duration"]),
            autocreate_cluster_domain_claims: keys
                .flag(&["autocreateClusterDomainClaims", "autocreate-cluster-domain-claims"]),
        };
        keys.flag(&["enable-mesh-pod-addressability"]);
        if keys.faults.is_empty() { Ok(config) } else { Err(keys.faults) }
    }
}

/// The keys as they are read; spellings of one go from the oldest to the newest.
struct Keys<'a> {
    data: &'a Map,
    faults: Vec<KeyFault>,
}

impl<'a> Keys<'a> {
    /// The spelling that counts, with its value.
    fn newest(&self, spellings: &[&'static str]) -> Option<(&'static str, &'a str)> {
        spellings.iter().rev().find_map(|key| Some((*key, self.data.get(*key)?.as_str())))
    }

    fn fault(&mut self, key: &str, problem: impl Into<String>, fix: impl Into<String>) {
        self.faults.push(KeyFault::new(key, problem, fix));
    }

    fn text(&self, spellings: &[&'static str]) -> Option<String> {
        self.newest(spellings).map(|(_, value)| value.trim().to_owned())
    }

    /// A truth value as Go's `strconv.ParseBool` reads it, in every spelling.
    fn flag(&mut self, spellings: &[&'static str]) -> bool {
        let mut flag = false;
        for key in spellings {
            match self.data.get(*key).map(String::as_str) {
                None => {}
                Some("1" | "t" | "T" | "true" | "TRUE" | "True") => flag = true,
                Some("0" | "f" | "F" | "false" | "FALSE" | "False") => flag = false,
                Some(value) => self.fault(key, format!("{value:?} is no truth value"), "write \"true\" or \"false\""),
            }
        }
        flag
    }

    /// Whether the value is `enabled`; anything else is not.
    fn is_enabled(&self, spellings: &[&'static str]) -> bool {
        self.newest(spellings).is_some_and(|(_, value)| value.eq_ignore_ascii_case("enabled"))
    }

    /// `enabled` or `disabled`, and nothing else.
    fn switch(&mut self, key: &'static str) -> bool {
        let value = self.data.get(key).map_or("", String::as_str);
        match value.to_ascii_lowercase().as_str() {
            "enabled" => return true,
            "" | "disabled" => {}
            _ => self.fault(key, format!("{value:?} is not known"), "write \"enabled\" or \"disabled\""),
        }
        false
    }

    fn http_protocol(&mut self) -> HttpProtocol {
        let Some((key, value)) = self.newest(&["httpProtocol", "http-protocol"]) else {
            return HttpProtocol::default();
        };
        match value.to_ascii_lowercase().as_str() {
            "redirected" => return HttpProtocol::Redirected,
            "disabled" => return HttpProtocol::Disabled,
            "" | "enabled" => {}
            _ => self.fault(key, format!("{value:?} is not known"), "write \"enabled\" or \"redirected\""),
        }
        HttpProtocol::Enabled
    }

    /// Whole seconds, in every spelling.
    fn seconds(&mut self, spellings: &[&'static str]) -> u64 {
        let mut seconds = Some(0);
        let mut newest = "";
        for key in spellings {
            match self.data.get(*key).map(|value| (value, value.parse::<i64>())) {
                None => {}
                Some((_, Ok(value))) => (newest, seconds) = (key, u64::try_from(value).ok()),
                Some((value, Err(_))) => {
                    self.fault(key, format!("{value:?} is no whole number"), "write seconds, such as \"120\"");
                }
            }
        }
        if seconds.is_none() {
            self.fault(newest, "is negative", "write seconds, such as \"120\", or \"0\" for no rollout");
        }
        seconds.unwrap_or_default()
    }

    /// A template that a trial can execute.
    fn template(
        &mut self,
        spellings: &[&'static str],
        default: &Template,
        trial: impl Fn(&Template) -> Result<(), String>,
    ) -> Template {
        let Some((key, text)) = self.newest(spellings) else { return default.clone() };
        let parsed = Template::parse(text.trim()).map_err(|error| error.to_string());
        parsed.and_then(|template| trial(&template).map(|()| template)).unwrap_or_else(|problem| {
            let fix = if problem.contains(NO_VALUE) {
                "write {{index .Annotations \"...\"}} for what a Route may lack".to_owned()
            } else {
                format!("write a template of Go such as {}", default.text())
            };
            self.fault(key, problem, fix);
            default.clone()
        })
    }
}

/// Executes a template of domains as Knative does before it takes it.
fn try_domain(template: &Template) -> Result<(), String> {
    let none = Map::new();
    let values = Values::Domain { name: "foo", namespace: "bar", domain: "baz.com", annotations: &none, labels: &none };
    let host = template.execute(&values).map_err(|error| error.to_string())?;
    check_host(&host).map_err(|problem| format!("gives {host:?} for Route bar/foo under baz.com: {problem}"))
}

/// Executes a template of tags as Knative does before it takes it.
fn try_tag(template: &Template) -> Result<(), String> {
    template.execute(&Values::Tag { name: "foo", tag: "v2" }).map(drop).map_err(|error| error.to_string())
}

/// What is wrong with the host of a URL. Go's `net/url` takes more than the domain name system does, as `<` or a port;
/// what has a meaning in a URL is refused.
fn check_host(host: &str) -> Result<(), String> {
    let host = host.strip_suffix('/').unwrap_or(host);
    if host.is_empty() {
        return Err("a host name is not empty".to_owned());
    }
    match host.chars().find(|c| c.is_ascii() && !(c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=<>\"".contains(*c))) {
        Some(c) => Err(format!("{c:?} cannot stand in a host name")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> Map {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_empty_config_map_is_the_default() {
        assert_eq!(NetworkConfig::parse(&Map::new()), Ok(NetworkConfig::default()));
        assert_eq!(NetworkConfig::parse(&map(&[("_example", "{{"), ("unknown", "x")])), Ok(NetworkConfig::default()));
    }

    #[test]
    fn keys_have_old_spellings_and_the_newest_counts() {
        let old = [
            ("ingress.class", "1"),
            ("certificate.class", "2"),
            ("domainTemplate", "3"),
            ("tagTemplate", "4"),
            ("rolloutDuration", "5"),
            ("defaultExternalScheme", "6"),
            ("autocreateClusterDomainClaims", "true"),
            ("httpProtocol", "redirected"),
            ("autoTLS", "enabled"),
            ("internal-encryption", "true"),
        ];
        let new = [
            ("ingress-class", " 7\n"),
            ("certificate-class", "8"),
            ("domain-template", "9"),
            ("tag-template", "10"),
            ("rollout-duration", "11"),
            ("default-external-scheme", "12"),
            ("autocreate-cluster-domain-claims", "false"),
            ("http-protocol", ""),
            ("auto-tls", "disabled"),
        ];
        let mut wanted = NetworkConfig {
            ingress_class: "1".to_owned(),
            certificate_class: "2".to_owned(),
            domain_template: Template::parse("3").unwrap(),
            tag_template: Template::parse("4").unwrap(),
            default_external_scheme: "6".to_owned(),
            external_domain_tls: true,
            cluster_local_domain_tls: false,
            system_internal_tls: true,
            http_protocol: HttpProtocol::Redirected,
            rollout_duration_seconds: 5,
            autocreate_cluster_domain_claims: true,
        };
        assert_eq!(NetworkConfig::parse(&map(&old)).as_ref(), Ok(&wanted));

        wanted.ingress_class = "7".to_owned();
        wanted.certificate_class = "8".to_owned();
        wanted.domain_template = Template::parse("9").unwrap();
        wanted.tag_template = Template::parse("10").unwrap();
        wanted.default_external_scheme = "12".to_owned();
        wanted.external_domain_tls = false;
        wanted.http_protocol = HttpProtocol::Enabled;
        wanted.rollout_duration_seconds = 11;
        wanted.autocreate_cluster_domain_claims = false;
        assert_eq!(NetworkConfig::parse(&map(&[old.as_slice(), new.as_slice()].concat())).as_ref(), Ok(&wanted));
    }

    #[test]
    fn values_that_are_words_have_no_case() {
        let read = |entries| NetworkConfig::parse(&map(entries)).unwrap();
        assert!(read(&[("external-domain-tls", "ENABLED")]).external_domain_tls);
        assert!(!read(&[("external-domain-tls", "yes")]).external_domain_tls);
        assert!(!read(&[("external-domain-tls", "Disabled"), ("auto-tls", "Enabled")]).external_domain_tls);
        assert!(read(&[("cluster-local-domain-tls", "Enabled")]).cluster_local_domain_tls);
        assert!(read(&[("system-internal-tls", "Enabled")]).system_internal_tls);
        assert!(!read(&[("system-internal-tls", "Disabled")]).system_internal_tls);
        assert_eq!(read(&[("http-protocol", "DISABLED")]).http_protocol, HttpProtocol::Disabled);
    }

    #[test]
    fn every_value_that_cannot_be_used_is_a_fault() {
        for (key, value, problem) in [
            ("rollout-duration", "1m", "\"1m\" is no whole number"),
            ("rollout-duration", "-444", "is negative"),
            ("rolloutDuration", "", "\"\" is no whole number"),
            ("autocreate-cluster-domain-claims", "salad", "\"salad\" is no truth value"),
            ("enable-mesh-pod-addressability", "yes", "\"yes\" is no truth value"),
            ("internal-encryption", "enabled", "\"enabled\" is no truth value"),
            ("http-protocol", "off", "\"off\" is not known"),
            ("system-internal-tls", "true", "\"true\" is not known"),
            ("cluster-local-domain-tls", "wrong", "\"wrong\" is not known"),
            ("domain-template", "", "a host name is not empty"),
            ("domain-template", "{{.Name}.{{.Domain}}", "line 1, column 8"),
            ("domain-template", "{{.Domain}}/{{.Name}}", "'/' cannot stand in a host name"),
            ("domain-template", "{{.NAme}}.{{.Domain}}", "there is no field .NAme"),
            ("domain-template", "{{.Annotations.sub}}.{{.Domain}}", "gives \"<no value>.baz.com\""),
            ("domain-template", "{{html .Name}}.{{.Domain}}", "html is not supported"),
            ("tag-template", "{{.Namespace}}", "there is no field .Namespace"),
        ] {
            let faults = NetworkConfig::parse(&map(&[(key, value)])).unwrap_err();
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert_eq!(faults[0].key, key);
            assert!(faults[0].problem.contains(problem), "{key}: {value}: {}", faults[0]);
            assert!(!faults[0].fix.is_empty());
        }
        let data = map(&[("rollout-duration", "x"), ("http-protocol", "x"), ("tag-template", "{{")]);
        assert_eq!(NetworkConfig::parse(&data).unwrap_err().len(), 3);
    }

    #[test]
    fn a_label_that_a_route_lacks_is_written_with_index() {
        let fix = |text| NetworkConfig::parse(&map(&[("domain-template", text)])).unwrap_err()[0].fix.clone();
        assert_eq!(
            fix("{{.Labels.sub}}.{{.Domain}}"),
            "write {{index .Annotations \"...\"}} for what a Route may lack"
        );
        assert_eq!(fix(""), "write a template of Go such as {{.Name}}.{{.Namespace}}.{{.Domain}}");
        assert!(NetworkConfig::parse(&map(&[("domain-template", "{{index .Labels \"sub\"}}x.{{.Domain}}")])).is_ok());
    }
}
