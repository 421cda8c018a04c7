//! String literals of Go (`strconv` `quote.go`).

use super::TemplateFault;

/// The text of a literal between double quotes, without them.
pub(super) fn unquote(literal: &str) -> Result<String, (TemplateFault, String)> {
    let mut bytes = Vec::with_capacity(literal.len());
    let mut rest = literal;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        rest = unescape(escape, &mut bytes).ok_or_else(|| {
            let escape: String = escape.chars().take(1).collect();
            (TemplateFault::Syntax, format!("\\{escape} is no escape of Go in a string"))
        })?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| (TemplateFault::Unsupported, "the string is not UTF-8".to_owned()))
}

/// Reads what follows a backslash, and gives what follows that.
fn unescape<'t>(escape: &'t str, bytes: &mut Vec<u8>) -> Option<&'t str> {
    let first = escape.chars().next()?;
    let rest = &escape[first.len_utf8()..];
    let simple = match first {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        '"' => b'"',
        '0'..='7' => {
            let (value, rest) = number(escape, 3, 8)?;
            bytes.push(u8::try_from(value).ok()?);
            return Some(rest);
        }
        'x' => {
            let (value, rest) = number(rest, 2, 16)?;
            bytes.push(u8::try_from(value).ok()?);
            return Some(rest);
        }
        'u' | 'U' => {
            let (value, rest) = number(rest, if first == 'u' { 4 } else { 8 }, 16)?;
            let character = char::from_u32(value)?;
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        _ => return None,
    };
    bytes.push(simple);
    Some(rest)
}

fn number(text: &str, digits: usize, radix: u32) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let all_digits = number.chars().all(|digit| digit.is_digit(radix));
    all_digits.then(|| u32::from_str_radix(number, radix).ok()).flatten().map(|value| (value, rest))
}

/// The literal of a text; none where only Go's tables know what can be printed.
pub(super) fn quote(text: &str) -> Option<String> {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\0'..='\u{7f}' => quoted.extend([format!("\\x{:02x}", u32::from(c))]),
            _ => return None,
        }
    }
    quoted.push('"');
    Some(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_go() {
        for (literal, wanted) in [
            ("", ""),
            ("plain ä", "plain ä"),
            (r"\a\b\f\n\r\t\v\\", "\u{7}\u{8}\u{c}\n\r\t\u{b}\\"),
            (r#"\""#, "\""),
            (r"\101\x41A\U00000041", "AAAA"),
            (r"\xc3\xa4", "ä"),
            (r"\303\244x", "äx"),
            (r"\u00e41", "ä1"),
        ] {
            assert_eq!(unquote(literal).as_deref(), Ok(wanted), "{literal}");
        }
        for literal in
            [r"\'", r"\q", r"\x4", r"\xg0", r"\+12", r"\x+1", r"\08x", r"\400", r"\ud800", r"\U00110000", "\\ä", "\\"]
        {
            assert_eq!(unquote(literal).unwrap_err().0, TemplateFault::Syntax, "{literal}");
        }
        assert_eq!(unquote(r"\xff").unwrap_err().0, TemplateFault::Unsupported);
    }

    #[test]
    fn a_text_is_quoted_as_go_does() {
        assert_eq!(quote("a\"\\\n\0\u{7f}~").as_deref(), Some(r#""a\"\\\n\x00\x7f~""#));
        assert_eq!(quote("ä"), None);
    }
}
