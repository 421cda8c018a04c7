//! Values as text (`fmt`).

use super::TemplateFault::Limit;
use super::value::{Problem, Value, unsupported};
use super::{LONGEST_RESULT, Values, quote};
use crate::Map;

/// Text that grows up to the limit.
#[derive(Debug, Default)]
pub(super) struct Output(String);

impl Output {
    pub(super) fn push(&mut self, text: &str) -> Result<(), Problem> {
        if self.0.len() + text.len() > LONGEST_RESULT {
            return Err((Limit, format!("makes more than {LONGEST_RESULT} bytes")));
        }
        self.0.push_str(text);
        Ok(())
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// A value as `%v` writes it; `nil` is what nothing is written as.
    pub(super) fn push_value(&mut self, value: &Value<'_>, nil: &str) -> Result<(), Problem> {
        match value {
            Value::Nil => self.push(nil),
            Value::Bool(value) => self.push(if *value { "true" } else { "false" }),
            Value::Int(value) => self.push(&value.to_string()),
            Value::Text(text) => self.push(text),
            Value::Map(map) => self.push_map(map),
            Value::Record(values) => self.push_record(values),
        }
    }

    fn push_map(&mut self, map: &Map) -> Result<(), Problem> {
        self.push("map[")?;
        for (index, (key, value)) in map.iter().enumerate() {
            for part in [if index > 0 { " " } else { "" }, key, ":", value] {
                self.push(part)?;
            }
        }
        self.push("]")
    }

    fn push_record(&mut self, values: &Values<'_>) -> Result<(), Problem> {
        match *values {
            Values::Tag { name, tag } => self.push(&format!("{{{name} {tag}}}")),
            Values::Domain { name, namespace, domain, annotations, labels } => {
                self.push(&format!("{{{name} {namespace} {domain} "))?;
                self.push_map(annotations)?;
                self.push(" ")?;
                self.push_map(labels)?;
                self.push("}")
            }
        }
    }
}

/// `print`: spaces between two that are no texts.
pub(super) fn print(values: &[Value<'_>]) -> Result<String, Problem> {
    let mut output = Output::default();
    let is_text = |value: &Value<'_>| matches!(value, Value::Text(_));
    for (index, value) in values.iter().enumerate() {
        if index > 0 && !is_text(value) && !is_text(&values[index - 1]) {
            output.push(" ")?;
        }
        output.push_value(value, "<nil>")?;
    }
    Ok(output.into_text())
}

/// `println`: spaces between all, and a line break.
pub(super) fn println(values: &[Value<'_>]) -> Result<String, Problem> {
    let mut output = Output::default();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            output.push(" ")?;
        }
        output.push_value(value, "<nil>")?;
    }
    output.push("\n")?;
    Ok(output.into_text())
}

/// `printf`, with what Go writes where format and values do not fit.
pub(super) fn printf(format: &str, values: &[Value<'_>]) -> Result<String, Problem> {
    let mut output = Output::default();
    let mut values = values.iter();
    let mut rest = format;
    while let Some((before, verb)) = rest.split_once('%') {
        output.push(before)?;
        if let Some((digits, after)) = verb.strip_prefix('.').and_then(|verb| verb.split_once('s'))
            && digits.bytes().all(|digit| digit.is_ascii_digit())
        {
            push_start(&mut output, digits, values.next())?;
            rest = after;
            continue;
        }
        let mut after = verb.chars();
        match after.next() {
            None => output.push("%!(NOVERB)")?,
            Some('%') => output.push("%")?,
            Some(verb @ ('s' | 'v' | 'q' | 'd')) => match values.next() {
                Some(value) => push_verb(&mut output, verb, value)?,
                None => output.push(&format!("%!{verb}(MISSING)"))?,
            },
            Some(_) => return unsupported(format!("printf {format:?}: there are %s, %v, %q, %d, %% and %.5s")),
        }
        rest = after.as_str();
    }
    output.push(rest)?;
    push_extra(&mut output, values.as_slice())?;
    Ok(output.into_text())
}

/// `%.5s`: the first characters of a text; without digits none of them.
fn push_start(output: &mut Output, digits: &str, value: Option<&Value<'_>>) -> Result<(), Problem> {
    match (value, format!("0{digits}").parse::<u16>()) {
        (Some(Value::Text(text)), Ok(length)) => {
            let end = text.char_indices().nth(length.into()).map_or(text.len(), |(end, _)| end);
            output.push(&text[..end])
        }
        _ => unsupported(format!("printf %.{digits}s: it takes a text")),
    }
}

fn push_verb(output: &mut Output, verb: char, value: &Value<'_>) -> Result<(), Problem> {
    match (verb, value) {
        ('v', value)
        | ('s', value @ (Value::Text(_) | Value::Map(_) | Value::Record(_)))
        | ('d', value @ Value::Int(_)) => output.push_value(value, "<nil>"),
        ('q', Value::Text(text)) => match quote::quote(text) {
            Some(quoted) => output.push(&quoted),
            None => unsupported("printf %q: there is a character beyond ASCII"),
        },
        ('q', Value::Int(_)) | (_, Value::Map(_) | Value::Record(_)) => {
            unsupported(format!("printf %{verb}: it takes no {}", value.type_name()))
        }
        (_, value) => {
            output.push(&format!("%!{verb}("))?;
            push_typed(output, value)?;
            output.push(")")
        }
    }
}

/// Values that no verb has taken.
fn push_extra(output: &mut Output, values: &[Value<'_>]) -> Result<(), Problem> {
    for (index, value) in values.iter().enumerate() {
        output.push(if index == 0 { "%!(EXTRA " } else { ", " })?;
        push_typed(output, value)?;
    }
    if values.is_empty() { Ok(()) } else { output.push(")") }
}

fn push_typed(output: &mut Output, value: &Value<'_>) -> Result<(), Problem> {
    if !matches!(value, Value::Nil) {
        output.push(value.type_name())?;
        output.push("=")?;
    }
    output.push_value(value, "<nil>")
}
