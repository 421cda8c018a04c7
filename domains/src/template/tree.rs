//! Text and fields.

use super::{TemplateError, TemplateFault, Values};

#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Field(String),
}

pub(super) fn parse(text: &str) -> Result<Vec<Node>, TemplateError> {
    let mut nodes = Vec::new();
    let mut rest = text;
    while let Some((before, action)) = rest.split_once("{{") {
        nodes.push(Node::Text(before.to_owned()));
        let (action, after) = action.split_once("}}").ok_or_else(|| error("unclosed action"))?;
        let field = action.trim().strip_prefix('.').ok_or_else(|| error("only fields"))?;
        nodes.push(Node::Field(field.to_owned()));
        rest = after;
    }
    nodes.push(Node::Text(rest.to_owned()));
    Ok(nodes)
}

fn error(problem: &str) -> TemplateError {
    TemplateError { fault: TemplateFault::Unsupported, line: 1, column: 1, problem: problem.to_owned() }
}

impl Node {
    pub(super) fn text<'a>(&'a self, values: &Values<'a>) -> Result<&'a str, TemplateError> {
        Ok(match (self, values) {
            (Self::Text(text), _) => text,
            (Self::Field(field), Values::Domain { name, namespace, domain, .. }) => match field.as_str() {
                "Name" => name,
                "Namespace" => namespace,
                "Domain" => domain,
                _ => return Err(error("no such field")),
            },
            (Self::Field(field), Values::Tag { name, tag }) => match field.as_str() {
                "Name" => name,
                "Tag" => tag,
                _ => return Err(error("no such field")),
            },
        })
    }
}
