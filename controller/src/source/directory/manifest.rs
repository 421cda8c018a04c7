//! The objects of a file, before anything is known of their fields.

use net_pingora_routing::ObjectKey;
use saphyr::MarkedYaml;
use serde_json::Value;

use super::yaml::Node;
use crate::api::{FieldFault, Kind, ObjectId};

/// What one document, or one item of a `List`, says it is.
pub(super) enum Manifest<'a> {
    /// An object that is read.
    Object {
        /// Which one.
        id: ObjectId,
        /// Its node.
        node: Node<'a>,
        /// Its content.
        value: Value,
    },
    /// An object of a kind that is not read.
    OtherKind(String),
    /// Something that says of no object what it is.
    Nameless {
        /// Its kind, if it says so much.
        kind: String,
        /// Where the field is or should be.
        line: usize,
        /// What is missing.
        fault: FieldFault,
    },
}

/// All manifests of a file's documents; empty documents are none, and lists are unpacked.
pub(super) fn manifests<'a>(documents: &'a [MarkedYaml<'a>]) -> Vec<Manifest<'a>> {
    let mut all = Vec::new();
    for document in documents {
        unpack(Node::of(document), &mut all);
    }
    all
}

fn unpack<'a>(node: Node<'a>, all: &mut Vec<Manifest<'a>>) {
    let text = |key| node.get(key).map(Node::to_value).and_then(|value| value.as_str().map(str::to_owned));
    let kind = text("kind").unwrap_or_default();
    if kind.ends_with("List") && node.get("items").is_some() {
        for item in node.items_of("items") {
            unpack(item, all);
        }
        return;
    }
    let value = node.to_value();
    if !value.is_null() {
        all.push(manifest(node, value, &text("apiVersion").unwrap_or_default(), kind));
    }
}

fn manifest<'a>(node: Node<'a>, value: Value, api_version: &str, kind: String) -> Manifest<'a> {
    let nameless = |kind: String, path: &str, fix: &str| {
        let fault = FieldFault::new(path, "is required", fix);
        Manifest::Nameless { kind, line: node.line_of(path), fault }
    };
    if kind.is_empty() {
        return nameless(kind, "kind", "write apiVersion, kind and metadata of a Kubernetes object");
    }
    if api_version.is_empty() {
        return nameless(kind, "apiVersion", "write the version of the kind, like v1");
    }
    let Some(known) = Kind::of(api_version, &kind) else {
        return Manifest::OtherKind(format!("{api_version} {kind}"));
    };
    let meta = |key: &str| value.pointer(&format!("/metadata/{key}")).and_then(Value::as_str);
    match (meta("name").unwrap_or_default(), meta("namespace").unwrap_or("default")) {
        ("", _) => nameless(kind, "metadata.name", "write the object's name"),
        (name, namespace) => {
            let key = ObjectKey::new(if known.is_cluster_scoped() { "" } else { namespace }, name);
            Manifest::Object { id: ObjectId { kind: known, key }, node, value }
        }
    }
}
