//! A plan made ready: what is the same for all requests is worked out once.

use std::io;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderName, Method, header};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::client::{Keep, tls};
use crate::plan::{End, Load, Plan, Shares, ToldBy, Trust, Work};
use crate::shares;
use crate::target::{Target, host_and_port};

/// A plan that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A number that must be at least one.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// A rate that is none.
    #[error("a rate must be a number of requests a second above 0")]
    Rate,
    /// An address to connect to that is none.
    #[error("{0}: write host:port or [address]:port")]
    Address(String),
    /// A server name that TLS cannot ask for.
    #[error("{0}: no name that a certificate could have")]
    ServerName(String),
    /// Authorities that cannot be read.
    #[error("authorities of {0}: {1}")]
    Authorities(String, String),
    /// Shares that are no parts of a whole.
    #[error(transparent)]
    Shares(#[from] shares::BadShare),
    /// A thread or its timers cannot be had.
    #[error("start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// Whom to connect to, and how.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// `host`, `port` of the TCP connection.
    pub(crate) address: (String, u16),
    /// What a proxy is asked to connect to, where it is (RFC 9110 §9.3.6).
    pub(crate) tunnel: Option<String>,
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// A plan made ready.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) route: Route,
    /// What of answers is kept.
    pub(crate) keep: Keep,
    /// A request of HTTP/1.1: what is before the path, between path and host, and after the host.
    pub(crate) pieces: [Vec<u8>; 3],
    /// A message with gRPC's prefix.
    pub(crate) message: Bytes,
}

impl Prepared {
    pub(crate) fn new(plan: Plan) -> Result<Self, PlanError> {
        check(&plan)?;
        let route = route(&plan)?;
        let keep = Keep {
            head: plan.request.method == Method::HEAD,
            location: plan.redirects,
            header: told_by_header(plan.shares.as_ref()),
            body: plan.shares.as_ref().is_some_and(|shares| shares.told_by == ToldBy::Body),
        };
        let pieces = pieces(&plan);
        let message = message(&plan.request.body);
        Ok(Self { plan, route, keep, pieces, message })
    }

    /// The request that a redirect asks for, over HTTP/1.1 (RFC 9110 §15.4).
    pub(crate) fn redirected(&self, target: Target, status: u16) -> Result<Self, PlanError> {
        let mut plan = self.plan.clone();
        let same_place = target.authority == plan.target.authority && target.tls == plan.target.tls;
        if !same_place {
            plan.connect = None;
            plan.request.headers.remove(header::AUTHORIZATION);
        }
        if !matches!(status, 307 | 308) && plan.request.method != Method::HEAD {
            plan.request.method = Method::GET;
            plan.request.body = Bytes::new();
        }
        plan.request.hosts = match plan.request.hosts {
            hosts if same_place => hosts,
            _ => crate::Names::One(target.authority.clone()),
        };
        plan.request.paths = crate::Names::One(target.path.clone());
        plan.work = Work::Http1;
        plan.target = target;
        Self::new(plan)
    }

    /// How many backends are told apart, with one for all others.
    pub(crate) fn backends(&self) -> usize {
        self.plan.shares.as_ref().map_or(0, |shares| shares.expected.len() + 1)
    }

    /// Which of the expected backends this header or body names.
    pub(crate) fn backend(&self, kept: Option<&[u8]>) -> Option<usize> {
        self.plan.shares.as_ref().map(|shares| shares.backend(kept))
    }
}

fn check(plan: &Plan) -> Result<(), PlanError> {
    let counts = [("connections", plan.connections), ("streams", plan.streams), ("threads", plan.threads)];
    for (name, count) in counts {
        if count == 0 {
            return Err(PlanError::Zero(name));
        }
    }
    if plan.end == End::Requests(0) {
        return Err(PlanError::Zero("requests"));
    }
    let rate = match plan.load {
        Load::Closed { each } => each.unwrap_or(1.0),
        Load::Open { rate, .. } => rate,
    };
    if !(rate.is_finite() && rate > 0.0) {
        return Err(PlanError::Rate);
    }
    Ok(plan.shares.as_ref().map_or(Ok(()), |shares| shares::check(&shares.expected))?)
}

fn told_by_header(shares: Option<&Shares>) -> Option<HeaderName> {
    match &shares?.told_by {
        ToldBy::Header(name) => Some(name.clone()),
        ToldBy::Body => None,
    }
}

fn route(plan: &Plan) -> Result<Route, PlanError> {
    let address = |text: &str| {
        let bad = || PlanError::Address(text.to_owned());
        host_and_port(text, 0).filter(|(_, port)| *port != 0).ok_or_else(bad)
    };
    let target = (plan.target.host.clone(), plan.target.port);
    let to = plan.connect.as_deref().map(address).transpose()?.unwrap_or(target);
    // Encrypted and upgraded connections go through a proxy as they are.
    let tunnelled = plan.target.tls || plan.work != Work::Http1;
    let (address, tunnel) = match plan.proxy.as_deref().map(address).transpose()? {
        Some(proxy) if tunnelled => (proxy, Some(authority(&to))),
        Some(proxy) => (proxy, None),
        None => (to, None),
    };
    let tls = if plan.target.tls { Some((client_config(plan)?, server_name(plan)?)) } else { None };
    Ok(Route { address, tunnel, tls })
}

fn authority((host, port): &(String, u16)) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The server name to ask for: the host of requests if they have only one, else the URL's.
fn server_name(plan: &Plan) -> Result<ServerName<'static>, PlanError> {
    let host = plan.request.hosts.only().unwrap_or(&plan.target.authority);
    let name = host_and_port(host, 0).map_or_else(|| plan.target.host.clone(), |(name, _)| name);
    ServerName::try_from(name.clone()).map_err(|_| PlanError::ServerName(name))
}

fn client_config(plan: &Plan) -> Result<Arc<ClientConfig>, PlanError> {
    let builder = tls::builder();
    let mut config = match &plan.trust {
        Trust::Anyone => builder.dangerous().with_custom_certificate_verifier(tls::anyone()).with_no_client_auth(),
        Trust::System => {
            let found = rustls_native_certs::load_native_certs();
            let bad = |error: String| PlanError::Authorities("the system".to_owned(), error);
            builder.with_root_certificates(roots(found.certs).map_err(bad)?).with_no_client_auth()
        }
        Trust::Authorities(file) => {
            let bad = |error: String| PlanError::Authorities(file.display().to_string(), error);
            let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
            let found = found.map_err(|error| bad(error.to_string()))?;
            builder.with_root_certificates(roots(found).map_err(bad)?).with_no_client_auth()
        }
    };
    let protocol: &[u8] = if plan.work.is_http2() { b"h2" } else { b"http/1.1" };
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(Arc::new(config))
}

fn roots(certificates: Vec<CertificateDer<'static>>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() { Err("no certificate".to_owned()) } else { Ok(roots) }
}

/// The fixed pieces of a request of HTTP/1.1 (RFC 9112 §3).
fn pieces(plan: &Plan) -> [Vec<u8>; 3] {
    let request = &plan.request;
    let mut first = format!("{} ", request.method).into_bytes();
    // A proxy is told whom to ask (RFC 9112 §3.2.2).
    if plan.proxy.is_some() && !plan.target.tls {
        let to = plan.connect.as_deref().unwrap_or(&plan.target.authority);
        first.extend_from_slice(format!("http://{to}").as_bytes());
    }
    let mut last = b"\r\n".to_vec();
    for (name, value) in &request.headers {
        last.extend_from_slice(name.as_str().as_bytes());
        last.extend_from_slice(b": ");
        last.extend_from_slice(value.as_bytes());
        last.extend_from_slice(b"\r\n");
    }
    if !plan.keep_alive {
        last.extend_from_slice(b"connection: close\r\n");
    }
    if !request.body.is_empty() || matches!(request.method, Method::POST | Method::PUT | Method::PATCH) {
        last.extend_from_slice(format!("content-length: {}\r\n", request.body.len()).as_bytes());
    }
    last.extend_from_slice(b"\r\n");
    last.extend_from_slice(&request.body);
    [first, b" HTTP/1.1\r\nhost: ".to_vec(), last]
}

/// A message as gRPC sends it, uncompressed (gRPC over HTTP2, "Length-Prefixed-Message").
fn message(body: &Bytes) -> Bytes {
    let mut message = BytesMut::with_capacity(body.len() + 5);
    message.put_u8(0);
    message.put_u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
    message.put_slice(body);
    message.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Names;

    fn plan(url: &str) -> Plan {
        Plan::new(url.parse().unwrap())
    }

    #[test]
    fn a_request_is_put_together_from_its_pieces() {
        let mut posted = plan("http://a.example/b");
        posted.request.method = Method::POST;
        posted.request.body = Bytes::from_static(b"hi");
        posted.keep_alive = false;
        let mut proxied = plan("http://a.example/b");
        proxied.proxy = Some("proxy:3128".to_owned());
        let cases = [
            (plan("http://a.example/b"), "GET |b HTTP/1.1\r\nhost: |a\r\n\r\n"),
            (posted, "POST |b HTTP/1.1\r\nhost: |a\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi"),
            (proxied, "GET http://a.example|b HTTP/1.1\r\nhost: |a\r\n\r\n"),
        ];
        for (plan, wanted) in cases {
            let [first, second, third] = Prepared::new(plan).unwrap().pieces;
            let text = |bytes| String::from_utf8(bytes).unwrap();
            assert_eq!(format!("{}|b{}|a{}", text(first), text(second), text(third)), wanted);
        }
    }

    #[test]
    fn a_redirect_keeps_method_and_body_only_where_it_says_so() {
        let mut from = plan("http://a.example/b");
        from.request.method = Method::POST;
        from.request.body = Bytes::from_static(b"hi");
        from.connect = Some("127.0.0.1:80".to_owned());
        let from = Prepared::new(from).unwrap();
        for (status, to, method, connect) in [
            (302, "http://a.example/c", Method::GET, true),
            (308, "http://a.example/c", Method::POST, true),
            (307, "http://b.example/c", Method::POST, false),
        ] {
            let plan = from.redirected(to.parse().unwrap(), status).unwrap().plan;
            assert_eq!(plan.request.method, method, "{status}");
            assert_eq!(plan.request.body.is_empty(), method == Method::GET, "{status}");
            assert_eq!(plan.connect.is_some(), connect, "{to}");
            assert_eq!(plan.request.paths, Names::One("/c".to_owned()));
        }
    }

    #[test]
    fn a_plan_that_cannot_be_run_is_refused() {
        let cases: [fn(&mut Plan); 5] = [
            |plan| plan.connections = 0,
            |plan| plan.streams = 0,
            |plan| plan.end = End::Requests(0),
            |plan| plan.load = Load::Open { rate: f64::NAN, arrivals: crate::Arrivals::Constant },
            |plan| plan.connect = Some("nowhere".to_owned()),
        ];
        for (case, change) in cases.into_iter().enumerate() {
            let mut plan = plan("http://a.example/");
            change(&mut plan);
            assert!(Prepared::new(plan).is_err(), "case {case}");
        }
    }
}
