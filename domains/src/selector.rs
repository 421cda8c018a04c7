//! A value of `config-domain`: YAML with a selector.

use saphyr::{MarkedYaml, YamlData, YamlLoader};
use saphyr_parser::{Event, Parser, SpannedEventReceiver};

use crate::Map;
use crate::scalar::{self, Plain};

/// What to write instead.
pub(crate) const FIX: &str =
    "leave the value empty for a default domain, or write \"selector:\" and below it labels with quoted values";

/// Collections within each other; a selector needs two.
const DEEPEST: usize = 16;

/// Nodes that all aliases of a value together may stand for.
const MOST_ALIASED: usize = 1_000;

/// The labels of the selector, or what is wrong. What else there is, as `type`, says nothing about hosts.
///
/// Field names have no case, of two that are the same the last counts, and unquoted values that are no text become it:
/// so `sigs.k8s.io/yaml` reads them into Go's types.
pub(crate) fn parse(value: &str) -> Result<Map, String> {
    let document = document(value)?;
    let mut labels = Map::new();
    for (key, node) in document.as_ref().map_or(Ok(Vec::new()), |root| entries(root, "the value"))? {
        match key.to_ascii_lowercase().as_str() {
            "selector" => {
                for (label, value) in entries(node, "selector")? {
                    labels.insert(label, text(value)?.unwrap_or_default());
                }
            }
            "type" => drop(text(node)?),
            _ => {}
        }
    }
    Ok(labels)
}

/// The first document, whose scalars are still text; what follows it is not read.
fn document(value: &str) -> Result<Option<MarkedYaml<'_>>, String> {
    if has_tabs(value) {
        return Err("is indented with a tab, which YAML does not take".to_owned());
    }
    let mut parser = Parser::new_from_str(value);
    let mut loader = YamlLoader::<MarkedYaml<'_>>::default();
    loader.early_parse(false);
    loader.allow_duplicate_keys(true);
    loader.alias_limit(MOST_ALIASED);
    let mut depth = 0_usize;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| format!("is not YAML: {error}"))?;
        match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
            Event::SequenceEnd | Event::MappingEnd => depth = depth.saturating_sub(1),
            Event::DocumentEnd => {
                loader.on_event(event, span);
                break;
            }
            _ => {}
        }
        if depth > DEEPEST {
            return Err(format!("is nested deeper than {DEEPEST} levels"));
        }
        loader.on_event(event, span);
    }
    match loader.error() {
        Some(error) => Err(format!("is not YAML: {error}")),
        None => Ok(loader.into_documents().into_iter().next()),
    }
}

/// Whether a line outside of JSON begins with spaces and a tab.
fn has_tabs(value: &str) -> bool {
    let is_json = value.trim_start_matches([' ', '\n', '\r']).starts_with('{');
    !is_json && value.lines().any(|line| line.trim_start_matches(' ').starts_with('\t'))
}

/// The entries of a mapping; nothing has none.
fn entries<'a, 'i>(node: &'a MarkedYaml<'i>, what: &str) -> Result<Vec<(String, &'a MarkedYaml<'i>)>, String> {
    match &node.data {
        YamlData::Mapping(entries) => entries.iter().map(|(key, value)| Ok((key_text(key)?, value))).collect(),
        YamlData::Tagged(..) => Err(format!("has a YAML tag at {what}")),
        _ if matches!(text(node), Ok(None)) => Ok(Vec::new()),
        _ => Err(format!("{what} is not a mapping")),
    }
}

fn key_text(key: &MarkedYaml<'_>) -> Result<String, String> {
    match text(key)? {
        Some(key) if key != "<<" => Ok(key),
        Some(_) => Err("has a merge key".to_owned()),
        None => Err("has a key that is null".to_owned()),
    }
}

/// A scalar as text; none for null.
fn text(node: &MarkedYaml<'_>) -> Result<Option<String>, String> {
    let YamlData::Representation(text, style, tag) = &node.data else {
        return Err("has a list or a mapping where text belongs".to_owned());
    };
    if tag.is_some() {
        return Err(format!("has a YAML tag at {text:?}"));
    }
    match scalar::resolve(text, *style) {
        Plain::Text(text) => Ok(Some(text)),
        Plain::Null => Ok(None),
        Plain::Unclear => Err(format!("has {text} without quotes, which YAML does not read as text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(entries: &[(&str, &str)]) -> Map {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_selector_is_read_as_go_reads_it() {
        for (value, wanted) in [
            ("", labels(&[])),
            ("# only a comment\n", labels(&[])),
            ("---\n...\n", labels(&[])),
            ("{}", labels(&[])),
            ("~", labels(&[])),
            ("type: wildcard", labels(&[])),
            ("other: [1, {a: b}]", labels(&[])),
            ("selector:", labels(&[])),
            ("selector: {}", labels(&[])),
            ("selector:\n  app: prod\n", labels(&[("app", "prod")])),
            ("{\"selector\": {\"app\": \"prod\"}}", labels(&[("app", "prod")])),
            ("Selector: {app: prod}", labels(&[("app", "prod")])),
            ("selector: {app: prod, secret: yes}", labels(&[("app", "prod"), ("secret", "true")])),
            ("selector: {app: 'yes', v: \"1.0\"}", labels(&[("app", "yes"), ("v", "1.0")])),
            ("selector: {a: 1, b: 1.50, c: 0x10}", labels(&[("a", "1"), ("b", "1.5"), ("c", "16")])),
            ("selector: {empty: , tilde: ~}", labels(&[("empty", ""), ("tilde", "")])),
            ("selector: {1: a, yes: b}", labels(&[("1", "a"), ("true", "b")])),
            ("selector: {a: 1, a: 2}", labels(&[("a", "2")])),
            ("selector: &a {app: x}\nother: *a", labels(&[("app", "x")])),
            ("selector: {a: x}\n---\n[", labels(&[("a", "x")])),
            ("{\n\t\"selector\": {\n\t\t\"a\": \"x\"\n\t}\n}\n", labels(&[("a", "x")])),
        ] {
            assert_eq!(parse(value), Ok(wanted), "{value}");
        }
    }

    #[test]
    fn what_is_no_selector_says_what_is_wrong() {
        let deep = "[".repeat(17);
        for (value, problem) in [
            ("bad: yaml: all: day", "is not YAML"),
            (deep.as_str(), "is nested deeper than 16 levels"),
            ("selector:\n\ta: x\n", "is indented with a tab"),
            ("text", "the value is not a mapping"),
            ("[]", "the value is not a mapping"),
            ("selector: app", "selector is not a mapping"),
            ("selector: [app]", "selector is not a mapping"),
            ("selector: {app: [x]}", "has a list or a mapping where text belongs"),
            ("type: {a: b}", "has a list or a mapping where text belongs"),
            ("selector: {app: !!str 1}", "has a YAML tag at \"1\""),
            ("selector: !labels {app: x}", "has a YAML tag at selector"),
            ("selector: {day: 2020-01-02}", "has 2020-01-02 without quotes, which YAML does not read as text"),
            ("selector: {~: x}", "has a key that is null"),
            ("selector: {<<: {a: b}}", "has a merge key"),
        ] {
            let error = parse(value).unwrap_err();
            assert!(error.contains(problem), "{value}: {error}");
        }
    }
}
