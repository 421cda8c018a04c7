//! The text of a file → typed objects and faults with lines.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::manifest::{Manifest, manifests};
use super::old_forms;
use super::yaml::{self, Node};
use crate::api::{FieldFault, Kind, Object, ObjectId};
use crate::fault::{Fault, Origin, with_key};

/// The names of all fields below a KIngress's `spec`, for suggestions.
const INGRESS_FIELDS: [&str; 20] = [
    "appendHeaders",
    "exact",
    "headers",
    "hosts",
    "http",
    "httpOption",
    "path",
    "paths",
    "percent",
    "rewriteHost",
    "rules",
    "secretName",
    "secretNamespace",
    "serviceName",
    "serviceNamespace",
    "servicePort",
    "spec",
    "splits",
    "tls",
    "visibility",
];

/// The names of all fields below a Route's `spec`.
const ROUTE_FIELDS: [&str; 7] =
    ["configurationName", "latestRevision", "percent", "revisionName", "spec", "tag", "traffic"];

/// The names of all fields below a DomainMapping's `spec`.
const MAPPING_FIELDS: [&str; 8] = ["apiVersion", "kind", "name", "namespace", "ref", "secretName", "spec", "tls"];

/// An object and the line it begins at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Located {
    /// The object.
    pub(super) object: Object,
    /// Counted from one.
    pub(super) line: usize,
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// Objects that have the right shape.
    pub(super) objects: Vec<(ObjectId, Located)>,
    /// Objects that have not.
    pub(super) misshapen: BTreeSet<ObjectId>,
    /// Whether something in the file does not say which object it is, so that none counts as gone.
    pub(super) incomplete: bool,
    /// Everything wrong.
    pub(super) faults: Vec<Fault>,
    /// Kinds that are not read.
    pub(super) other_kinds: BTreeSet<String>,
}

/// Parses a file.
pub(super) fn parse(file: &Arc<Path>, text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let documents = match yaml::parse(text) {
        Ok(documents) => documents,
        Err(broken) => {
            let problem = format!("is not YAML or JSON: {}", broken.problem);
            let fix = "correct the file; until then its last good version stays";
            parsed.faults.push(Fault::of_file(file, broken.line, problem, fix));
            parsed.incomplete = true;
            return parsed;
        }
    };
    for manifest in manifests(&documents) {
        match manifest {
            Manifest::Object { id, node, value } => object(file, id, node, value, &mut parsed),
            Manifest::OtherKind(kind) => drop(parsed.other_kinds.insert(kind)),
            Manifest::Nameless { kind, line, fault } => {
                let FieldFault { path: field, problem, fix } = fault;
                parsed.faults.push(Fault { kind, field, ..Fault::of_file(file, Some(line), problem, fix) });
                parsed.incomplete = true;
            }
        }
    }
    parsed.faults.sort_by_key(|fault| fault.line);
    parsed
}

/// Adds one object, or what is wrong with its shape.
fn object(file: &Arc<Path>, id: ObjectId, node: Node<'_>, value: Value, parsed: &mut Parsed) {
    match typed(id.kind, value) {
        Ok(object) => parsed.objects.push((id, Located { object, line: node.line() })),
        Err(faults) => {
            for fault in faults {
                let origin = Origin::of_file(Arc::clone(file), node.line_of(&fault.path));
                parsed.faults.push(Fault::of(&id, &origin, fault));
            }
            parsed.misshapen.insert(id);
        }
    }
}

/// Gives faults of this text's objects the line of their field instead of that of the object.
pub(super) fn locate<'f>(text: &str, faults: impl IntoIterator<Item = &'f mut Fault>) {
    let Ok(documents) = yaml::parse(text) else { return };
    let manifests = manifests(&documents);
    for fault in faults {
        let is_meant = |id: &ObjectId| {
            id.kind.to_string() == fault.kind && *id.key.name == fault.name && *id.key.namespace == fault.namespace
        };
        let node = manifests.iter().find_map(|manifest| match manifest {
            Manifest::Object { id, node, .. } if is_meant(id) => Some(*node),
            _ => None,
        });
        fault.line = node.map(|node| node.line_of(&fault.field)).or(fault.line);
    }
}

/// The value as an object of that kind.
fn typed(kind: Kind, value: Value) -> Result<Object, Vec<FieldFault>> {
    let old = old_forms::faults(kind, &value);
    if !old.is_empty() {
        return Err(old);
    }
    let shape = |fault| vec![fault];
    Ok(match kind {
        Kind::Ingress => Object::Ingress(Arc::new(strict(value, "KIngress", &INGRESS_FIELDS)?)),
        Kind::Route => Object::Route(Arc::new(strict(value, "Route", &ROUTE_FIELDS)?)),
        Kind::DomainMapping => Object::DomainMapping(Arc::new(strict(value, "DomainMapping", &MAPPING_FIELDS)?)),
        Kind::KnativeService => Object::KnativeService(Arc::new(plain(value).map_err(shape)?)),
        Kind::Configuration => Object::Configuration(Arc::new(plain(value).map_err(shape)?)),
        Kind::ClusterDomainClaim => Object::ClusterDomainClaim(Arc::new(plain(value).map_err(shape)?)),
        Kind::Service => Object::Service(Arc::new(plain(value).map_err(shape)?)),
        Kind::EndpointSlice => Object::EndpointSlice(Arc::new(plain(value).map_err(shape)?)),
        Kind::Endpoints => Object::Endpoints(Arc::new(plain(value).map_err(shape)?)),
        Kind::ConfigMap => Object::ConfigMap(Arc::new(plain(value).map_err(shape)?)),
        Kind::Revision => Object::Revision(Arc::new(plain(value).map_err(shape)?)),
        Kind::Secret => {
            let secret = plain(value).map_err(|fault| FieldFault { problem: "is not text".into(), ..fault });
            Object::Secret(Arc::new(secret.map_err(shape)?))
        }
    })
}

/// A kind of core Kubernetes; fields we do not know are none of our business.
fn plain<T: DeserializeOwned>(value: Value) -> Result<T, FieldFault> {
    serde_path_to_error::deserialize(value).map_err(|error| shape_fault(&error))
}

/// An object that is ours to read in full: a field we do not know would be silently without effect.
fn strict<T: DeserializeOwned>(value: Value, kind: &str, fields: &[&str]) -> Result<T, Vec<FieldFault>> {
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    let result = serde_ignored::deserialize(tracked, |path| unknown.extend(unknown_field(&path, kind, fields)));
    match result {
        Ok(object) if unknown.is_empty() => Ok(object),
        Ok(_) => Err(unknown),
        Err(error) => {
            unknown.push(shape_fault(&serde_path_to_error::Error::new(track.path(), error)));
            Err(unknown)
        }
    }
}

/// The fault of an unknown field, unless it is in a part that is the API server's.
fn unknown_field(path: &serde_ignored::Path<'_>, kind: &str, fields: &[&str]) -> Option<FieldFault> {
    let field = ignored_path(path);
    if matches!(field.split('.').next(), Some("apiVersion" | "kind" | "metadata" | "status")) {
        return None;
    }
    let serde_ignored::Path::Map { key, .. } = path else { return None };
    let close = |known: &&&str| strsim::damerau_levenshtein(&known.to_lowercase(), &key.to_lowercase()) <= 2;
    let fix = match fields.iter().filter(close).min_by_key(|known| strsim::levenshtein(known, key)) {
        Some(known) => format!("did you mean {known}?"),
        None => "remove it".to_owned(),
    };
    Some(FieldFault::new(field, format!("is not a field of a {kind}"), fix))
}

fn ignored_path(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}[{index}]", ignored_path(parent)),
        Path::Map { parent, key } => with_key(&ignored_path(parent), key),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            ignored_path(parent)
        }
    }
}

/// The fault of a value of the wrong type.
fn shape_fault(error: &serde_path_to_error::Error<serde_json::Error>) -> FieldFault {
    use serde_path_to_error::Segment;
    let field = error.path().iter().fold(String::new(), |path, segment| match segment {
        Segment::Seq { index } => format!("{path}[{index}]"),
        Segment::Map { key } => with_key(&path, key),
        Segment::Enum { .. } | Segment::Unknown => path,
    });
    let problem = error.inner().to_string();
    let fix = if problem.ends_with("expected a string") { "write it in quotes" } else { "write a value of that type" };
    FieldFault::new(field, problem, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Parsed {
        parse(&Path::new("a.yaml").into(), text)
    }

    fn faults(text: &str) -> Vec<String> {
        parsed(text).faults.iter().map(ToString::to_string).collect()
    }

    const INGRESS: &str = "apiVersion: networking.internal.knative.dev/v1alpha1\nkind: Ingress\nmetadata:\n  name: a\n";

    #[test]
    fn all_kinds_are_read_from_documents_and_lists_and_others_are_named() {
        let text = format!(
            "{INGRESS}---\napiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: n}}\n---\n\
             apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: v1, kind: Secret, metadata: {{name: t}}}}\n\
             - {{apiVersion: v1, kind: ConfigMap, metadata: {{name: c}}}}\n---\n\
             {{\"apiVersion\": \"discovery.k8s.io/v1\", \"kind\": \"EndpointSlice\", \"metadata\": {{\"name\": \"e\"}}}}\n---\n\
             apiVersion: v1\nkind: Endpoints\nmetadata: {{name: s}}\n---\napiVersion: apps/v1\nkind: Deployment\n---\n\
             apiVersion: networking.k8s.io/v1\nkind: Ingress\n---\n"
        );
        let parsed = parsed(&text);
        let ids: Vec<_> =
            parsed.objects.iter().map(|(id, located)| format!("{} {} {}", id.kind, id.key, located.line)).collect();
        assert_eq!(
            ids,
            [
                "Ingress default/a 1",
                "Service n/s 6",
                "Secret default/t 13",
                "ConfigMap default/c 14",
                "EndpointSlice default/e 16",
                "Endpoints default/s 18"
            ]
        );
        assert_eq!(
            parsed.other_kinds.into_iter().collect::<Vec<_>>(),
            ["apps/v1 Deployment", "networking.k8s.io/v1 Ingress"]
        );
        assert!(parsed.faults.is_empty() && !parsed.incomplete);
    }

    #[test]
    fn an_unknown_field_of_an_ingress_is_a_fault_with_a_suggestion() {
        for (content, wanted) in [
            (
                "spec:\n  rules:\n  - host: [a]\n",
                vec![
                    "a.yaml:7: Ingress default/a: spec.rules[0].host: is not a field of a KIngress; did you mean hosts?",
                ],
            ),
            (
                "spec:\n  rules:\n  - http:\n      paths:\n      - timeout: 3\n        splitz: []\n",
                vec![
                    "a.yaml:9: Ingress default/a: spec.rules[0].http.paths[0].timeout: is not a field of a KIngress; remove it",
                    "a.yaml:10: Ingress default/a: spec.rules[0].http.paths[0].splitz: is not a field of a KIngress; did you mean splits?",
                ],
            ),
            ("sepc: {}\n", vec!["a.yaml:5: Ingress default/a: sepc: is not a field of a KIngress; did you mean spec?"]),
            ("status: {conditions: []}\n", vec![]),
        ] {
            assert_eq!(faults(&format!("{INGRESS}{content}")), wanted);
        }
        assert!(faults(&INGRESS.replace("name: a", "name: a\n  uid: x\n  managedFields: []")).is_empty());
    }

    #[test]
    fn a_value_of_the_wrong_type_names_its_field_and_line() {
        for (text, wanted) in [
            (
                format!("{INGRESS}spec:\n  rules:\n  - http:\n      paths:\n      - splits:\n        - percent: all\n"),
                "a.yaml:10: Ingress default/a: spec.rules[0].http.paths[0].splits[0].percent: \
                 invalid type: string \"all\", expected i64; write a value of that type",
            ),
            (
                format!("{INGRESS}spec:\n  rules:\n  - http:\n      paths:\n      - appendHeaders:\n          A: 1\n"),
                "a.yaml:10: Ingress default/a: spec.rules[0].http.paths[0].appendHeaders.A: \
                 invalid type: integer `1`, expected a string; write it in quotes",
            ),
            (
                "apiVersion: v1\nkind: Secret\nmetadata: {name: t}\ndata:\n  tls.key: 12345\n".to_owned(),
                "a.yaml:5: Secret default/t: data[\"tls.key\"]: is not text; write it in quotes",
            ),
        ] {
            let parsed = parsed(&text);
            assert_eq!(parsed.faults[0].to_string(), wanted);
            assert_eq!((parsed.misshapen.len(), parsed.objects.len(), parsed.incomplete), (1, 0, false));
        }
    }

    #[test]
    fn what_does_not_say_which_object_it_is_leaves_the_file_incomplete() {
        for (text, wanted) in [
            ("a: 1\n b: 2\n", "a.yaml:2: is not YAML or JSON:"),
            ("hello\n", "a.yaml:1: kind: is required;"),
            ("kind: Service\n", "a.yaml:1: Service: apiVersion: is required;"),
            (
                "apiVersion: v1\nkind: Service\nmetadata:\n  labels: {}\n",
                "a.yaml:3: Service: metadata.name: is required;",
            ),
        ] {
            let parsed = parsed(text);
            assert!(parsed.incomplete, "{text}");
            let fault = parsed.faults[0].to_string();
            assert!(fault.starts_with(wanted), "{fault}");
        }
    }

    #[test]
    fn a_fault_found_later_gets_the_line_of_its_field() {
        let text = format!("# first\n---\n{INGRESS}spec:\n  rules:\n  - hosts:\n    - b\n");
        let mut fault = Fault {
            kind: "Ingress".into(),
            namespace: "default".into(),
            name: "a".into(),
            field: "spec.rules[0].hosts[0]".into(),
            ..Fault::default()
        };
        locate(&text, [&mut fault]);
        assert_eq!(fault.line, Some(10));
    }
}
