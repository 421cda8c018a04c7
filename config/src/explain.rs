//! The flags of `explain`.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use http::header::{HeaderName, HeaderValue, InvalidHeaderName, InvalidHeaderValue};
use http::uri::{Authority, InvalidUri, Uri};

use crate::SourceArgs;

/// The flags of `explain`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Exit status: 0 routed, 4 not routed, 1 the objects cannot be read, 2 wrong use.

Examples:
  net-pingora explain --from manifests http://hello.default.localhost/
  net-pingora explain --from manifests -H 'Knative-Serving-Tag: blue' http://hello.default.localhost/
  net-pingora explain --from manifests --internal --output json http://hello.default.svc.cluster.local/")]
pub struct ExplainArgs {
    /// Where the objects come from.
    #[command(flatten)]
    pub source: SourceArgs,

    /// Ask the internal listeners, which serve cluster-local hosts too
    #[arg(long, env = "NET_PINGORA_INTERNAL", value_parser = clap::builder::BoolishValueParser::new())]
    pub internal: bool,

    /// Header of the request; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", env = "NET_PINGORA_HEADER")]
    pub headers: Vec<HeaderArg>,

    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Output::Text, env = "NET_PINGORA_OUTPUT")]
    pub output: Output,

    /// `http://HOST/PATH`, or `https://HOST/PATH` for a client that speaks TLS
    #[arg(value_name = "URL")]
    pub url: UrlArg,
}

/// Form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs: one JSON object.
    Json,
}

/// A request header as curl takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderArg {
    /// What stands before the first colon.
    pub name: HeaderName,
    /// What stands after it, without the space around it.
    pub value: HeaderValue,
}

/// Why a text is no request header.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// There is no colon.
    #[error("no colon in it; write 'Name: value'")]
    Colon,
    /// The name has characters HTTP does not allow.
    #[error("no header name before the colon; write 'Name: value'")]
    Name(#[from] InvalidHeaderName),
    /// The value has characters HTTP does not allow.
    #[error("no header value after the colon; write 'Name: value' without control characters")]
    Value(#[from] InvalidHeaderValue),
}

impl FromStr for HeaderArg {
    type Err = HeaderError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once(':').ok_or(HeaderError::Colon)?;
        Ok(Self { name: name.trim().parse()?, value: value.trim().parse()? })
    }
}

/// A URL that a client could ask the gateway for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlArg {
    /// Whether the client speaks TLS: `https`.
    pub tls: bool,
    /// Host, with its port if the URL has one.
    pub host: String,
    /// Path without query; `/` when the URL has none.
    pub path: String,
}

/// Why a text is no URL to ask the gateway for.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// It is no URL at all.
    #[error("not a URL; write http://HOST/PATH or https://HOST/PATH")]
    Form(#[from] InvalidUri),
    /// The scheme is missing or another one.
    #[error("no http:// or https:// before the host; write http://HOST/PATH or https://HOST/PATH")]
    Scheme,
}

impl FromStr for UrlArg {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse()?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(UrlError::Scheme),
        };
        let authority = uri.authority().map_or("", Authority::as_str);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_owned();
        Ok(Self { tls, host, path: uri.path().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_its_name_at_the_first_colon() {
        for (text, wanted) in [
            ("Name: value", Some(("name", "value"))),
            ("Name:value", Some(("name", "value"))),
            ("Host: a.example:80", Some(("host", "a.example:80"))),
            ("Empty:", Some(("empty", ""))),
            ("Name", None),
            (": value", None),
            ("a b: value", None),
            ("a: \u{1}", None),
        ] {
            let header = text.parse::<HeaderArg>().ok();
            let got = header.as_ref().map(|header| (header.name.as_str(), header.value.to_str().unwrap()));
            assert_eq!(got, wanted, "{text}");
        }
    }

    #[test]
    fn a_url_has_a_scheme_and_a_host() {
        let url = |tls, host: &str, path: &str| Some(UrlArg { tls, host: host.into(), path: path.into() });
        for (text, wanted) in [
            ("http://a.example", url(false, "a.example", "/")),
            ("https://a.example/b/c?d=e#f", url(true, "a.example", "/b/c")),
            ("http://user:secret@a.example:8080/", url(false, "a.example:8080", "/")),
            ("http://[::1]:80/", url(false, "[::1]:80", "/")),
            ("a.example/b", None),
            ("ftp://a.example/", None),
            ("/b", None),
            ("http:///b", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), wanted, "{text}");
        }
    }
}
