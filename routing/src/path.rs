//! One path of a rule: what it asks of a request and where it sends it.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

use crate::decide::ACME_CHALLENGE;
use crate::{Backend, Traffic};

/// Namespace and name of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Namespace of the object.
    pub namespace: Arc<str>,
    /// Name of the object.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// The key of `namespace/name`.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What all paths of one KIngress share.
#[derive(Debug)]
pub struct Ingress {
    /// The object.
    pub key: ObjectKey,
    /// The value that answers `K-Network-Hash: override` (knative.dev/networking `pkg/ingress/hash.go`).
    pub hash: HeaderValue,
}

/// A request header to set, overwriting what the client sent.
pub type Header = (HeaderName, HeaderValue);

/// A header a path asks for, by exact value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderMatch {
    /// Name of the header, compared without case.
    pub name: HeaderName,
    /// The only value that matches.
    pub exact: HeaderValue,
}

impl HeaderMatch {
    /// Whether the request has this header once, or several times with the same value.
    pub fn matches(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(&self.name).iter().peekable();
        values.peek().is_some() && values.all(|value| value == self.exact)
    }
}

/// One weighted choice of a path.
#[derive(Debug)]
pub struct Split {
    /// Share of the requests, in percent.
    pub percent: u8,
    /// Where it sends to.
    pub backend: Arc<Backend>,
    /// Headers of the split; set before those of the path, so that the path's win.
    pub append_headers: Arc<[Header]>,
    /// What the split has carried.
    pub traffic: Arc<Traffic>,
}

/// The splits of a path; their percentages add up to 100. A lone one lies inside the path.
#[derive(Debug)]
pub struct Splits(SmallVec<[Split; 1]>);

impl Splits {
    /// Splits whose percentages the caller has validated.
    pub fn new(splits: impl IntoIterator<Item = Split>) -> Self {
        Self(splits.into_iter().collect())
    }

    /// All splits, in the order of the object.
    pub fn as_slice(&self) -> &[Split] {
        &self.0
    }

    /// Draws one split; one with 0 % is never drawn. `None` only when there is no weight at all.
    pub fn choose(&self, random: u32) -> Option<usize> {
        let total: u64 = self.0.iter().map(|split| u64::from(split.percent)).sum();
        let mut point = (u64::from(random) * total) >> 32;
        self.0.iter().position(|split| {
            let weight = u64::from(split.percent);
            let hit = point < weight;
            point = point.wrapping_sub(weight);
            hit
        })
    }
}

/// What a path says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathVerdict<'a> {
    /// Prefix and headers match.
    Matches,
    /// The request's path does not start with the prefix.
    OtherPrefix,
    /// The prefix matches, this header does not.
    OtherHeader(&'a HeaderMatch),
}

/// One path of a rule, compiled.
#[derive(Debug)]
pub struct Path {
    /// The KIngress it comes from.
    pub ingress: Arc<Ingress>,
    /// Index of the rule in `spec.rules`.
    pub rule: usize,
    /// Index of the path in the rule's `http.paths`.
    pub index: usize,
    /// Literal prefix of the request path; `/` when the object leaves it empty.
    pub prefix: Box<str>,
    /// Headers that must all match.
    pub headers: Box<[HeaderMatch]>,
    /// The Host the upstream sees instead of the client's.
    pub rewrite_host: Option<HeaderValue>,
    /// Headers to set on every request of this path.
    pub append_headers: Arc<[Header]>,
    /// Whether plain HTTP on an external listener is redirected to HTTPS.
    pub redirect: bool,
    /// Where requests go.
    pub splits: Splits,
}

impl Path {
    /// A path of no KIngress, which sends every request to one backend and counts it under `key`.
    pub fn to_backend(key: &ObjectKey, backend: &Arc<Backend>) -> Self {
        let traffic = Traffic::new(key.clone(), &backend.key.service);
        let split = Split { percent: 100, backend: Arc::clone(backend), append_headers: Arc::default(), traffic };
        Self {
            ingress: Arc::new(Ingress { key: key.clone(), hash: HeaderValue::from_static("") }),
            rule: 0,
            index: 0,
            prefix: "/".into(),
            headers: [].into(),
            rewrite_host: None,
            append_headers: Arc::default(),
            redirect: false,
            splits: Splits::new([split]),
        }
    }

    /// Whether its upstreams are spoken to in the clear whatever they ask for: they are no revisions, but
    /// solvers of ACME challenges, or what another route's host stands for.
    pub fn is_plain(&self) -> bool {
        self.rewrite_host.is_some() || self.prefix.starts_with(ACME_CHALLENGE)
    }

    /// Whether this path serves a request; a literal prefix, without regard to segments.
    pub fn verdict(&self, path: &str, headers: &HeaderMap) -> PathVerdict<'_> {
        if !path.starts_with(&*self.prefix) {
            return PathVerdict::OtherPrefix;
        }
        self.headers
            .iter()
            .find(|wanted| !wanted.matches(headers))
            .map_or(PathVerdict::Matches, PathVerdict::OtherHeader)
    }
}
