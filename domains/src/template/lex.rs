//! From text to tokens (`text/template/parse/lex.go`).

use super::TemplateFault::{Syntax, Unsupported};
use super::{Fault, quote};

/// What can stand in a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'t> {
    /// Text outside of actions.
    Text(&'t str),
    /// `{{`
    Open,
    /// `}}`
    Close,
    Space,
    /// `.` alone.
    Dot,
    /// The name after a dot.
    Field(&'t str),
    /// The name of a variable with its `$`.
    Variable(&'t str),
    /// A keyword, constant or function.
    Name(&'t str),
    Int(i64),
    /// The text of a string.
    Quoted(String),
    LeftParen,
    RightParen,
    Pipe,
    Comma,
    /// `=`
    Assign,
    /// `:=`
    Declare,
    End,
}

/// What Go's lexer takes for spaces.
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// Splits a text into tokens, each with the byte at which it begins; the last one is the end.
pub(super) fn lex(text: &str) -> Result<Vec<(usize, Token<'_>)>, Fault> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new(), parens: 0 };
    while lexer.outside()? {
        while lexer.inside()? {}
    }
    lexer.push(lexer.at, Token::End);
    Ok(lexer.tokens)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<(usize, Token<'t>)>,
    parens: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn push(&mut self, at: usize, token: Token<'t>) {
        self.tokens.push((at, token));
    }

    /// Reads text and comments, up to the inside of an action; false at the end.
    fn outside(&mut self) -> Result<bool, Fault> {
        loop {
            let rest = self.rest();
            let Some((before, action)) = rest.split_once("{{") else {
                if !rest.is_empty() {
                    self.push(self.at, Token::Text(rest));
                }
                self.at = self.text.len();
                return Ok(false);
            };
            let trims = action.strip_prefix('-').is_some_and(|after| after.starts_with(SPACES));
            let kept = if trims { before.trim_end_matches(SPACES) } else { before };
            if !kept.is_empty() {
                self.push(self.at, Token::Text(kept));
            }
            let open = self.at + before.len();
            self.at = open + if trims { 4 } else { 2 };
            if !self.rest().starts_with("/*") {
                self.push(open, Token::Open);
                return Ok(true);
            }
            let Some(end) = self.rest()[2..].find("*/") else {
                return Err(Fault::new(Syntax, open, "the comment has no end; write {{/* comment */}}"));
            };
            self.at += end + 4;
            if !self.close() {
                return Err(Fault::new(Syntax, open, "the comment is no action of its own; write {{/* comment */}}"));
            }
        }
    }

    /// Passes over the end of an action, and over the spaces that it trims.
    fn close(&mut self) -> bool {
        let rest = self.rest();
        if rest.starts_with("}}") {
            self.at += 2;
            return true;
        }
        let trims = rest.strip_prefix(SPACES).is_some_and(|rest| rest.starts_with("-}}"));
        if trims {
            let after = &rest[4..];
            self.at += 4 + after.len() - after.trim_start_matches(SPACES).len();
        }
        trims
    }

    /// Reads one token of an action; false when that was its end.
    fn inside(&mut self) -> Result<bool, Fault> {
        let (start, rest) = (self.at, self.rest());
        if self.close() {
            if self.parens > 0 {
                return Err(Fault::new(Syntax, start, "a parenthesis is not closed; write ) before }}"));
            }
            self.push(start, Token::Close);
            return Ok(false);
        }
        let first = rest.chars().next().ok_or_else(|| Fault::new(Syntax, start, "an action has no end; write }}"))?;
        let second = rest.chars().nth(1);
        let token = match first {
            _ if SPACES.contains(&first) => return Ok(self.space()),
            '|' => self.take(1, Token::Pipe),
            ',' => self.take(1, Token::Comma),
            '=' => self.take(1, Token::Assign),
            ':' if second == Some('=') => self.take(2, Token::Declare),
            '(' => {
                self.parens += 1;
                self.take(1, Token::LeftParen)
            }
            ')' if self.parens > 0 => {
                self.parens -= 1;
                self.take(1, Token::RightParen)
            }
            '"' => self.quoted()?,
            '`' => self.raw()?,
            '.' if second.is_some_and(|second| second.is_ascii_digit()) => self.number()?,
            '+' | '-' | '0'..='9' => self.number()?,
            '.' => match self.name(1)? {
                "" => Token::Dot,
                name => Token::Field(name),
            },
            '$' => {
                self.name(1)?;
                Token::Variable(&rest[..self.at - start])
            }
            '_' | 'a'..='z' | 'A'..='Z' => Token::Name(self.name(0)?),
            _ => return Err(stranger(first, start)),
        };
        self.push(start, token);
        Ok(true)
    }

    fn take(&mut self, length: usize, token: Token<'t>) -> Token<'t> {
        self.at += length;
        token
    }

    /// One space; several are one token.
    fn space(&mut self) -> bool {
        if !matches!(self.tokens.last(), Some((_, Token::Space))) {
            self.push(self.at, Token::Space);
        }
        self.at += 1;
        true
    }

    /// The name after so many bytes, which may be empty; what follows must end it.
    fn name(&mut self, skipped: usize) -> Result<&'t str, Fault> {
        let rest = &self.rest()[skipped..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        self.at += skipped + end;
        match after.chars().next() {
            None => Ok(name),
            Some(next) if SPACES.contains(&next) || ".,|:)(".contains(next) || after.starts_with("}}") => Ok(name),
            Some(next) if !next.is_ascii() => {
                Err(Fault::new(Unsupported, self.at, format!("{next:?} is not supported in a name; use index")))
            }
            Some(next) => Err(Fault::new(Syntax, self.at, format!("{next:?} cannot follow a name"))),
        }
    }

    fn quoted(&mut self) -> Result<Token<'t>, Fault> {
        let inner = &self.rest()[1..];
        let mut escaped = false;
        let end = inner.find(|c| {
            let ends = c == '\n' || (c == '"' && !escaped);
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some(end) = end.filter(|end| inner[*end..].starts_with('"')) else {
            return Err(Fault::new(Syntax, self.at, "a string has no end on its line; write \""));
        };
        let text = quote::unquote(&inner[..end]).map_err(|(sort, problem)| Fault::new(sort, self.at, problem))?;
        Ok(self.take(end + 2, Token::Quoted(text)))
    }

    fn raw(&mut self) -> Result<Token<'t>, Fault> {
        let inner = &self.rest()[1..];
        let end = inner.find('`').ok_or_else(|| Fault::new(Syntax, self.at, "a string has no end; write `"))?;
        Ok(self.take(end + 2, Token::Quoted(inner[..end].replace('\r', ""))))
    }

    /// A whole number; what else Go takes for one is refused.
    fn number(&mut self) -> Result<Token<'t>, Fault> {
        let rest = self.rest();
        let digits = rest.trim_start_matches(['+', '-']);
        let sign = rest.len() - digits.len();
        let end = digits.find(|c: char| !(c.is_alphanumeric() || "_.+-".contains(c))).unwrap_or(digits.len());
        let number = &rest[..sign + end];
        match whole(number) {
            Some(value) => Ok(self.take(number.len(), Token::Int(value))),
            None => Err(Fault::new(Unsupported, self.at, format!("{number} is no whole number in base 10 or 16"))),
        }
    }
}

/// What begins no token.
fn stranger(first: char, at: usize) -> Fault {
    match first {
        '\'' => Fault::new(Unsupported, at, "characters as numbers are not supported; write \"a\""),
        _ if !first.is_ascii() => {
            Fault::new(Unsupported, at, format!("{first:?} is not supported outside of a string"))
        }
        _ => Fault::new(Syntax, at, format!("{first:?} cannot stand here")),
    }
}

/// A number of 64 bits with its sign, in base 10, or in base 16 after `0x`.
fn whole(number: &str) -> Option<i64> {
    let unsigned = number.strip_prefix(['+', '-']).unwrap_or(number);
    let (digits, radix) = match unsigned.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None if unsigned.len() > 1 && unsigned.starts_with('0') => return None,
        None => (unsigned, 10),
    };
    let sign = if number.starts_with('-') { "-" } else { "" };
    let is_number = digits.bytes().all(|digit| digit.is_ascii_alphanumeric());
    is_number.then(|| i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()).flatten()
}
