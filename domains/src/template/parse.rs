//! From tokens to a tree (`text/template/parse/parse.go`).

use super::TemplateFault::{Limit, Syntax, Unsupported};
use super::function::{self, Function};
use super::lex::{Token, lex};
use super::tree::{Command, Node, Operand, Pipeline, Word};
use super::{DEEPEST, Fault, LONGEST_TEXT};

/// Reads a template.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, Fault> {
    if text.len() > LONGEST_TEXT {
        let problem = format!("the template has {} bytes, more than {LONGEST_TEXT}", text.len());
        return Err(Fault::new(Limit, 0, problem));
    }
    let mut parser = Parser { tokens: lex(text)?, next: 0, variables: vec!["$".to_owned()], depth: 0 };
    let (nodes, stop, at) = parser.list()?;
    match stop {
        Stop::Text => Ok(nodes),
        Stop::End => Err(Fault::new(Syntax, at, "{{end}} ends nothing")),
        Stop::Else => Err(Fault::new(Syntax, at, "{{else}} stands in no {{if}}, {{with}} or {{range}}")),
    }
}

struct Parser<'t> {
    tokens: Vec<(usize, Token<'t>)>,
    next: usize,
    /// Those that are known, the innermost last.
    variables: Vec<String>,
    depth: usize,
}

/// What ends a list of nodes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The end of the text.
    Text,
    End,
    /// `{{else}}`, or `{{else` when a keyword follows.
    Else,
}

/// Where a pipeline stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Action,
    Range,
    Parentheses,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> &Token<'t> {
        &self.tokens[self.next].1
    }

    fn at(&self) -> usize {
        self.tokens[self.next].0
    }

    /// Goes on to the next token; nothing is behind the end.
    fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    fn eat(&mut self, token: &Token<'_>) -> bool {
        let found = self.peek() == token;
        if found {
            self.advance();
        }
        found
    }

    fn skip_spaces(&mut self) {
        self.eat(&Token::Space);
    }

    fn keyword(&self) -> Option<&'t str> {
        match self.peek() {
            Token::Name(name) => Some(name),
            _ => None,
        }
    }

    fn unexpected<T>(&self) -> Result<T, Fault> {
        let problem = match self.peek() {
            Token::End => "the template ends too early".to_owned(),
            Token::Close => "a value is missing before }}".to_owned(),
            Token::Name(name) | Token::Variable(name) => format!("{name} cannot stand here"),
            Token::Field(name) => format!(".{name} cannot stand here"),
            Token::Int(value) => format!("{value} cannot stand here"),
            Token::Quoted(text) => format!("{text:?} cannot stand here"),
            Token::Comma => "a comma cannot stand here".to_owned(),
            Token::Assign | Token::Declare => "only a variable can be set".to_owned(),
            Token::Pipe => "a value is missing before |".to_owned(),
            Token::LeftParen | Token::RightParen => "a parenthesis cannot stand here".to_owned(),
            Token::Text(_) | Token::Open | Token::Space | Token::Dot => "what follows cannot stand here".to_owned(),
        };
        Err(Fault::new(Syntax, self.at(), problem))
    }

    fn close(&mut self) -> Result<(), Fault> {
        self.skip_spaces();
        if self.eat(&Token::Close) { Ok(()) } else { self.unexpected() }
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == DEEPEST {
            return Err(Fault::new(Limit, self.at(), format!("is nested deeper than {DEEPEST} levels")));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Nodes up to what ends them, and where that stands.
    fn list(&mut self) -> Result<(Vec<Node>, Stop, usize), Fault> {
        let mut nodes = Vec::new();
        loop {
            let at = self.at();
            let token = self.peek().clone();
            match token {
                Token::End => return Ok((nodes, Stop::Text, at)),
                Token::Text(text) => nodes.push(Node::Text { at, text: text.to_owned() }),
                _ => {}
            }
            self.advance();
            if token == Token::Open {
                self.skip_spaces();
                match self.keyword() {
                    Some("end") => {
                        self.advance();
                        self.close()?;
                        return Ok((nodes, Stop::End, at));
                    }
                    Some("else") => {
                        self.advance();
                        self.skip_spaces();
                        if !matches!(self.keyword(), Some("if" | "with")) {
                            self.close()?;
                        }
                        return Ok((nodes, Stop::Else, at));
                    }
                    _ => nodes.push(self.action()?),
                }
            }
        }
    }

    /// What stands behind `{{`.
    fn action(&mut self) -> Result<Node, Fault> {
        match self.keyword() {
            Some(keyword @ ("if" | "with")) => self.deeper(|parser| parser.choice(keyword)),
            Some("range") => self.deeper(Self::range),
            Some(keyword @ ("define" | "template" | "block" | "break" | "continue")) => Err(Fault::new(
                Unsupported,
                self.at(),
                format!("{{{{{keyword}}}}} is not supported; there are if, with, range, else and end"),
            )),
            _ => self.pipeline(Place::Action).map(Node::Action),
        }
    }

    fn choice(&mut self, keyword: &str) -> Result<Node, Fault> {
        let known = self.variables.len();
        let mut arms = Vec::new();
        let otherwise = loop {
            self.advance();
            let pipeline = self.pipeline(Place::Action)?;
            let (nodes, stop, _) = self.list()?;
            arms.push((pipeline, nodes));
            let has_more = stop == Stop::Else && self.keyword() == Some(keyword);
            if !has_more {
                break self.otherwise(stop)?;
            }
        };
        self.variables.truncate(known);
        Ok(Node::Choice { moves_dot: keyword == "with", arms, otherwise })
    }

    fn range(&mut self) -> Result<Node, Fault> {
        let known = self.variables.len();
        self.advance();
        let over = self.pipeline(Place::Range)?;
        let (body, stop, _) = self.list()?;
        let otherwise = self.otherwise(stop)?;
        self.variables.truncate(known);
        Ok(Node::Range { over, body, otherwise })
    }

    /// What stands between the end of the last arm and `{{end}}`.
    fn otherwise(&mut self, stop: Stop) -> Result<Vec<Node>, Fault> {
        let (nodes, stop) = match stop {
            Stop::Else if self.keyword().is_some() => return self.unexpected(),
            Stop::Else => {
                let (nodes, stop, _) = self.list()?;
                (nodes, stop)
            }
            stop => (Vec::new(), stop),
        };
        match stop {
            Stop::End => Ok(nodes),
            Stop::Text => Err(Fault::new(Syntax, self.at(), "an {{end}} is missing")),
            Stop::Else => Err(Fault::new(Syntax, self.at(), "there is an {{else}} already; write {{end}}")),
        }
    }

    fn pipeline(&mut self, place: Place) -> Result<Pipeline, Fault> {
        self.skip_spaces();
        let at = self.at();
        let (variables, assigns) = self.variables_set(place)?;
        let end = if place == Place::Parentheses { Token::RightParen } else { Token::Close };
        let mut commands = Vec::new();
        loop {
            self.skip_spaces();
            if !commands.is_empty() && self.eat(&end) {
                return Ok(Pipeline { at, variables, assigns, commands });
            }
            let command = self.command()?;
            if !commands.is_empty() && command.word.is_constant() {
                return Err(Fault::new(Syntax, command.word.at, "a constant takes nothing from a pipeline"));
            }
            commands.push(command);
        }
    }

    /// `$x :=`, `$x =`, and in a range `$k, $v :=`; they are known from there on.
    fn variables_set(&mut self, place: Place) -> Result<(Vec<String>, bool), Fault> {
        let start = self.next;
        let mut variables = Vec::new();
        while let Token::Variable(name) = *self.peek() {
            self.advance();
            self.skip_spaces();
            variables.push(name.to_owned());
            match self.peek() {
                Token::Assign | Token::Declare => {
                    let assigns = *self.peek() == Token::Assign;
                    self.advance();
                    self.variables.extend(variables.iter().cloned());
                    return Ok((variables, assigns));
                }
                Token::Comma if place == Place::Range && variables.len() == 1 => {
                    self.advance();
                    self.skip_spaces();
                }
                Token::Comma => return self.unexpected(),
                _ if variables.len() > 1 => {
                    return Err(Fault::new(Unsupported, self.at(), "write := behind the variables of a range"));
                }
                _ => break,
            }
        }
        self.next = start;
        Ok((Vec::new(), false))
    }

    /// Words with spaces between them, up to a pipe, which is taken, or to the end of the pipeline, which is not.
    fn command(&mut self) -> Result<Command, Fault> {
        let Some(word) = self.word()? else { return self.unexpected() };
        let mut arguments = Vec::new();
        loop {
            match self.peek() {
                Token::Space => self.advance(),
                Token::Close | Token::RightParen => break,
                Token::Pipe => {
                    self.advance();
                    break;
                }
                _ => return self.unexpected(),
            }
            arguments.extend(self.word()?);
        }
        Ok(Command { word, arguments })
    }

    /// An operand with its fields, if the next token begins one.
    fn word(&mut self) -> Result<Option<Word>, Fault> {
        let at = self.at();
        let operand = match self.peek() {
            Token::Field(_) => Operand::Dot,
            _ => match self.operand()? {
                Some(operand) => operand,
                None => return Ok(None),
            },
        };
        let mut word = Word { at, operand, fields: Vec::new() };
        while let Token::Field(name) = *self.peek() {
            // The first may be one of the dot itself.
            if word.is_constant() && self.at() > at {
                return self.unexpected();
            }
            word.fields.push(name.to_owned());
            self.advance();
        }
        Ok(Some(word))
    }

    fn operand(&mut self) -> Result<Option<Operand>, Fault> {
        let at = self.at();
        let operand = match self.peek().clone() {
            Token::Dot => Operand::Dot,
            Token::Int(value) => Operand::Int(value),
            Token::Quoted(text) => Operand::Text(text),
            Token::Name("nil") => Operand::Nil,
            Token::Name(name @ ("true" | "false")) => Operand::Bool(name == "true"),
            Token::Name(name) => Operand::Function(function(name, at)?),
            Token::Variable(name) if self.variables.iter().any(|known| known == name) => {
                Operand::Variable(name.to_owned())
            }
            Token::Variable(name) => return Err(Fault::new(Syntax, at, format!("{name} is set nowhere before"))),
            Token::LeftParen => {
                self.advance();
                return self.deeper(|parser| parser.pipeline(Place::Parentheses)).map(Operand::Pipeline).map(Some);
            }
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(operand))
    }
}

fn function(name: &str, at: usize) -> Result<Function, Fault> {
    match name {
        _ if let Some(function) = Function::of(name) => Ok(function),
        "html" | "js" | "urlquery" | "call" => {
            Err(Fault::new(Unsupported, at, format!("{name} is not supported; there are {}", function::names())))
        }
        _ => Err(Fault::new(Syntax, at, format!("there is no function {name}; there are {}", function::names()))),
    }
}
