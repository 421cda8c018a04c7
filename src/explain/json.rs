//! The explanation for programs: one JSON object.

use net_pingora_controller::HostOrigin;
use net_pingora_routing::{Backend, EndpointSet, Header, Missing, Path, Split, Step, Target};
use serde_json::{Map, Value, json};

use super::Answer;
use super::reason::{Reason, miss_text, miss_word};
use super::text::protocol;

/// An answer as JSON.
pub(super) fn json(answer: &Answer) -> Value {
    let Answer { asked, told, nearest, origin, .. } = answer;
    let chosen = answer.chosen();
    let others = told.steps.iter().filter(|step| !step.chosen);
    json!({
        "listener": asked.listeners(),
        "host": told.host,
        "path": asked.url.path,
        "routed": chosen.is_some(),
        "redirect": told.redirect,
        "matchedHost": told.matched,
        "hostFrom": origin.as_ref().map(host_from),
        "by": chosen.map(|path| chosen_path(path, answer)),
        "not": others.map(|step| other_path(step, answer)).collect::<Vec<_>>(),
        "miss": told.outcome.as_ref().err().map(|miss| json!({
            "reason": miss_word(*miss),
            "text": miss_text(*miss, asked),
        })),
        "nearestHosts": nearest,
    })
}

/// What made the host of a Route.
fn host_from(origin: &HostOrigin) -> Value {
    let HostOrigin { tag, rule, domain_template, tag_template } = origin;
    json!({"tag": tag, "domain": rule, "domainTemplate": domain_template, "tagTemplate": tag_template})
}

fn chosen_path(path: &Path, answer: &Answer) -> Value {
    let mut value = place(path, answer);
    let rewrite = path.rewrite_host.as_ref().map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    value.insert("rewriteHost".to_owned(), json!(rewrite));
    value.insert("appendHeaders".to_owned(), headers(&path.append_headers));
    value.insert("splits".to_owned(), path.splits.as_slice().iter().map(split).collect());
    Value::Object(value)
}

fn other_path(step: &Step, answer: &Answer) -> Value {
    let mut value = place(&step.path, answer);
    let reason = Reason::of(step, answer);
    value.insert("reason".to_owned(), json!(reason.word()));
    value.insert("text".to_owned(), json!(reason.to_string()));
    Value::Object(value)
}

/// A path's place in its object.
fn place(path: &Path, answer: &Answer) -> Map<String, Value> {
    let key = &path.ingress.key;
    let kind = answer.sources.get(key).map(ToString::to_string);
    [
        ("kind", json!(kind)),
        ("namespace", json!(&*key.namespace)),
        ("ingress", json!(&*key.name)),
        ("rule", json!(path.rule)),
        ("path", json!(path.index)),
        ("prefix", json!(&*path.prefix)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

fn split(split: &Split) -> Value {
    let key = &split.backend.key;
    json!({
        "percent": split.percent,
        "namespace": &*key.namespace,
        "service": &*key.service,
        "port": key.port.to_string(),
        "protocol": protocol(split.backend.upstream().protocol),
        "target": target(&split.backend),
        "appendHeaders": headers(&split.append_headers),
    })
}

fn target(backend: &Backend) -> Value {
    match &backend.upstream().target {
        Target::Missing(Missing::Service) => json!({ "missing": "service" }),
        Target::Missing(Missing::Port) => json!({ "missing": "port" }),
        Target::Internal => json!({ "internal": true }),
        Target::Name { host, port } => json!({ "dns": format!("{host}:{port}") }),
        Target::Revision(pods) => {
            let addresses = |set: &EndpointSet| set.as_slice().iter().map(|pod| pod.address).collect::<Vec<_>>();
            json!({ "revision": { "ready": addresses(&pods.ready), "starting": addresses(&pods.starting) } })
        }
        Target::Endpoints(set) => {
            json!({ "endpoints": set.as_slice().iter().map(|endpoint| endpoint.address).collect::<Vec<_>>() })
        }
    }
}

fn headers(headers: &[Header]) -> Value {
    let pair = |(name, value): &Header| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes())));
    Value::Object(headers.iter().map(pair).collect())
}
