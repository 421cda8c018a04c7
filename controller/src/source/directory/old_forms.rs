//! Forms of Knative's objects that old books have, and what is written instead today.

use serde_json::Value;

use crate::api::{FieldFault, Kind};

/// The version of `serving.knative.dev` that is read.
const VERSION: &str = "serving.knative.dev/v1";

/// What is said of each `spec` of Serving before 0.7.
const MODES: [(&str, &str); 4] = [
    ("runLatest", "write spec.template in its place; the latest revision gets all requests by itself"),
    ("release", "write spec.template, and spec.traffic with a target for each revision"),
    ("pinned", "write spec.template, and spec.traffic with revisionName and percent: 100"),
    ("manual", "write a Route and a Configuration"),
];

/// Everything of an object of Serving's that has the form of an old book, with the form of today.
pub(super) fn faults(kind: Kind, value: &Value) -> Vec<FieldFault> {
    if !matches!(kind, Kind::Route | Kind::KnativeService | Kind::Configuration | Kind::Revision) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let version = value.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    if version != VERSION {
        faults.push(FieldFault::new("apiVersion", format!("{version} is an old form"), format!("write {VERSION}")));
    }
    let spec = value.get("spec");
    for (mode, fix) in MODES {
        if spec.is_some_and(|spec| spec.get(mode).is_some()) {
            faults.push(FieldFault::new(format!("spec.{mode}"), "is an old form", fix));
        }
    }
    if spec.is_some_and(|spec| spec.get("revisionTemplate").is_some()) {
        faults.push(FieldFault::new("spec.revisionTemplate", "is an old form", "write spec.template"));
    }
    faults.extend(tags(spec));
    faults.extend(concurrency(kind, value));
    faults
}

/// `traffic[].name` became `tag`.
fn tags(spec: Option<&Value>) -> impl Iterator<Item = FieldFault> {
    let targets = spec.and_then(|spec| spec.get("traffic")?.as_array()).into_iter().flatten().enumerate();
    targets.filter_map(|(index, target)| {
        let name = target.get("name")?.as_str().unwrap_or_default();
        let path = format!("spec.traffic[{index}].name");
        Some(FieldFault::new(path, "is an old form", format!("write tag: {name}")))
    })
}

/// A bound on concurrency was an annotation of the template once.
fn concurrency(kind: Kind, value: &Value) -> Option<FieldFault> {
    let template = match kind {
        Kind::KnativeService | Kind::Configuration => "/spec/template",
        _ => "",
    };
    let annotations = value.pointer(&format!("{template}/metadata/annotations"))?.as_object()?;
    let key =
        annotations.keys().find(|key| key.ends_with("/containerConcurrency") || *key == "containerConcurrency")?;
    let spec = format!("{template}/spec").replace('/', ".");
    let path = format!("{}.metadata.annotations[{key:?}]", template.replace('/', ".").trim_start_matches('.'));
    let fix = format!("write {}.containerConcurrency: {}", spec.trim_start_matches('.'), shown(&annotations[key]));
    Some(FieldFault::new(path.trim_start_matches('.'), "is an old form", fix))
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_old_form_names_its_field_and_the_form_of_today() {
        for (kind, value, wanted) in [
            (Kind::Route, json!({"apiVersion": VERSION, "spec": {"traffic": [{"tag": "a"}]}}), vec![]),
            (Kind::Ingress, json!({"apiVersion": "networking.internal.knative.dev/v1alpha1"}), vec![]),
            (
                Kind::KnativeService,
                json!({"apiVersion": "serving.knative.dev/v1alpha1", "spec": {"runLatest": {}}}),
                vec![
                    ("apiVersion", "write serving.knative.dev/v1"),
                    (
                        "spec.runLatest",
                        "write spec.template in its place; the latest revision gets all requests by itself",
                    ),
                ],
            ),
            (
                Kind::Route,
                json!({"apiVersion": VERSION, "spec": {"traffic": [{"percent": 100}, {"name": "blue"}]}}),
                vec![("spec.traffic[1].name", "write tag: blue")],
            ),
            (
                Kind::KnativeService,
                json!({"apiVersion": VERSION, "spec": {"template": {"metadata": {"annotations":
                    {"autoscaling.knative.dev/containerConcurrency": "10"}}}}}),
                vec![(
                    "spec.template.metadata.annotations[\"autoscaling.knative.dev/containerConcurrency\"]",
                    "write spec.template.spec.containerConcurrency: 10",
                )],
            ),
        ] {
            let faults = faults(kind, &value);
            let seen: Vec<_> = faults.iter().map(|fault| (fault.path.as_str(), fault.fix.as_str())).collect();
            assert_eq!(seen, wanted, "{value}");
        }
    }
}
