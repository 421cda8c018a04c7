//! The routing decision: a pure function of the table and the request.

use std::sync::Arc;

use http::HeaderMap;

use crate::table::Host;
use crate::{HostName, Path, PathVerdict, Split, Table};

/// Paths below it are never redirected to HTTPS: the certificate is not there yet (RFC 8555 §8.3).
pub const ACME_CHALLENGE: &str = "/.well-known/acme-challenge/";

/// Which kind of listener a request came in on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Listener {
    /// Serves rules with visibility `ExternalIP`.
    External,
    /// Serves all rules.
    Internal,
    /// Serves revisions by their names, as Knative's activator.
    Activator,
}

/// What the decision looks at.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Kind of listener.
    pub listener: Listener,
    /// Whether the client spoke TLS.
    pub tls: bool,
    /// Host header or `:authority`, as sent.
    pub host: &'a str,
    /// Path without query, as sent.
    pub path: &'a str,
    /// Request headers.
    pub headers: &'a HeaderMap,
}

/// The path and split that serve a request.
#[derive(Clone, Debug)]
pub struct Match {
    /// The path.
    pub path: Arc<Path>,
    /// Index of the drawn split.
    pub split: usize,
}

impl Match {
    /// The drawn split.
    pub fn split(&self) -> Option<&Split> {
        self.path.splits.as_slice().get(self.split)
    }
}

/// Why nothing serves a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Miss {
    /// No rule names the host.
    UnknownHost,
    /// Only internal listeners serve the host.
    OtherListener,
    /// No path of the host is a prefix of the request's.
    NoPath,
    /// A path matches, its headers do not.
    NoHeaders,
}

/// What to do with a request.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Send it on.
    Forward(Match),
    /// Answer 301 to the same URL with `https`.
    Redirect(Arc<Path>),
    /// Answer 404.
    NotFound(Miss),
}

/// Decides one request; `random` draws the split.
pub fn route(table: &Table, request: &Request<'_>, random: u32) -> Decision {
    let path = match select(table, request) {
        Ok(path) => path,
        Err(miss) => return Decision::NotFound(miss),
    };
    if redirects(path, request) {
        return Decision::Redirect(Arc::clone(path));
    }
    match path.splits.choose(random) {
        Some(split) => Decision::Forward(Match { path: Arc::clone(path), split }),
        None => Decision::NotFound(Miss::NoPath),
    }
}

/// The first path of the host that matches.
pub(crate) fn select<'a>(table: &'a Table, request: &Request<'_>) -> Result<&'a Arc<Path>, Miss> {
    let host = HostName::parse(request.host).and_then(|name| table.host(&name)).ok_or(Miss::UnknownHost)?;
    let paths = served(host, request.listener);
    if paths.is_empty() {
        return Err(Miss::OtherListener);
    }
    let mut miss = Miss::NoPath;
    for path in paths {
        match path.verdict(request.path, request.headers) {
            PathVerdict::Matches => return Ok(path),
            PathVerdict::OtherHeader(_) => miss = Miss::NoHeaders,
            PathVerdict::OtherPrefix => {}
        }
    }
    Err(miss)
}

/// The paths of a host on one kind of listener.
pub(crate) fn served(host: &Host, listener: Listener) -> &[Arc<Path>] {
    match listener {
        Listener::External => host.external(),
        Listener::Internal | Listener::Activator => host.internal(),
    }
}

/// Whether plain HTTP is sent to HTTPS instead.
pub(crate) fn redirects(path: &Path, request: &Request<'_>) -> bool {
    path.redirect && request.listener == Listener::External && !request.tls && !request.path.starts_with(ACME_CHALLENGE)
}
