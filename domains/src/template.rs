//! What of Go's `text/template` host names need.

mod tree;

use std::sync::Arc;

use crate::Map;
use tree::Node;

/// A template.
#[derive(Clone, Debug)]
pub struct Template {
    text: Arc<str>,
    nodes: Arc<[Node]>,
}

/// What a template is executed with.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// The values of `domain-template`.
    Domain {
        /// `.Name`: the hostname.
        name: &'a str,
        /// `.Namespace`: the namespace of the Route.
        namespace: &'a str,
        /// `.Domain`: what `config-domain` says.
        domain: &'a str,
        /// `.Annotations` of the Route.
        annotations: &'a Map,
        /// `.Labels` of the Route.
        labels: &'a Map,
    },
    /// The values of `tag-template`.
    Tag {
        /// `.Name`: the name of the Route.
        name: &'a str,
        /// `.Tag`: the tag.
        tag: &'a str,
    },
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct TemplateError {
    /// Of which sort it is.
    pub fault: TemplateFault,
    /// The line, counted from one.
    pub line: usize,
    /// The character in the line, counted from one.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
}

/// Sorts of what can be wrong with a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateFault {
    /// It is no template.
    Syntax,
    /// It is one, of a kind that only Go executes.
    Unsupported,
    /// It would take too long, or make too much.
    Limit,
    /// It fails with the values it was given.
    Execution,
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Template {}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// It is no template, or not one of those that are supported.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Ok(Self { text: text.into(), nodes: tree::parse(text)?.into() })
    }

    /// The template as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it makes of these values.
    ///
    /// # Errors
    /// It fails with these values.
    pub fn execute(&self, values: &Values<'_>) -> Result<String, TemplateError> {
        self.nodes.iter().map(|node| node.text(values)).collect()
    }
}
