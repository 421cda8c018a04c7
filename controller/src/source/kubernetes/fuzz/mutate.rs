//! Changes of a JSON value at any of its nodes.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

/// One change of the node at a place, the places counted from the root down.
#[derive(Clone, Debug)]
pub(super) struct Mutation {
    at: Index,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// Becomes this.
    Replace(Value),
    /// Loses the item or field there.
    Remove(Index),
    /// Has the item twice, or the field by another name too.
    Repeat(Index),
}

impl Mutation {
    /// Changes the value.
    pub(super) fn apply(self, value: &mut Value) {
        let mut place = self.at.index(count(value));
        if let Some(node) = node(value, &mut place) {
            change(node, self.what);
        }
    }
}

/// Up to three changes; none quite often.
pub(super) fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let what = prop_oneof![
        2 => odd().prop_map(What::Replace),
        1 => any::<Index>().prop_map(What::Remove),
        1 => any::<Index>().prop_map(What::Repeat),
    ];
    vec((any::<Index>(), what).prop_map(|(at, what)| Mutation { at, what }), 0..4)
}

/// Values that some field does not expect.
fn odd() -> impl Strategy<Value = Value> {
    let known = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(101),
        json!(65_536),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(0.5),
        json!(1e300),
        json!([]),
        json!({}),
        json!([null]),
        json!([[{}]]),
        json!({"a": null}),
        json!(""),
        json!("*"),
        json!("a..b"),
        json!("::1"),
        json!("a\nb"),
        json!("a\u{0}"),
        json!("bücher"),
        json!("x".repeat(300)),
    ];
    prop_oneof![4 => select(known), 1 => any::<i64>().prop_map(Value::from), 1 => any::<String>().prop_map(Value::from)]
}

fn children(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    }
}

fn count(value: &mut Value) -> usize {
    1 + children(value).into_iter().map(count).sum::<usize>()
}

/// The node that so many others come before.
fn node<'a>(value: &'a mut Value, place: &mut usize) -> Option<&'a mut Value> {
    if *place == 0 {
        return Some(value);
    }
    *place -= 1;
    children(value).into_iter().find_map(|child| node(child, place))
}

fn change(node: &mut Value, what: What) {
    match (node, what) {
        (node, What::Replace(value)) => *node = value,
        (Value::Array(items), What::Remove(at)) if !items.is_empty() => drop(items.remove(at.index(items.len()))),
        (Value::Array(items), What::Repeat(at)) if !items.is_empty() => {
            items.push(items[at.index(items.len())].clone());
        }
        (Value::Object(fields), what) if !fields.is_empty() => {
            let (What::Remove(at) | What::Repeat(at)) = what else { return };
            let key = fields.keys().nth(at.index(fields.len())).cloned().unwrap_or_default();
            let value = if matches!(what, What::Remove(_)) { fields.remove(&key) } else { fields.get(&key).cloned() };
            if let (What::Repeat(_), Some(value)) = (what, value) {
                fields.insert(key + "x", value);
            }
        }
        _ => {}
    }
}
