//! Whatever a template says, it is read and executed, or refused.

use net_pingora_fuzz::values;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{LONGEST_RESULT, Template, Values};
use crate::Map;

/// What the language knows, and some of what it does not.
const PIECES: &[&str] = &[
    "{{",
    "{{- ",
    "}}",
    " -}}",
    " ",
    "\n",
    "(",
    ")",
    "|",
    ",",
    ".",
    "$",
    "$x",
    ":=",
    "=",
    "\"",
    "`",
    "\\",
    "'",
    "/*",
    "*/",
    "%",
    "if ",
    "else",
    "with ",
    "range ",
    "end",
    "{{end}}",
    "{{else}}",
    "nil",
    "true",
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "1e9",
    ".Name",
    ".Labels",
    ".Labels.app",
    "\"app\"",
    "\"%s%d%q%v\"",
    "and ",
    "or ",
    "not ",
    "eq ",
    "lt ",
    "index ",
    "len ",
    "slice ",
    "print ",
    "printf ",
    "println",
    "html ",
    "define ",
    "ä",
    "\u{0}",
    "{{range 100}}",
    "{{range .Labels}}",
    "{{$x := print $x $x}}",
];

#[test]
fn template() {
    let piece = prop_oneof![9 => select(PIECES).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    let text = vec(piece, 0..60).prop_map(|pieces| pieces.concat());
    let map = Map::from([("app".to_owned(), "ä".repeat(100)), ("x".to_owned(), String::new())]);
    let domain = Values::Domain { name: "hello", namespace: "shop", domain: "a.com", annotations: &map, labels: &map };
    values("template", 20_000, &text, |text| {
        let Ok(template) = Template::parse(&text) else { return Ok(()) };
        for values in [domain, Values::Tag { name: "hello", tag: "v2" }] {
            if let Ok(result) = template.execute(&values) {
                prop_assert!(result.len() <= LONGEST_RESULT);
            }
        }
        Ok(())
    });
}
