//! Questions about host names, and the answers of Knative's code and of ours.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests only")]

pub(crate) mod draw;

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use net_pingora_domains::{
    DomainConfig, FeatureConfig, HttpProtocol, KeyFault, Map, NetworkConfig, RouteNames, Template, TemplateError,
    TemplateFault, Values, domain_name, expanded_local_hosts, hostname,
};
use serde_json::{Value, json};

/// The domain of the cluster that Knative is told.
const CLUSTER_DOMAIN: &str = "cluster.local";

/// What is answered to a question.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Result(Value),
    /// An error, which Knative has too.
    Error(String),
    /// Something that Knative may take and we do not.
    Refused(String),
}

impl Answer {
    /// Whether Knative's answer is the same, or this one refuses to give any.
    pub(crate) fn is_that_of(&self, knative: &Value) -> bool {
        match self {
            Self::Result(result) => knative.get("result") == Some(result),
            Self::Error(_) => knative.get("error").is_some(),
            Self::Refused(_) => true,
        }
    }
}

impl From<TemplateError> for Answer {
    fn from(error: TemplateError) -> Self {
        match error.fault {
            TemplateFault::Syntax | TemplateFault::Execution => Self::Error(error.to_string()),
            TemplateFault::Unsupported | TemplateFault::Limit => Self::Refused(error.to_string()),
        }
    }
}

/// What faults of `config-domain` or `config-network` are; `refuses` says where we are stricter than Knative.
fn faulty(faults: &[KeyFault], refuses: impl Fn(&KeyFault) -> bool) -> Answer {
    let text = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    if faults.iter().any(refuses) { Answer::Refused(text) } else { Answer::Error(text) }
}

fn domain_config(data: &Map) -> Result<DomainConfig, Answer> {
    let stricter = ["without quotes", "has a YAML tag", "has a merge key", "is indented with a tab"];
    DomainConfig::parse(data, CLUSTER_DOMAIN)
        .map_err(|faults| faulty(&faults, |fault| stricter.iter().any(|problem| fault.problem.contains(problem))))
}

fn network_config(data: &Map) -> Result<NetworkConfig, Answer> {
    let in_urls = ['#', '%', ':', '@', '[', ']'].map(|c| format!("{c:?} cannot stand in a host name"));
    NetworkConfig::parse(data).map_err(|faults| {
        faulty(&faults, |fault| {
            in_urls.iter().any(|problem| fault.problem.contains(problem))
                || (fault.key.to_lowercase().contains("template")
                    && matches!(trial(&data[&fault.key]), Answer::Refused(_)))
        })
    })
}

/// What becomes of a template before it is taken.
fn trial(template: &str) -> Answer {
    let question = json!({"template": template.trim(), "name": "foo", "namespace": "bar", "domain": "baz.com"});
    ours(&question)
}

/// What Knative's own code answers, a line for each question; `None` without Go.
pub(crate) fn knatives(questions: &[Value]) -> Option<Vec<Value>> {
    let mut command = Command::new("go");
    command.args(["run", "./templates"]).current_dir(knative()).env("CLUSTER_DOMAIN", CLUSTER_DOMAIN);
    let mut child = match command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: needs Go 1.26 or newer as `go` on PATH, to run Knative's code in tests/knative");
            return None;
        }
        Err(error) => panic!("go: {error}"),
    };
    let lines = questions.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "go run: {}", output.status);
    writer.join().unwrap().unwrap();
    Some(values(&String::from_utf8(output.stdout).unwrap()))
}

/// The Go program with its questions and answers.
pub(crate) fn knative() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/knative")
}

/// A value of JSON on each line.
pub(crate) fn values(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

/// What we answer.
pub(crate) fn ours(question: &Value) -> Answer {
    let answer = if question.get("template").is_some() {
        execute(question)
    } else if question.get("config-domain").is_some() {
        hosts(question)
    } else if question.get("config-network").is_some() {
        network_config(&map(question, "config-network")).map(|read| network(&read))
    } else {
        let read = FeatureConfig::parse(&map(question, "config-features")).unwrap();
        Ok(json!({"tag-header-based-routing": read.tag_header_based_routing}))
    };
    answer.map_or_else(|error| error, Answer::Result)
}

fn text<'a>(question: &'a Value, field: &str) -> &'a str {
    question.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn map(question: &Value, field: &str) -> Map {
    let entries = question.get(field).and_then(Value::as_object).into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn execute(question: &Value) -> Result<Value, Answer> {
    let (annotations, labels) = (map(question, "annotations"), map(question, "labels"));
    let name = text(question, "name");
    let values = match text(question, "tag") {
        "" => Values::Domain {
            name,
            namespace: text(question, "namespace"),
            domain: text(question, "domain"),
            annotations: &annotations,
            labels: &labels,
        },
        tag => Values::Tag { name, tag },
    };
    Ok(Template::parse(text(question, "template"))?.execute(&values)?.into())
}

fn hosts(question: &Value) -> Result<Value, Answer> {
    let domains = domain_config(&map(question, "config-domain"))?;
    let network = network_config(&map(question, "config-network"))?;
    let (labels, annotations) = (map(question, "labels"), map(question, "annotations"));
    let (name, namespace) = (text(question, "name"), text(question, "namespace"));
    let route = RouteNames { name, namespace, labels: &labels, annotations: &annotations };
    let local = question.get("local").is_some_and(|local| local == true);
    let primary = hostname(&network, &route, text(question, "tag"))
        .and_then(|hostname| domain_name(&domains, &network, &route, &hostname, local))
        .map_err(|error| Answer::Error(error.to_string()))?;
    let expanded = if local { expanded_local_hosts(&primary, CLUSTER_DOMAIN) } else { vec![primary.clone()] };
    Ok(json!({"domain": domains.domain_of(&labels), "primary": primary, "expanded": expanded}))
}

fn network(read: &NetworkConfig) -> Value {
    let http_protocol = match read.http_protocol {
        HttpProtocol::Enabled => "enabled",
        HttpProtocol::Redirected => "redirected",
        HttpProtocol::Disabled => "disabled",
    };
    json!({
        "ingress-class": read.ingress_class,
        "certificate-class": read.certificate_class,
        "domain-template": read.domain_template.text(),
        "tag-template": read.tag_template.text(),
        "default-external-scheme": read.default_external_scheme,
        "external-domain-tls": read.external_domain_tls,
        "cluster-local-domain-tls": read.cluster_local_domain_tls,
        "system-internal-tls": read.system_internal_tls,
        "http-protocol": http_protocol,
        "rollout-duration": read.rollout_duration_seconds,
        "autocreate-cluster-domain-claims": read.autocreate_cluster_domain_claims,
    })
}
