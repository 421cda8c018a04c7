//! Names of the domain name system, as `k8s.io/apimachinery` `pkg/util/validation` checks them.

/// Bytes of a name.
const LONGEST_NAME: usize = 253;

/// Bytes of a label.
const LONGEST_LABEL: usize = 63;

/// What is wrong with a fully qualified domain name (`IsFullyQualifiedDomainName`): lower-case labels of letters,
/// digits and dashes, two or more; a dot at the end is taken.
pub(crate) fn check_fqdn(name: &str) -> Result<(), String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return Err("is empty".to_owned());
    }
    if let Some(label) = name.split('.').find(|label| !is_label(label)) {
        return Err(what_is_wrong(label));
    }
    if name.len() > LONGEST_NAME {
        return Err(format!("has {} characters, more than {LONGEST_NAME}", name.len()));
    }
    if !name.contains('.') {
        return Err("has no dot".to_owned());
    }
    Ok(())
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    let alphanumeric = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    bytes.len() <= LONGEST_LABEL
        && alphanumeric(bytes.first())
        && alphanumeric(bytes.last())
        && bytes.iter().all(|byte| alphanumeric(Some(byte)) || *byte == b'-')
}

fn what_is_wrong(label: &str) -> String {
    if label.is_empty() {
        "has nothing between two dots, or at an end".to_owned()
    } else if label.len() > LONGEST_LABEL {
        format!("has {} characters in {label:?}, more than the {LONGEST_LABEL} of a label", label.len())
    } else {
        format!("has {label:?}: only a-z, 0-9 and - may stand there, and - not at its ends")
    }
}

/// Whether the last label can be one of a top level: not all digits, and not too long (`knative.dev/networking`
/// `pkg/ingress/ingress.go` `isValidTopLevelDomain`).
pub(crate) fn has_top_level(name: &str) -> bool {
    let label = name.rsplit('.').next().unwrap_or_default();
    label.len() <= LONGEST_LABEL && label.bytes().any(|byte| byte == b'-' || byte > b'9')
}

#[cfg(test)]
mod tests {
    use std::ops::Add;

    use super::*;

    #[test]
    fn a_fully_qualified_name_has_two_labels_or_more() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        for good in ["a.b", "a.b.", "1.2", "x--y.example.com", &label.clone().add(".com"), &longest] {
            assert_eq!(check_fqdn(good), Ok(()), "{good}");
        }
        for (bad, problem) in [
            ("", "is empty"),
            (".", "is empty"),
            ("a", "has no dot"),
            ("a.", "has no dot"),
            ("a..b", "nothing between two dots"),
            ("a.b..", "nothing between two dots"),
            (".a.b", "nothing between two dots"),
            ("a.B", "has \"B\""),
            ("-a.b", "has \"-a\""),
            ("a-.b", "has \"a-\""),
            ("a_b.c", "has \"a_b\""),
            ("<no value>.c", "has \"<no value>\""),
            ("ä.c", "has \"ä\""),
            (&"a".repeat(64).add(".com"), "64 characters"),
            (&longest.add("a"), "254 characters, more than 253"),
        ] {
            let error = check_fqdn(bad).unwrap_err();
            assert!(error.contains(problem), "{bad}: {error}");
        }
    }

    #[test]
    fn a_top_level_is_not_all_digits() {
        for (name, wanted) in
            [("a.b", true), ("a", true), ("a.1", false), ("a.1-2", true), ("a.", false), ("", false), ("1a", true)]
        {
            assert_eq!(has_top_level(name), wanted, "{name}");
        }
        assert!(!has_top_level(&"a".repeat(64)));
    }
}
