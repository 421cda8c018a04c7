//! Small maps of text, as annotations, labels and headers are.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A map of text in the order of its keys, without room to grow: thousands of objects are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fields(Box<[(Box<str>, Box<str>)]>);

impl Fields {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(other, _)| (**other).cmp(key)).ok()?;
        self.0.get(at).map(|(_, value)| &**value)
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values, in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// The same with one more key, or another value of it.
    #[must_use]
    pub fn with(&self, key: &str, value: &str) -> Self {
        self.iter().chain([(key, value)]).collect()
    }

    /// The same as an ordinary map.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// Keeps one key at most.
    pub fn keep_only(&mut self, key: &str) {
        self.retain(&[key]);
    }

    /// Keeps these keys at most.
    pub fn retain(&mut self, keys: &[&str]) {
        self.0 = std::mem::take(&mut self.0).into_iter().filter(|(other, _)| keys.contains(&&**other)).collect();
    }
}

impl<K: Into<Box<str>>, V: Into<Box<str>>> FromIterator<(K, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(fields: I) -> Self {
        let all: BTreeMap<Box<str>, Box<str>> =
            fields.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Self(all.into_iter().collect())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reading)
    }
}

/// Reads a map; of a key that comes twice the last value counts.
struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of text")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut all = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<Box<str>, Box<str>>()? {
            all.insert(key, value);
        }
        Ok(Fields(all.into_iter().collect()))
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_and_written_in_their_order() {
        let mut fields: Fields = serde_json::from_str(r#"{"b":"2","a":"1","c":"3"}"#).unwrap();
        assert_eq!(serde_json::to_string(&fields).unwrap(), r#"{"a":"1","b":"2","c":"3"}"#);
        assert_eq!((fields.get("b"), fields.get("d")), (Some("2"), None));
        fields.keep_only("c");
        assert_eq!(fields.iter().collect::<Vec<_>>(), [("c", "3")]);
        assert!(serde_json::from_str::<Fields>(r#"{"a":1}"#).is_err());
    }
}
