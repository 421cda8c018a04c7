//! The JSON of `/routes`: one object a host, borrowed from the table.

use std::net::SocketAddr;
use std::sync::Arc;

use http::HeaderValue;
use net_pingora_routing::{Endpoint, Header, HeaderMatch, Host, Missing, Path, Protocol, Split, Target};
use serde::Serialize;

/// A host and its paths, in the order they are asked.
#[derive(Serialize)]
pub(super) struct HostView<'a> {
    host: &'a str,
    external: Vec<PathView<'a>>,
    internal: Vec<PathView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PathView<'a> {
    prefix: &'a str,
    headers: Vec<HeaderView<'a>>,
    ingress: String,
    /// Index in `spec.rules`.
    rule: usize,
    /// Index in the rule's `http.paths`.
    path: usize,
    /// Answer to `K-Network-Hash: override`.
    hash: String,
    /// Whether plain HTTP on an external listener is redirected to HTTPS.
    redirect: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rewrite_host: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    append_headers: Vec<HeaderView<'a>>,
    splits: Vec<SplitView<'a>>,
}

#[derive(Serialize)]
struct HeaderView<'a> {
    name: &'a str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SplitView<'a> {
    backend: String,
    percent: u8,
    protocol: &'static str,
    target: TargetView,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    append_headers: Vec<HeaderView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum TargetView {
    /// The Service, or its port, does not exist.
    Missing(&'static str),
    Endpoints(Vec<EndpointView>),
    /// A revision that is served through us.
    Revision(RevisionView),
    /// An ExternalName Service.
    Name {
        host: String,
        port: u16,
    },
    /// Routed once more, by the internal listener's rules.
    Internal,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RevisionView {
    waiting: usize,
    concurrency: u32,
    ready: Vec<EndpointView>,
    starting: Vec<EndpointView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointView {
    address: SocketAddr,
    in_flight: u32,
}

impl<'a> From<&'a Host> for HostView<'a> {
    fn from(host: &'a Host) -> Self {
        let paths = |paths: &'a [Arc<Path>]| paths.iter().map(|path| PathView::from(&**path)).collect();
        Self { host: host.name(), external: paths(host.external()), internal: paths(host.internal()) }
    }
}

impl<'a> From<&'a Path> for PathView<'a> {
    fn from(path: &'a Path) -> Self {
        let header = |wanted: &'a HeaderMatch| HeaderView::new(wanted.name.as_str(), &wanted.exact);
        Self {
            prefix: &path.prefix,
            headers: path.headers.iter().map(header).collect(),
            ingress: path.ingress.key.to_string(),
            rule: path.rule,
            path: path.index,
            hash: lossy(&path.ingress.hash),
            redirect: path.redirect,
            rewrite_host: path.rewrite_host.as_ref().map(lossy),
            append_headers: headers(&path.append_headers),
            splits: path.splits.as_slice().iter().map(SplitView::from).collect(),
        }
    }
}

impl<'a> From<&'a Split> for SplitView<'a> {
    fn from(split: &'a Split) -> Self {
        let upstream = split.backend.upstream();
        Self {
            backend: split.backend.key.to_string(),
            percent: split.percent,
            protocol: match upstream.protocol {
                Protocol::Http1 => "http1",
                Protocol::Http2 => "h2c",
            },
            target: TargetView::from(&upstream.target),
            append_headers: headers(&split.append_headers),
        }
    }
}

impl From<&Target> for TargetView {
    fn from(target: &Target) -> Self {
        match target {
            Target::Missing(Missing::Service) => Self::Missing("service"),
            Target::Missing(Missing::Port) => Self::Missing("port"),
            Target::Endpoints(set) => {
                Self::Endpoints(set.as_slice().iter().map(|at| EndpointView::from(&**at)).collect())
            }
            Target::Revision(pods) => Self::Revision(RevisionView {
                waiting: pods.revision.waiting(),
                concurrency: pods.concurrency,
                ready: pods.ready.as_slice().iter().map(|at| EndpointView::from(&**at)).collect(),
                starting: pods.starting.as_slice().iter().map(|at| EndpointView::from(&**at)).collect(),
            }),
            Target::Name { host, port } => Self::Name { host: host.to_string(), port: *port },
            Target::Internal => Self::Internal,
        }
    }
}

impl From<&Endpoint> for EndpointView {
    fn from(endpoint: &Endpoint) -> Self {
        Self { address: endpoint.address, in_flight: endpoint.in_flight() }
    }
}

impl<'a> HeaderView<'a> {
    fn new(name: &'a str, value: &HeaderValue) -> Self {
        Self { name, value: lossy(value) }
    }
}

fn headers(headers: &[Header]) -> Vec<HeaderView<'_>> {
    headers.iter().map(|(name, value)| HeaderView::new(name.as_str(), value)).collect()
}

/// Header values may be any bytes, JSON strings may not.
fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
