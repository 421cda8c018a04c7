//! The status of a Route and of a DomainMapping
//! (knative.dev/serving `pkg/apis/serving/v1/route_lifecycle.go`, `v1beta1/domainmapping_lifecycle.go`).

use std::time::SystemTime;

use serde_json::{Value, json};

use super::condition::{Condition, Truth};
use super::desired::{Progress, verdict};
use crate::api::Kind;
use crate::engine::{SourceRefusal, SourceReport};

/// What is told about certificates, which only a controller of its own could make.
const NO_TLS: &str = "external-domain-tls is not enabled";

/// The status that follows `previous`, as far as we write it.
pub(super) fn desired(
    kind: Kind,
    previous: &Value,
    generation: i64,
    report: &SourceReport,
    progress: &Progress,
    now: SystemTime,
) -> Value {
    let mut conditions = match kind {
        Kind::Route => vec![("AllTrafficAssigned", assigned(report))],
        _ => vec![("DomainClaimed", claimed(report)), ("ReferenceResolved", resolved(report))],
    };
    let certificate =
        if report.has_certificate { ("TLSProvided", "a Secret is given") } else { ("TLSNotEnabled", NO_TLS) };
    conditions.push(("CertificateProvisioned", Condition::noted(certificate.0, certificate.1)));
    conditions.push(("IngressReady", ingress_ready(report, progress)));
    let ready = summary(&conditions);
    conditions.push(("Ready", ready));
    conditions.sort_by_key(|(kind, _)| *kind);
    let since = |kind: &str| Condition::find(previous.get("conditions").unwrap_or(&Value::Null), kind);
    let conditions: Vec<_> =
        conditions.into_iter().map(|(kind, condition)| condition.since(&since(kind), now).json(kind)).collect();
    let mut status = json!({"observedGeneration": generation, "conditions": conditions});
    if let Some(url) = &report.url {
        status["url"] = url.as_str().into();
        status["address"] = json!({"url": report.address});
    }
    if kind == Kind::Route && report.refusal.is_none() {
        status["traffic"] = json!(report.traffic);
    }
    status
}

fn assigned(report: &SourceReport) -> Condition {
    report.refusal.as_ref().map_or_else(Condition::holds, SourceRefusal::condition)
}

fn claimed(report: &SourceReport) -> Condition {
    let claim = report.refusal.as_ref().filter(|refusal| refusal.reason == "DomainAlreadyClaimed");
    claim.map_or_else(Condition::holds, SourceRefusal::condition)
}

fn resolved(report: &SourceReport) -> Condition {
    match &report.refusal {
        None => Condition::holds(),
        Some(refusal) if refusal.reason == "DomainAlreadyClaimed" => Condition::default(),
        Some(refusal) => refusal.condition(),
    }
}

fn ingress_ready(report: &SourceReport, progress: &Progress) -> Condition {
    if report.refusal.is_some() {
        let message = "the version of now is not served";
        return Condition::fails(Truth::Unknown, "IngressNotConfigured", message);
    }
    match progress {
        Progress::Stuck(problem) => {
            let (_, truth, reason) = verdict(problem.trouble);
            Condition::fails(truth, reason, &problem.message)
        }
        Progress::Waiting(message) => Condition::fails(Truth::Unknown, "IngressNotConfigured", message),
        Progress::Ready if report.rolling => {
            let message = "A gradual rollout of the latest revision(s) is in progress.";
            Condition::fails(Truth::Unknown, "RolloutInProgress", message)
        }
        Progress::Ready => Condition::holds(),
    }
}

/// `Ready`: the first that fails, or else the first that is not known.
fn summary(conditions: &[(&str, Condition)]) -> Condition {
    let first = |truth| conditions.iter().map(|(_, condition)| condition).find(|condition| condition.truth == truth);
    first(Truth::False).or(first(Truth::Unknown)).cloned().unwrap_or_else(Condition::holds)
}

impl SourceRefusal {
    fn condition(&self) -> Condition {
        let truth = if self.failed { Truth::False } else { Truth::Unknown };
        Condition::fails(truth, self.reason, &self.message)
    }
}
