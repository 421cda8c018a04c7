//! Host names: how a Host header or `:authority` becomes a key of the table.

use std::fmt;

/// The name under which a rule without hosts is kept.
pub const CATCH_ALL: &str = "*";

/// The longest host name DNS knows (RFC 1035 §2.3.4); a longer one is in no table.
const LONGEST: usize = 253;

/// A host name in the table's form: lower case, without port and trailing dot.
///
/// It lives on the stack, so that a look-up allocates nothing.
#[derive(Clone, Copy)]
pub struct HostName {
    bytes: [u8; LONGEST],
    length: u8,
}

impl HostName {
    /// Reads a Host header, an `:authority` or a host of a rule.
    ///
    /// `None` when the name is longer than DNS allows, not ASCII, or empty.
    pub fn parse(authority: &str) -> Option<Self> {
        let name = without_port(authority);
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() || name.len() > LONGEST || !name.is_ascii() {
            return None;
        }
        let mut bytes = [0; LONGEST];
        let used = bytes.get_mut(..name.len())?;
        used.copy_from_slice(name.as_bytes());
        used.make_ascii_lowercase();
        Some(Self { bytes, length: u8::try_from(name.len()).ok()? })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.length)).and_then(|used| str::from_utf8(used).ok()).unwrap_or_default()
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Cuts `:port`; what follows the last colon of an IPv6 literal in brackets is its port too.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port))
            if port.bytes().all(|digit| digit.is_ascii_digit()) && (!host.contains(':') || host.ends_with(']')) =>
        {
            host
        }
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_compared_without_case_port_and_trailing_dot() {
        let long = "a".repeat(254);
        for (given, wanted) in [
            ("Hello.Default.Example.com", Some("hello.default.example.com")),
            ("hello.example.com:80", Some("hello.example.com")),
            ("hello.example.com:", Some("hello.example.com")),
            ("hello.example.com.", Some("hello.example.com")),
            ("hello.example.com.:8080", Some("hello.example.com")),
            ("hello.example.com:http", Some("hello.example.com:http")),
            ("[::1]:8080", Some("[::1]")),
            ("[::1]", Some("[::1]")),
            ("::1", Some("::1")),
            ("", None),
            (":80", None),
            ("bücher.example", None),
            (long.as_str(), None),
        ] {
            assert_eq!(HostName::parse(given).as_ref().map(HostName::as_str), wanted, "{given}");
        }
    }
}
