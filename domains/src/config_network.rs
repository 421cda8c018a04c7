//! ConfigMap `config-network`.

use crate::{KeyFault, Map, Template, TemplateError, Values};

/// The key with the template of domains.
pub(crate) const DOMAIN_TEMPLATE: &str = "domain-template";

/// The key with the template of the hostnames of tags.
pub(crate) const TAG_TEMPLATE: &str = "tag-template";

/// What `config-network` says of routes (`knative.dev/networking` `pkg/config/config.go`).
///
/// `namespace-wildcard-cert-selector` and `mesh-compatibility-mode` are not read: the one is about certificates that
/// a controller makes, the other about probes of Knative's activator.
#[derive(Clone, Debug, PartialEq, Eq)]
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
            domain_template: keys
                .template(&["domainTemplate", DOMAIN_TEMPLATE], check_domain)
                .unwrap_or(default.domain_template),
            tag_template: keys.template(&["tagTemplate", TAG_TEMPLATE], check_tag).unwrap_or(default.tag_template),
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

    /// A template that the check can execute.
    fn template(
        &mut self,
        spellings: &[&'static str],
        check: impl Fn(&Template) -> Result<(), String>,
    ) -> Option<Template> {
        let (key, text) = self.newest(spellings)?;
        let parsed = Template::parse(text.trim()).map_err(|error| error.to_string());
        match parsed.and_then(|template| check(&template).map(|()| template)) {
            Ok(template) => Some(template),
            Err(problem) => {
                let default = if key == spellings[1] { "" } else { "" };
                let _ = default;
                self.fault(key, problem, "write a Go template such as {{.Name}}.{{.Namespace}}.{{.Domain}}");
                None
            }
        }
    }
}

/// Whether a trial gives what can stand as the host of a URL.
fn check_domain(template: &Template) -> Result<(), String> {
    let none = Map::new();
    let values = Values::Domain { name: "foo", namespace: "bar", domain: "baz.com", annotations: &none, labels: &none };
    let host = template.execute(&values).map_err(|error: TemplateError| error.to_string())?;
    check_host(&host).map_err(|problem| format!("gives {host:?} for Route bar/foo and domain baz.com: {problem}"))
}

fn check_tag(template: &Template) -> Result<(), String> {
    template.execute(&Values::Tag { name: "foo", tag: "v2" }).map(drop).map_err(|error| error.to_string())
}

/// What is wrong with the host of a URL: Go's `net/url` takes more than the domain name system does.
fn check_host(host: &str) -> Result<(), String> {
    let host = host.strip_suffix('/').unwrap_or(host);
    if host.is_empty() {
        return Err("it is empty".to_owned());
    }
    match host.chars().find(|c| c.is_ascii() && !(c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=<>\"".contains(*c))) {
        Some(c) => Err(format!("{c:?} cannot stand in a host name")),
        None => Ok(()),
    }
}
