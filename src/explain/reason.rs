//! Why a path does not serve a request, and why none does.

use std::fmt;

use net_pingora_routing::{Miss, Step};

use super::{Answer, Asked};

/// Why one path does not serve the request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The request's path does not begin with the prefix.
    Prefix { prefix: String },
    /// A header has another value, or is absent.
    Header { name: String, wanted: String, sent: Option<String> },
    /// The listener does not serve it.
    Listener,
    /// It would, but another one is asked first.
    Shadowed { by: String },
}

impl Reason {
    /// The reason of a step that was not chosen.
    pub(super) fn of(step: &Step, answer: &Answer) -> Self {
        let asked = &answer.asked;
        if !step.served {
            return Self::Listener;
        }
        if !step.prefix {
            return Self::Prefix { prefix: step.path.prefix.to_string() };
        }
        match &step.header {
            Some((name, wanted)) => {
                let sent = asked.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
                Self::Header { name: name.clone(), wanted: wanted.clone(), sent }
            }
            None => Self::Shadowed { by: answer.chosen().map(|path| answer.position(path)).unwrap_or_default() },
        }
    }

    /// One word for programs.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Prefix { .. } => "prefix",
            Self::Header { .. } => "header",
            Self::Listener => "listener",
            Self::Shadowed { .. } => "shadowed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix { prefix } => write!(f, "the request's path does not begin with {prefix}"),
            Self::Header { name, wanted, sent: None } => write!(f, "header {name} is absent, it wants {wanted:?}"),
            Self::Header { name, wanted, sent: Some(sent) } => {
                write!(f, "header {name} is {sent:?}, it wants {wanted:?}")
            }
            Self::Listener => f.write_str("only internal listeners serve it (visibility ClusterLocal)"),
            Self::Shadowed { by } => write!(f, "it would, but {by} is asked first"),
        }
    }
}

/// One word for programs.
pub(super) fn miss_word(miss: Miss) -> &'static str {
    match miss {
        Miss::UnknownHost => "unknown-host",
        Miss::OtherListener => "other-listener",
        Miss::NoPath => "no-path",
        Miss::NoHeaders => "no-headers",
    }
}

/// Why no path serves the request.
pub(super) fn miss_text(miss: Miss, asked: &Asked) -> String {
    let (host, path) = (&asked.url.host, &asked.url.path);
    match miss {
        Miss::UnknownHost => format!("no KIngress and no Route has the host {host}"),
        Miss::OtherListener => format!("only internal listeners serve {host}; ask those with --internal"),
        Miss::NoPath => format!("no path of {host} is a prefix of {path}"),
        Miss::NoHeaders => format!("a path of {host} is a prefix of {path}, but its headers do not match"),
    }
}
