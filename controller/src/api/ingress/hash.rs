//! The value that answers `K-Network-Hash: override`.
//!
//! knative.dev/networking `pkg/ingress/ingress.go` (`ComputeHash`): SHA-256 over the spec as Go's
//! `encoding/json` writes it, the namespace and the name. Conformance tests compute it from the
//! object, so it must match byte by byte.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;
use sha2::{Digest, Sha256};

use super::Ingress;

/// The hash in lower-case hexadecimal.
pub fn hash(ingress: &Ingress) -> String {
    let mut bytes = go_json(&ingress.spec).unwrap_or_default();
    bytes.extend_from_slice(ingress.metadata.namespace.as_bytes());
    bytes.extend_from_slice(ingress.metadata.name.as_bytes());
    hex(&Sha256::digest(bytes))
}

/// The bytes Go's `json.Marshal` gives for the same value.
fn go_json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(1024);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, GoFormatter))?;
    Ok(bytes)
}

/// Compact JSON that also escapes what Go escapes to make JSON safe within HTML.
struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, special)) =
            rest.char_indices().find(|(_, c)| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'))
        {
            let (plain, tail) = rest.split_at(at);
            write!(writer, "{plain}\\u{:04x}", u32::from(special))?;
            rest = tail.strip_prefix(special).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ObjectMeta, ingress::IngressSpec};

    const BLAH: &str = r#"{"rules":[{"hosts":["example.com"],"http":{"paths":[{"splits":[{"serviceNamespace":"","serviceName":"blah","servicePort":0}]}]}}]}"#;
    const BLAH_HEADERS: &str = r#"{"rules":[{"hosts":["example.com"],"http":{"paths":[{"splits":[{"serviceNamespace":"","serviceName":"blah","servicePort":0,"appendHeaders":{"Foo":"bar"}}]}]}}]}"#;
    const EVERYTHING: &str = r#"{"tls":[{"hosts":["a.example.com"],"secretName":"a-tls","secretNamespace":"serving-tests"}],"rules":[{"hosts":["a.example.com"],"visibility":"ExternalIP","http":{"paths":[{"path":"/x","rewriteHost":"a.serving-tests.svc.cluster.local","headers":{"Knative-Serving-Tag":{"exact":"\u003cblue\u0026green\u003e"}},"splits":[{"serviceNamespace":"serving-tests","serviceName":"a","servicePort":80,"percent":60,"appendHeaders":{"K-Original-Host":"a.example.com"}},{"serviceNamespace":"serving-tests","serviceName":"b","servicePort":"http2","percent":40}],"appendHeaders":{"A":"1","b":"2"}}]}}],"httpOption":"Redirected"}"#;

    fn spec(json: &str) -> IngressSpec {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_hash_is_the_one_knative_computes() {
        for (json, namespace, name, wanted) in [
            (BLAH, "", "", "a25000a350642c8abef53078b329bd043e18758f6063c1172d53b04e14fcf5c1"),
            (BLAH_HEADERS, "", "", "6b652c7abed871354affd4a9cb699d33816f24541fac942149b91ad872fe63ca"),
            (EVERYTHING, "serving-tests", "my-ing", "921618b015ff8da86af79be96f7b1e2da1de354dc879dd998f408e11865576d0"),
        ] {
            let metadata = ObjectMeta { namespace: namespace.into(), name: name.into(), ..Default::default() };
            assert_eq!(hash(&Ingress { metadata, spec: spec(json) }), wanted, "{json}");
        }
    }

    #[test]
    fn the_spec_is_written_as_go_writes_it() {
        for json in [BLAH, BLAH_HEADERS, EVERYTHING] {
            assert_eq!(String::from_utf8(go_json(&spec(json)).unwrap()).unwrap(), json);
        }
    }

    #[test]
    fn strings_are_escaped_as_go_escapes_them() {
        for (text, wanted) in [
            ("<>&", r#""\u003c\u003e\u0026""#),
            ("\u{2028}\u{2029}", r#""\u2028\u2029""#),
            ("\"\\/", r#""\"\\/""#),
            ("\n\r\t\u{8}\u{c}\u{1}\u{1f}", r#""\n\r\t\b\f\u0001\u001f""#),
            ("ü\u{7f}", "\"ü\u{7f}\""),
        ] {
            assert_eq!(String::from_utf8(go_json(&text).unwrap()).unwrap(), wanted);
        }
    }
}
