//! Where requests go.

use std::fmt;
use std::str::FromStr;

/// The parts of a URL that a client needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether the connection is encrypted: `https` and `wss`.
    pub tls: bool,
    /// Whether it is a WebSocket: `ws` and `wss`.
    pub websocket: bool,
    /// A name or an address, an IPv6 address without brackets.
    pub host: String,
    /// The port, or that of the scheme.
    pub port: u16,
    /// Host and port as they stood in the URL.
    pub authority: String,
    /// Path and query; at least `/`.
    pub path: String,
}

/// A URL that is none, or that cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// No scheme, or one that is not spoken.
    #[error("{0}: begin with http://, https://, ws:// or wss://")]
    Scheme(String),
    /// `user:password@` in the URL.
    #[error("{0}: give user and password with -a")]
    User(String),
    /// No host, or a port that is no number.
    #[error("{0}: no host and port; write them as host, host:port or [address]:port")]
    Authority(String),
}

impl FromStr for Target {
    type Err = BadUrl;

    fn from_str(url: &str) -> Result<Self, BadUrl> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| BadUrl::Scheme(url.to_owned()))?;
        let (tls, websocket) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (false, false),
            "https" => (true, false),
            "ws" => (false, true),
            "wss" => (true, true),
            _ => return Err(BadUrl::Scheme(url.to_owned())),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(BadUrl::User(url.to_owned()));
        }
        let (host, port) =
            host_and_port(authority, if tls { 443 } else { 80 }).ok_or_else(|| BadUrl::Authority(url.to_owned()))?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { tls, websocket, host, port, authority: authority.to_owned(), path })
    }
}

/// Splits `host`, `host:port` and `[address]:port`.
pub(crate) fn host_and_port(authority: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(default), |port| port.parse().ok())?;
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

impl Target {
    /// The place a `Location` of an answer from here names (RFC 9110 §10.2.2).
    pub(crate) fn redirected(&self, location: &str) -> Result<Self, BadUrl> {
        if location.contains("://") {
            return location.parse();
        }
        if let Some(rest) = location.strip_prefix("//") {
            return format!("{}://{rest}", self.scheme()).parse();
        }
        let path = if location.starts_with('/') {
            location.to_owned()
        } else {
            let base = self.path.split('?').next().unwrap_or_default();
            format!("{}{location}", &base[..=base.rfind('/').unwrap_or(0)])
        };
        Ok(Self { path, ..self.clone() })
    }

    fn scheme(&self) -> &'static str {
        match (self.websocket, self.tls) {
            (false, false) => "http",
            (false, true) => "https",
            (true, false) => "ws",
            (true, true) => "wss",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_who_to_connect_to_and_what_to_ask() {
        let cases = [
            ("http://a.example", false, "a.example", 80, "a.example", "/"),
            ("https://a.example/b?c=d#e", true, "a.example", 443, "a.example", "/b?c=d"),
            ("wss://a.example:8443?c", true, "a.example", 8443, "a.example:8443", "/?c"),
            ("ws://[::1]:81/x", false, "::1", 81, "[::1]:81", "/x"),
            ("HTTP://[::1]", false, "::1", 80, "[::1]", "/"),
        ];
        for (url, tls, host, port, authority, path) in cases {
            let websocket = url.starts_with("ws");
            let wanted =
                Target { tls, websocket, host: host.into(), port, authority: authority.into(), path: path.into() };
            assert_eq!(url.parse(), Ok(wanted), "{url}");
        }
        for url in ["a.example", "ftp://a", "http://", "http://a:b/", "http://u:p@a/", "http://[::1", "http://[::1]8/"]
        {
            assert!(url.parse::<Target>().is_err(), "{url}");
        }
    }

    #[test]
    fn a_location_is_relative_to_what_was_asked() {
        let base: Target = "https://a.example:8443/b/c?d".parse().unwrap();
        let cases = [
            ("/x", "https://a.example:8443/x"),
            ("x", "https://a.example:8443/b/x"),
            ("//b.example/x", "https://b.example/x"),
            ("http://b.example", "http://b.example/"),
        ];
        for (location, wanted) in cases {
            assert_eq!(base.redirected(location).unwrap().to_string(), wanted, "{location}");
        }
    }
}
