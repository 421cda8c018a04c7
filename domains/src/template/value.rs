//! Values of an execution.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::TemplateFault::{self, Execution, Unsupported};
use super::Values;
use crate::Map;

/// What an operand is.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    /// `nil`, and what a map does not have.
    Nil,
    Bool(bool),
    Int(i64),
    Text(Cow<'a, str>),
    Map(&'a Map),
    /// What the template is executed with.
    Record(&'a Values<'a>),
}

/// What went wrong, before it is known where.
pub(super) type Problem = (TemplateFault, String);

pub(super) fn fails<T>(problem: impl Into<String>) -> Result<T, Problem> {
    Err((Execution, problem.into()))
}

pub(super) fn unsupported<T>(problem: impl Into<String>) -> Result<T, Problem> {
    Err((Unsupported, problem.into()))
}

impl Value<'_> {
    /// Whether a condition takes it for true.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Text(text) => !text.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Record(_) => true,
        }
    }

    /// The name of its type in Go.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Text(_) => "string",
            Self::Map(_) => "map[string]string",
            Self::Record(Values::Domain { .. }) => "config.DomainTemplateValues",
            Self::Record(Values::Tag { .. }) => "config.TagTemplateValues",
        }
    }

    /// Its field of this name; with arguments there must be none.
    pub(super) fn field(&self, name: &str, has_arguments: bool) -> Result<Self, Problem> {
        let value = match self {
            Self::Nil => return Ok(Self::Nil),
            Self::Record(values) => values.field(name)?,
            Self::Map(map) => map.get(name).map_or(Self::Nil, |text| Self::Text(Cow::Borrowed(text.as_str()))),
            _ => return fails(format!("{} has no field .{name}", self.type_name())),
        };
        if has_arguments { fails(format!(".{name} is no function")) } else { Ok(value) }
    }

    /// Whether two are equal (`eq` in `text/template/funcs.go`).
    pub(super) fn equals(&self, other: &Self) -> Result<bool, Problem> {
        match (self, other) {
            (Self::Map(_) | Self::Record(_), _) | (_, Self::Map(_) | Self::Record(_)) => {
                unsupported("only texts, numbers and truth values are compared")
            }
            (Self::Nil, Self::Nil) => Ok(true),
            (Self::Nil, _) | (_, Self::Nil) => Ok(false),
            (Self::Bool(one), Self::Bool(other)) => Ok(one == other),
            (Self::Int(one), Self::Int(other)) => Ok(one == other),
            (Self::Text(one), Self::Text(other)) => Ok(one == other),
            _ => fails(format!("{} cannot be compared with {}", self.type_name(), other.type_name())),
        }
    }

    /// Their order (`lt` in `text/template/funcs.go`).
    pub(super) fn compare(&self, other: &Self) -> Result<Ordering, Problem> {
        match (self, other) {
            (Self::Int(one), Self::Int(other)) => Ok(one.cmp(other)),
            (Self::Text(one), Self::Text(other)) => Ok(one.cmp(other)),
            _ => fails(format!("{} and {} have no order", self.type_name(), other.type_name())),
        }
    }
}

impl<'a> Values<'a> {
    fn field(&self, name: &str) -> Result<Value<'a>, Problem> {
        let text = |text: &'a str| Ok(Value::Text(Cow::Borrowed(text)));
        match (*self, name) {
            (Self::Domain { name, .. } | Self::Tag { name, .. }, "Name") => text(name),
            (Self::Domain { namespace, .. }, "Namespace") => text(namespace),
            (Self::Domain { domain, .. }, "Domain") => text(domain),
            (Self::Domain { annotations, .. }, "Annotations") => Ok(Value::Map(annotations)),
            (Self::Domain { labels, .. }, "Labels") => Ok(Value::Map(labels)),
            (Self::Tag { tag, .. }, "Tag") => text(tag),
            (Self::Domain { .. }, _) => fails(format!(
                "there is no field .{name}; there are .Name, .Namespace, .Domain, .Annotations and .Labels"
            )),
            (Self::Tag { .. }, _) => fails(format!("there is no field .{name}; there are .Name and .Tag")),
        }
    }
}
