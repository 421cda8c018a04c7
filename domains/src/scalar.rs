//! Unquoted words of YAML, as Knative's reader makes text of them: `go.yaml.in/yaml/v2` `resolve.go`, then
//! `sigs.k8s.io/yaml` `convertToJSONableObject`.

use saphyr_parser::ScalarStyle;

/// What a scalar is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    /// Text, or what becomes it: a truth value or a number.
    Text(String),
    /// Nothing.
    Null,
    /// What quotes would make clear: a date, or a number that is no plain one.
    Unclear,
}

/// Reads a scalar.
pub(crate) fn resolve(text: &str, style: ScalarStyle) -> Plain {
    if style != ScalarStyle::Plain {
        return Plain::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Plain::Text("true".into()),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Plain::Text("false".into())
        }
        _ if text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) => number(text),
        _ => Plain::Text(text.to_owned()),
    }
}

/// What begins as a number does.
fn number(text: &str) -> Plain {
    let digits = if text.starts_with('.') { text.to_owned() } else { text.replace('_', "") };
    let unsigned = digits.trim_start_matches(['+', '-']);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") || is_date(text) {
        return Plain::Unclear;
    }
    if let Some(value) = integer(&digits) {
        return Plain::Text(value.to_string());
    }
    match digits.parse::<f32>() {
        // Beyond, Go writes an exponent.
        Ok(value) if value == 0.0 || (1e-4..1e6).contains(&value.abs()) => Plain::Text(value.to_string()),
        Ok(_) if !unsigned.starts_with(|first: char| first.is_ascii_alphabetic()) => Plain::Unclear,
        _ => Plain::Text(text.to_owned()),
    }
}

/// Whether it may be a date: four digits, a dash and a digit.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 5 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-' && bytes[5].is_ascii_digit()
}

/// A whole number that 64 bits can hold, signed or not, in base 10 or as its prefix says.
fn integer(text: &str) -> Option<i128> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (radix, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &unsigned[2..]),
        [b'0', b'o' | b'O', ..] => (8, &unsigned[2..]),
        [b'0', b'b' | b'B', ..] => (2, &unsigned[2..]),
        [b'0', _, ..] => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    let value = if text.starts_with('-') { -value } else { value };
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unquoted_word_is_what_go_makes_of_it() {
        let text = |text: &str| Plain::Text(text.to_owned());
        for (word, wanted) in [
            ("prod", text("prod")),
            ("yes", text("true")),
            ("OFF", text("false")),
            ("yEs", text("yEs")),
            ("null", Plain::Null),
            ("12", text("12")),
            ("+12", text("12")),
            ("-0", text("0")),
            ("1_000", text("1000")),
            ("010", text("8")),
            ("0o10", text("8")),
            ("0b11", text("3")),
            ("-0x1F", text("-31")),
            ("9223372036854775807", text("9223372036854775807")),
            ("18446744073709551615", text("18446744073709551615")),
            ("18446744073709551616", Plain::Unclear),
            ("089", text("89")),
            ("1.10", text("1.1")),
            ("-0.5", text("-0.5")),
            (".5", text("0.5")),
            ("1.", text("1")),
            ("1000000.0", Plain::Unclear),
            ("1e3", text("1000")),
            ("1e9", Plain::Unclear),
            ("1.2.3", text("1.2.3")),
            ("0x", text("0x")),
            (".inf", Plain::Unclear),
            ("2020-01-02", Plain::Unclear),
            ("v1.2.3", text("v1.2.3")),
            ("2020-prod", text("2020-prod")),
            ("-inf", text("-inf")),
            ("3scale", text("3scale")),
            ("-x", text("-x")),
            (".", text(".")),
        ] {
            assert_eq!(resolve(word, ScalarStyle::Plain), wanted, "{word}");
        }
        assert_eq!(resolve("yes", ScalarStyle::SingleQuoted), text("yes"));
    }
}
