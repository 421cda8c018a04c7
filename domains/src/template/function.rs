//! The functions that every template of Go has (`text/template/funcs.go`).

use std::borrow::Cow;
use std::cmp::Ordering;

use super::format;
use super::value::{Problem, Value, fails, unsupported};

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    And,
    Or,
    Not,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Index,
    Len,
    Slice,
    Print,
    Printf,
    Println,
}

const FUNCTIONS: [(&str, Function); 15] = [
    ("and", Function::And),
    ("or", Function::Or),
    ("not", Function::Not),
    ("eq", Function::Eq),
    ("ne", Function::Ne),
    ("lt", Function::Lt),
    ("le", Function::Le),
    ("gt", Function::Gt),
    ("ge", Function::Ge),
    ("index", Function::Index),
    ("len", Function::Len),
    ("slice", Function::Slice),
    ("print", Function::Print),
    ("printf", Function::Printf),
    ("println", Function::Println),
];

/// The names of all, for people.
pub(super) fn names() -> String {
    FUNCTIONS.map(|(name, _)| name).join(", ")
}

impl Function {
    pub(super) fn of(name: &str) -> Option<Self> {
        FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
    }

    /// Its name.
    fn name(self) -> &'static str {
        FUNCTIONS.iter().find(|(_, function)| *function == self).map_or("", |(name, _)| name)
    }

    /// Whether so many arguments can be given.
    fn check_count(self, count: usize) -> Result<(), Problem> {
        let fits = match self {
            Self::Not | Self::Len => count == 1,
            Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge => count == 2,
            Self::Eq => count >= 2,
            Self::And | Self::Or | Self::Index | Self::Slice | Self::Printf => count >= 1,
            Self::Print | Self::Println => true,
        };
        if fits { Ok(()) } else { fails(format!("{} cannot be given {count} arguments", self.name())) }
    }

    /// Calls it. `and` and `or` are given values up to the one that decides.
    pub(super) fn call<'a>(self, mut arguments: Vec<Value<'a>>) -> Result<Value<'a>, Problem> {
        self.check_count(arguments.len())?;
        let text = |text: String| Value::Text(Cow::Owned(text));
        let order = |arguments: &[Value<'a>]| arguments[0].compare(&arguments[1]);
        Ok(match self {
            Self::And | Self::Or => arguments.pop().unwrap_or(Value::Nil),
            Self::Not => Value::Bool(!arguments[0].truth()),
            Self::Eq => Value::Bool(equals_any(&arguments)?),
            Self::Ne => Value::Bool(!equals_any(&arguments)?),
            Self::Lt => Value::Bool(order(&arguments)? == Ordering::Less),
            Self::Le => Value::Bool(order(&arguments)? != Ordering::Greater),
            Self::Gt => Value::Bool(order(&arguments)? == Ordering::Greater),
            Self::Ge => Value::Bool(order(&arguments)? != Ordering::Less),
            Self::Index => index(&arguments)?,
            Self::Len => Value::Int(length(&arguments[0])?),
            Self::Slice => slice(&arguments)?,
            Self::Print => text(format::print(&arguments)?),
            Self::Println => text(format::println(&arguments)?),
            Self::Printf => match &arguments[0] {
                Value::Text(form) => text(format::printf(form, &arguments[1..])?),
                other => return fails(format!("printf takes a text first, not {}", other.type_name())),
            },
        })
    }
}

/// Whether the first is equal to one of the others; those after it are not looked at.
fn equals_any(values: &[Value<'_>]) -> Result<bool, Problem> {
    for other in &values[1..] {
        if values[0].equals(other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn index<'a>(values: &[Value<'a>]) -> Result<Value<'a>, Problem> {
    let mut item = values[0].clone();
    if matches!(item, Value::Nil) {
        return fails("index takes a map first, not nil");
    }
    for key in &values[1..] {
        item = match (&item, key) {
            (Value::Map(map), Value::Text(key)) => {
                Value::Text(Cow::Borrowed(map.get(key.as_ref()).map_or("", String::as_str)))
            }
            (Value::Text(_), Value::Int(_)) => return unsupported("index takes no text; write slice"),
            _ => return fails(format!("index cannot look up {} in {}", key.type_name(), item.type_name())),
        };
    }
    Ok(item)
}

fn length(value: &Value<'_>) -> Result<i64, Problem> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::Map(map) => map.len(),
        other => return fails(format!("{} has no length", other.type_name())),
    };
    Ok(i64::try_from(length).unwrap_or(i64::MAX))
}

fn slice<'a>(values: &[Value<'a>]) -> Result<Value<'a>, Problem> {
    let Value::Text(text) = &values[0] else {
        return fails(format!("slice takes a text, not {}", values[0].type_name()));
    };
    let mut bounds = [0, text.len()];
    if values.len() > 3 {
        return fails("slice takes a text and two places");
    }
    for (bound, value) in bounds.iter_mut().zip(&values[1..]) {
        *bound = match value {
            Value::Int(place) => usize::try_from(*place).unwrap_or(usize::MAX),
            other => return fails(format!("slice takes numbers as places, not {}", other.type_name())),
        };
    }
    let [start, end] = bounds;
    if start > end || end > text.len() {
        return fails(format!("slice from {start} to {end} goes beyond the {} bytes of {text:?}", text.len()));
    }
    match text.get(start..end) {
        Some(part) => Ok(Value::Text(match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[start..end]),
            Cow::Owned(_) => Cow::Owned(part.to_owned()),
        })),
        None => unsupported(format!("slice from {start} to {end} cuts a character of {text:?}")),
    }
}
