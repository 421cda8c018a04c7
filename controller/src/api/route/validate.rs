//! What the traffic of a Route must keep to: knative.dev/serving `pkg/apis/serving/v1/route_validation.go`.
//!
//! Serving has a webhook refuse what is wrong. Without it the object is there, so it is refused here.

use std::collections::BTreeMap;

use super::TrafficTarget;
use crate::api::validate::FieldFault;

/// A DNS label that begins with a letter (RFC 1035 §2.3.1) has at most as many characters.
const LONGEST_TAG: usize = 63;

/// Who names the Configuration of a target that names no revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Owner {
    /// A Route names it.
    Route,
    /// A ksvc stands for the Configuration of its own name.
    KnativeService,
}

/// Everything wrong with the targets of a Route or of a ksvc.
pub(in crate::api) fn validate(traffic: &[TrafficTarget], owner: Owner) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    if traffic.is_empty() && owner == Owner::Route {
        faults.push(FieldFault::new("spec.traffic", "is empty", "write at least one target with percent: 100"));
    }
    let mut tags = BTreeMap::new();
    for (index, target) in traffic.iter().enumerate() {
        let path = format!("spec.traffic[{index}]");
        faults.extend(referent(&path, target, owner));
        faults.extend(latest(&path, target));
        faults.extend(percent(&path, target));
        faults.extend(tag(&path, target));
        if target.url.is_some() {
            faults.push(FieldFault::new(format!("{path}.url"), "is written by the gateway", "remove it"));
        }
        if !target.tag.is_empty()
            && let Some(first) = tags.insert(target.tag.as_str(), index)
        {
            let problem = format!("{:?} is also the tag of spec.traffic[{first}]", target.tag);
            faults.push(FieldFault::new(format!("{path}.tag"), problem, "give each target a tag of its own"));
        }
    }
    faults.extend(sum(traffic));
    faults
}

/// A target names a revision or a Configuration.
fn referent(path: &str, target: &TrafficTarget, owner: Owner) -> Option<FieldFault> {
    let TrafficTarget { revision_name, configuration_name, .. } = target;
    match (owner, revision_name.is_empty(), configuration_name.is_empty()) {
        (Owner::Route, true, true) => {
            let fix = "write revisionName, or configurationName for its latest revision";
            Some(FieldFault::new(path, "names neither a revision nor a Configuration", fix))
        }
        (Owner::Route, false, false) => {
            Some(FieldFault::new(path, "names both a revision and a Configuration", "remove one of them"))
        }
        (Owner::KnativeService, _, false) => {
            let fix = "remove it; latestRevision: true stands for it";
            Some(FieldFault::new(format!("{path}.configurationName"), "is implied by a ksvc", fix))
        }
        _ => None,
    }
}

fn latest(path: &str, target: &TrafficTarget) -> Option<FieldFault> {
    let wanted = target.revision_name.is_empty();
    target.latest_revision.filter(|&given| given != wanted).map(|given| {
        let names = if wanted { "no revision is named" } else { "a revision is named" };
        let fix = format!("write {wanted}, or remove it");
        FieldFault::new(format!("{path}.latestRevision"), format!("is {given} though {names}"), fix)
    })
}

fn percent(path: &str, target: &TrafficTarget) -> Option<FieldFault> {
    let given = target.percent.filter(|percent| !(0..=100).contains(percent))?;
    let problem = format!("{given} is not a percentage");
    Some(FieldFault::new(format!("{path}.percent"), problem, "write a number from 0 to 100"))
}

fn tag(path: &str, target: &TrafficTarget) -> Option<FieldFault> {
    let tag = &target.tag;
    let label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fine = tag.len() <= LONGEST_TAG
        && tag.bytes().all(label)
        && tag.starts_with(|first: char| first.is_ascii_lowercase())
        && !tag.ends_with('-');
    (!tag.is_empty() && !fine).then(|| {
        let problem = format!("{tag:?} is no part of a host name");
        let fix = "write lower-case letters, digits and hyphens, 63 at most, a letter first and no hyphen last";
        FieldFault::new(format!("{path}.tag"), problem, fix)
    })
}

fn sum(traffic: &[TrafficTarget]) -> Option<FieldFault> {
    let sum = traffic.iter().fold(0_i64, |sum, target| sum.saturating_add(target.percent.unwrap_or(0)));
    (sum != 100 && !traffic.is_empty()).then(|| {
        let problem = format!("the percentages add up to {sum}");
        FieldFault::new("spec.traffic", problem, "write percentages that add up to 100")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn paths(traffic: Value, owner: Owner) -> Vec<String> {
        let traffic: Vec<TrafficTarget> = serde_json::from_value(traffic).unwrap();
        validate(&traffic, owner).into_iter().map(|fault| fault.path).collect()
    }

    #[test]
    fn a_route_keeps_to_the_rules_of_servings_webhook() {
        for (traffic, wanted) in [
            (
                json!([{"revisionName": "a", "percent": 90}, {"configurationName": "c", "percent": 10, "tag": "t"}]),
                vec![],
            ),
            (json!([{"revisionName": "a", "percent": 100}, {"revisionName": "b", "tag": "x-1"}]), vec![]),
            (json!([]), vec!["spec.traffic"]),
            (json!([{"percent": 100}]), vec!["spec.traffic[0]"]),
            (json!([{"revisionName": "a", "configurationName": "b", "percent": 100}]), vec!["spec.traffic[0]"]),
            (json!([{"revisionName": "a", "percent": 50}]), vec!["spec.traffic"]),
            (json!([{"revisionName": "a"}]), vec!["spec.traffic"]),
            (
                json!([{"revisionName": "a", "percent": 101}, {"revisionName": "b", "percent": -1}]),
                vec!["spec.traffic[0].percent", "spec.traffic[1].percent"],
            ),
            (
                json!([{"revisionName": "a", "percent": 100, "latestRevision": true}]),
                vec!["spec.traffic[0].latestRevision"],
            ),
            (
                json!([{"configurationName": "a", "percent": 100, "latestRevision": false}]),
                vec!["spec.traffic[0].latestRevision"],
            ),
            (
                json!([{"revisionName": "a", "percent": 100, "tag": "t"}, {"revisionName": "b", "tag": "t"}]),
                vec!["spec.traffic[1].tag"],
            ),
            (json!([{"revisionName": "a", "percent": 100, "url": "http://x"}]), vec!["spec.traffic[0].url"]),
        ] {
            assert_eq!(paths(traffic.clone(), Owner::Route), wanted, "{traffic}");
        }
    }

    #[test]
    fn a_ksvc_may_leave_its_targets_out_and_names_no_configuration() {
        for (traffic, wanted) in [
            (json!([]), vec![]),
            (json!([{"percent": 100}]), vec![]),
            (json!([{"configurationName": "a", "percent": 100}]), vec!["spec.traffic[0].configurationName"]),
        ] {
            assert_eq!(paths(traffic.clone(), Owner::KnativeService), wanted, "{traffic}");
        }
    }

    #[test]
    fn a_tag_is_a_dns_label_that_begins_with_a_letter() {
        for tag in ["1a", "A", "a.b", "a-", "-a", "a_b", "é", &"a".repeat(64)] {
            let traffic = json!([{"revisionName": "a", "percent": 100, "tag": tag}]);
            assert_eq!(paths(traffic, Owner::Route), ["spec.traffic[0].tag"], "{tag}");
        }
        let traffic = json!([{"revisionName": "a", "percent": 100, "tag": "a".repeat(63)}]);
        assert!(paths(traffic, Owner::Route).is_empty());
    }
}
