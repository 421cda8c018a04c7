//! What of Go's `text/template` host names need.
//!
//! A template either gives what Go gives, or is refused.

mod eval;
mod format;
mod function;
#[cfg(test)]
mod fuzz;
mod lex;
mod parse;
mod quote;
mod tree;
mod value;

use std::sync::Arc;

use crate::Map;
use tree::Node;

/// Bytes of a template.
const LONGEST_TEXT: usize = 4096;

/// Bytes that a template, or a part of it, may make; a host name has 253.
const LONGEST_RESULT: usize = 4096;

/// Conditions, loops and parentheses within each other.
const DEEPEST: usize = 32;

/// Nodes and words that an execution may visit.
const MOST_STEPS: usize = 10_000;

/// What is written for what a map does not have.
pub(crate) const NO_VALUE: &str = "<no value>";

/// A template. Two are equal if their text is.
///
/// It knows fields, variables, strings, whole numbers, `true`, `false` and `nil`; `if`, `with`, `range` and `else`;
/// pipelines, parentheses, comments and trim markers; `and or not eq ne lt le gt ge index len slice print println`,
/// and `printf` with `%s %v %q %d` and `%.5s`.
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
    /// Go may know it; we do not.
    Unsupported,
    /// It is too long or too deep, or would take too long.
    Limit,
    /// It fails with the values it was given.
    Execution,
}

/// A fault at a byte of the text.
#[derive(Debug)]
struct Fault {
    sort: TemplateFault,
    at: usize,
    problem: String,
}

impl Fault {
    fn new(sort: TemplateFault, at: usize, problem: impl Into<String>) -> Self {
        Self { sort, at, problem: problem.into() }
    }

    fn in_text(self, text: &str) -> TemplateError {
        let before = text.get(..self.at).unwrap_or(text);
        let (lines, last) = before.rsplit_once('\n').map_or((0, before), |(lines, last)| {
            let breaks = lines.bytes().filter(|byte| *byte == b'\n').count();
            (breaks + 1, last)
        });
        let column = last.chars().count() + 1;
        TemplateError { fault: self.sort, line: lines + 1, column, problem: self.problem }
    }
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
    /// It is none, or goes beyond what is supported.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let nodes = parse::parse(text).map_err(|fault| fault.in_text(text))?;
        Ok(Self { text: text.into(), nodes: nodes.into() })
    }

    /// The template as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it makes of these values.
    ///
    /// # Errors
    /// It fails with these values, or goes beyond what is supported.
    pub fn execute(&self, values: &Values<'_>) -> Result<String, TemplateError> {
        eval::execute(&self.nodes, values).map_err(|fault| fault.in_text(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a template makes of a Route.
    fn execute(text: &str) -> Result<String, TemplateError> {
        let map = |entries: &[(&str, &str)]| {
            entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Map>()
        };
        let annotations = map(&[("sub", "mysub")]);
        let labels = map(&[("a.b/c", "dotted"), ("app", "prod")]);
        Template::parse(text)?.execute(&Values::Domain {
            name: "hello",
            namespace: "shop",
            domain: "example.com",
            annotations: &annotations,
            labels: &labels,
        })
    }

    #[test]
    fn a_template_gives_what_it_gives_in_go() {
        for (text, wanted) in [
            ("", ""),
            ("no action }}", "no action }}"),
            ("{{.Name}}.{{.Namespace}}.{{.Domain}}", "hello.shop.example.com"),
            ("{{ .Labels.app }}{{.Labels.none}}", "prod<no value>"),
            ("{{index .Labels \"a.b/c\"}}{{index .Labels \"none\"}}", "dotted"),
            ("a {{- /* no */ -}} b {{- \"c\" -}} d", "abcd"),
            ("{{if eq .Namespace `default`}}1{{else if .Labels.none}}2{{else}}3{{end}}", "3"),
            ("{{with .Labels.none}}1{{else with .Labels.app}}{{.}}-{{$.Name}}{{end}}", "prod-hello"),
            ("{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a.b/c=dotted;app=prod;"),
            (
                "{{range .Labels}}{{.}};{{end}}{{range 3}}{{.}}{{end}}{{range 0}}{{else}}none{{end}}",
                "dotted;prod;012none",
            ),
            ("{{$x := \"a\"}}{{if true}}{{$x = \"b\"}}{{$x := \"c\"}}{{end}}{{$x}}", "b"),
            ("{{.Name | printf \"%s-%s\" .Namespace | len}}", "10"),
            ("{{printf \"%.3s %q %d %v%%\" .Name .Namespace 7 true}}", "hel \"shop\" 7 true%"),
            ("{{printf \"%d %s\" .Name}}", "%!d(string=hello) %!s(MISSING)"),
            ("{{print 1 2 \"a\" nil}}{{println}}", "1 2a<nil>\n"),
            ("{{slice .Name 1 3}}{{slice .Name 3}}", "ello"),
            ("{{and .Name .Labels.none}}{{or .Labels.none .Name}}{{not .Name}}", "<no value>hellofalse"),
            ("{{and .Labels.none (slice .Name 9)}}", "<no value>"),
            ("{{lt 1 2}}{{le .Name .Name}}{{gt \"a\" \"b\"}}{{ge 2 3}}{{ne 1 2}}", "truetruefalsefalsetrue"),
            ("{{eq .Name \"x\" \"hello\"}}{{eq .Labels.none nil}}{{eq .Labels.none \"x\"}}", "truetruefalse"),
            ("{{(index .Labels \"app\") | print}}{{len .Labels}}{{len .Name}}", "prod25"),
            ("{{.}}", "{hello shop example.com map[sub:mysub] map[a.b/c:dotted app:prod]}"),
        ] {
            assert_eq!(execute(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        use TemplateFault::{Execution, Limit, Syntax, Unsupported};
        let (long, deep) = ("x".repeat(LONGEST_TEXT + 1), "{{if 1}}".repeat(DEEPEST + 1));
        let parens = format!("{{{{{}1{}}}}}", "(".repeat(DEEPEST + 1), ")".repeat(DEEPEST + 1));
        for (text, fault, problem) in [
            ("{{.Name", Syntax, "line 1, column 8: an action has no end"),
            ("ä\n {{.Name}.x}}", Syntax, "line 2, column 9: '}' cannot follow a name"),
            ("{{}}", Syntax, "line 1, column 3: a value is missing before }}"),
            ("{{if}}a{{end}}", Syntax, "column 5: a value is missing before }}"),
            ("{{if 1}}", Syntax, "column 9: an {{end}} is missing"),
            ("a{{end}}", Syntax, "column 2: {{end}} ends nothing"),
            ("a{{else}}", Syntax, "column 2: {{else}} stands in no"),
            ("{{if 1}}{{else}}{{else}}{{end}}", Syntax, "there is an {{else}} already"),
            ("{{if 1}}{{else with 1}}{{end}}", Syntax, "with cannot stand here"),
            ("{{(1}}", Syntax, "column 5: a parenthesis is not closed"),
            ("{{\"a}}", Syntax, "column 3: a string has no end"),
            ("{{/* a}}", Syntax, "the comment has no end"),
            ("{{$x}}", Syntax, "$x is set nowhere before"),
            ("{{lower .Name}}", Syntax, "there is no function lower; there are and, or, not"),
            ("{{1 | 2}}", Syntax, "column 7: a constant takes nothing"),
            ("{{html .Name}}", Unsupported, "column 3: html is not supported; there are and, or, not"),
            ("{{define \"x\"}}{{end}}", Unsupported, "{{define}} is not supported; there are if, with"),
            ("{{template \"x\"}}", Unsupported, "{{template}} is not supported"),
            ("{{1.5}}", Unsupported, "1.5 is no whole number"),
            ("{{printf \"%x\" .Name}}", Unsupported, "there are %s, %v, %q, %d, %% and %.5s"),
            ("{{eq .Labels .Labels}}", Unsupported, "only texts, numbers and truth values are compared"),
            ("{{.Bad}}", Execution, "column 3: there is no field .Bad; there are .Name, .Namespace, .Domain"),
            ("{{.Name.x}}", Execution, "string has no field .x"),
            ("{{.Name 1}}", Execution, ".Name is no function"),
            ("{{\"a\" 1}}", Execution, "column 3: it is no function and takes nothing"),
            ("{{slice .Name 9}}", Execution, "slice from 9 to 5 goes beyond the 5 bytes of \"hello\""),
            ("{{index .Labels 1}}", Execution, "index cannot look up int in map[string]string"),
            ("{{lt 1 \"a\"}}", Execution, "int and string have no order"),
            ("{{eq 1}}", Execution, "eq cannot be given 1 arguments"),
            ("{{range .Name}}{{end}}", Execution, "range takes a map or a number, not string"),
            ("{{$x = 1}}", Execution, "$x is set nowhere before; write $x :="),
            (&long, Limit, "4097 bytes, more than 4096"),
            (&deep, Limit, "is nested deeper than 32 levels"),
            (&parens, Limit, "is nested deeper than 32 levels"),
            ("{{range 9999999999999}}{{end}}", Limit, "takes more than 10000 steps"),
            ("{{range 9999}}{{$.Domain}}{{end}}", Limit, "makes more than 4096 bytes"),
            ("{{$x := .Domain}}{{range 99}}{{$x = print $x $x}}{{end}}", Limit, "makes more than 4096 bytes"),
        ] {
            let error = execute(text).unwrap_err();
            assert_eq!(error.fault, fault, "{text}: {error}");
            assert!(error.to_string().contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn templates_are_equal_if_their_text_is() {
        let parse = |text| Template::parse(text).unwrap();
        assert_eq!(parse("{{.Name}}"), parse("{{.Name}}"));
        assert_ne!(parse("{{.Name}}"), parse("{{ .Name}}"));
        assert_eq!(parse("{{.Name}}").text(), "{{.Name}}");
    }
}
