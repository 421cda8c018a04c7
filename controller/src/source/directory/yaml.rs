//! YAML (and JSON, which it contains) → values that know their lines.

use std::borrow::Cow;

use saphyr::{MarkedYaml, Scalar, ScanError, YamlData, YamlLoader};
use saphyr_parser::{Event, Parser, SpannedEventReceiver};
use serde_json::{Map, Number, Value};

/// Collections within each other; a manifest needs a dozen, and what walks a tree recurses.
const DEEPEST: usize = 64;

/// Nodes that all aliases of a file together may stand for.
const MOST_ALIASED: usize = 20_000;

/// Text that is not YAML.
#[derive(Debug)]
pub(super) struct Broken {
    /// Where, counted from one.
    pub(super) line: Option<usize>,
    /// What the parser says.
    pub(super) problem: String,
}

/// One node with its lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a>(&'a MarkedYaml<'a>);

/// Parses all documents of a text, with bounds on what a hostile one can cost.
pub(super) fn parse(text: &str) -> Result<Vec<MarkedYaml<'_>>, Broken> {
    let mut parser = Parser::new_from_str(text.trim_start_matches('\u{feff}'));
    let mut loader = YamlLoader::<MarkedYaml<'_>>::default();
    loader.alias_limit(MOST_ALIASED);
    let mut depth = 0_usize;
    while let Some(event) = parser.next_event() {
        let (event, span) = event?;
        match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
            Event::SequenceEnd | Event::MappingEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(Broken {
                line: Some(span.start.line()),
                problem: format!("is nested deeper than {DEEPEST} levels"),
            });
        }
        loader.on_event(event, span);
    }
    match loader.error() {
        Some(error) => Err(error.clone().into()),
        None => Ok(loader.into_documents()),
    }
}

impl From<ScanError> for Broken {
    fn from(error: ScanError) -> Self {
        Self { line: Some(error.marker().line()), problem: error.info().to_owned() }
    }
}

impl<'a> Node<'a> {
    /// The root of a document.
    pub(super) fn of(document: &'a MarkedYaml<'a>) -> Self {
        Self(document)
    }

    /// The line the node begins at, counted from one.
    pub(super) fn line(self) -> usize {
        self.0.span.start.line()
    }

    /// The entry of a mapping.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        self.entry(key).map(|(_, value)| value)
    }

    /// All items, if the node is a sequence.
    pub(super) fn items(self) -> impl Iterator<Item = Self> {
        let items = match &self.plain().data {
            YamlData::Sequence(items) => items.as_slice(),
            _ => &[],
        };
        items.iter().map(Self)
    }

    /// All items of the sequence under `key`.
    pub(super) fn items_of(self, key: &str) -> impl Iterator<Item = Self> {
        self.get(key).into_iter().flat_map(Self::items)
    }

    /// The line of the field at `path`, or of its nearest parent that is there.
    pub(super) fn line_of(self, path: &str) -> usize {
        let (mut node, mut line) = (self, self.line());
        for segment in segments(path) {
            let found = match segment {
                Segment::Key(key) => node.entry(&key),
                Segment::Index(index) => node.items().nth(index).map(|item| (item.line(), item)),
            };
            let Some((at, next)) = found else { break };
            (node, line) = (next, at);
        }
        line
    }

    /// The node as JSON. Entries that are null count as absent, as in the Kubernetes API.
    pub(super) fn to_value(self) -> Value {
        match &self.plain().data {
            YamlData::Value(scalar) => scalar_value(scalar),
            YamlData::Sequence(items) => items.iter().map(|item| Self(item).to_value()).collect(),
            YamlData::Mapping(_) => Value::Object(self.to_map()),
            _ => Value::Null,
        }
    }

    fn to_map(self) -> Map<String, Value> {
        let mut map = Map::new();
        let mut merged = Vec::new();
        for (key, value) in self.entries() {
            match key_text(key).as_ref() {
                "<<" => merged.push(value),
                key => drop(map.insert(key.to_owned(), value.to_value())),
            }
        }
        for source in
            merged.into_iter().flat_map(|value| if value.is_mapping() { vec![value] } else { value.items().collect() })
        {
            for (key, value) in source.to_map() {
                map.entry(key).or_insert(value);
            }
        }
        map.retain(|_, value| !value.is_null());
        map
    }

    fn is_mapping(self) -> bool {
        matches!(self.plain().data, YamlData::Mapping(_))
    }

    /// The node below its tags, which Kubernetes does not know.
    fn plain(self) -> &'a MarkedYaml<'a> {
        let mut node = self.0;
        while let YamlData::Tagged(_, inner) = &node.data {
            node = inner;
        }
        node
    }

    fn entries(self) -> impl Iterator<Item = (&'a MarkedYaml<'a>, Self)> {
        let entries = match &self.plain().data {
            YamlData::Mapping(entries) => Some(entries),
            _ => None,
        };
        entries.into_iter().flatten().map(|(key, value)| (key, Self(value)))
    }

    fn entry(self, wanted: &str) -> Option<(usize, Self)> {
        let (key, value) = self.entries().find(|(key, _)| key_text(key) == wanted)?;
        Some((key.span.start.line(), value))
    }
}

/// A key as JSON writes it.
fn key_text<'a>(key: &'a MarkedYaml<'_>) -> Cow<'a, str> {
    match &key.data {
        YamlData::Value(Scalar::String(text)) => Cow::Borrowed(text),
        _ => match Node(key).to_value() {
            Value::String(text) => text.into(),
            other => other.to_string().into(),
        },
    }
}

fn scalar_value(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(value) => Value::from(*value),
        Scalar::FloatingPoint(value) => Number::from_f64(value.into_inner()).map_or(Value::Null, Value::Number),
        Scalar::String(text) => Value::from(text.as_ref()),
    }
}

/// One step of a field's path.
#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Key(String),
    Index(usize),
}

/// The steps of a path like `spec.rules[0].headers["a b"]`.
fn segments(path: &str) -> Vec<Segment> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (key, tail) = quoted.split_once("\"]").unwrap_or((quoted, ""));
            steps.push(Segment::Key(key.to_owned()));
            rest = tail;
        } else if let Some((index, tail)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            steps.extend(index.parse().map(Segment::Index));
            rest = tail;
        } else {
            let plain = rest.trim_start_matches('.');
            let (key, tail) = plain.split_at(plain.find(['.', '[']).unwrap_or(plain.len()));
            steps.push(Segment::Key(key.to_owned()));
            rest = if key.is_empty() { "" } else { tail };
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(text: &str) -> Vec<Value> {
        parse(text).unwrap().iter().map(|document| Node::of(document).to_value()).collect()
    }

    #[test]
    fn yaml_becomes_what_kubernetes_reads() {
        for (text, wanted) in [
            ("a: 1\nb: yes\nc: true\nd: \"1\"\n", json!({"a": 1, "b": "yes", "c": true, "d": "1"})),
            ("80: x\ntrue: y\n", json!({"80": "x", "true": "y"})),
            ("a:\nb: ~\nc: [~]\n", json!({"c": [null]})),
            ("a: &x {b: 1, c: 2}\nd: *x\n", json!({"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 2}})),
            ("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n", json!({"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}})),
            ("a: !thing {b: !other 1}\n", json!({"a": {"b": 1}})),
            ("{\n\t\"a\": [\n\t\t1,\n\t\t\"\\u00fc\\/\"\n\t]\n}\n", json!({"a": [1, "ü/"]})),
            ("a: |\n  one\n  two\n", json!({"a": "one\ntwo\n"})),
        ] {
            assert_eq!(values(text), [wanted], "{text}");
        }
        assert_eq!(values("---\na: 1\n---\n# nothing\n---\nb: 2\n").len(), 3);
        assert_eq!(values(""), Vec::<Value>::new());
    }

    #[test]
    fn what_is_not_yaml_names_its_line() {
        for (text, line) in [("a: 1\nb: [\n", 3), ("a: 1\n  b: 2\n", 2), ("a: 1\na: 2\n", 2), ("a: b: c\n", 1)] {
            assert_eq!(parse(text).unwrap_err().line, Some(line), "{text}");
        }
    }

    #[test]
    fn hostile_nesting_and_aliases_are_refused() {
        let (open, close) = ("[".repeat(60), "]".repeat(60));
        let wide: String = (1..9)
            .map(|n| {
                let alias = format!("*a{}", n - 1);
                format!("a{n}: &a{n} [{}]\n", [alias.as_str(); 10].join(","))
            })
            .collect::<Vec<_>>()
            .concat();
        let deep = (1..100).map(|n| format!("a{n}: &a{n} {open}*a{}{close}\n", n - 1)).collect::<Vec<_>>().concat();
        let steps = (0..200).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<Vec<_>>().concat();
        for text in [
            format!("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n{wide}"),
            format!("a0: &a0 {open}x{close}\n{deep}"),
            "[".repeat(100_000),
            "{a: ".repeat(100_000),
            "- ".repeat(100_000),
            steps,
        ] {
            assert!(parse(&text).is_err());
        }
    }

    #[test]
    fn a_line_is_the_fields_or_its_nearest_parents() {
        let text =
            "# top\nspec:\n  rules:\n  - hosts:\n    - a\n    - b\n    http:\n      x.y: 1\n  -\n    hosts: []\n";
        let documents = parse(text).unwrap();
        for (path, line) in [
            ("spec", 2),
            ("spec.rules", 3),
            ("spec.rules[0]", 4),
            ("spec.rules[0].hosts[1]", 6),
            ("spec.rules[0].http[\"x.y\"]", 8),
            ("spec.rules[0].http.paths[3].splits", 7),
            ("spec.rules[1].hosts", 10),
            ("spec.rules[7].hosts", 3),
            ("status", 2),
            ("", 2),
        ] {
            assert_eq!(Node::of(&documents[0]).line_of(path), line, "{path}");
        }
    }
}
