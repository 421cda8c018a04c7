//! Backends: what a split's Service resolves to, kept beside the table so that pods come and go
//! without touching it.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use net_pingora_tls::Encryption;

use crate::{EndpointSet, Pods, Revision};

/// A Service's port as a split names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServicePort {
    /// `servicePort: 80`
    Number(u16),
    /// `servicePort: http2`
    Name(Box<str>),
}

impl fmt::Display for ServicePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Which port of which Service a split sends to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackendKey {
    /// Namespace of the Service.
    pub namespace: Arc<str>,
    /// Name of the Service.
    pub service: Arc<str>,
    /// Port of the Service.
    pub port: ServicePort,
}

impl fmt::Display for BackendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.namespace, self.service, self.port)
    }
}

/// The protocol spoken to an upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1
    #[default]
    Http1,
    /// HTTP/2 by prior knowledge (h2c).
    Http2,
}

/// Why a backend resolves to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// There is no such Service.
    Service,
    /// The Service has no such port.
    Port,
}

/// What a backend resolves to.
#[derive(Clone, Debug)]
pub enum Target {
    /// Nothing; every request is answered 503.
    Missing(Missing),
    /// Pods, by address.
    Endpoints(EndpointSet),
    /// Pods of a revision that is served through us, as through Knative's activator: requests wait for them.
    Revision(Pods),
    /// An ExternalName Service: resolved by DNS when a request needs it.
    Name {
        /// `spec.externalName`
        host: Arc<str>,
        /// The Service port's number.
        port: u16,
    },
    /// Our own internal Service: the request is routed once more, by the internal listener's rules.
    Internal,
}

/// How an upstream is spoken to.
#[derive(Clone, Debug, Default)]
pub enum Transport {
    /// In the clear.
    #[default]
    Plain,
    /// With TLS, and only with who proves to be the upstream.
    Encrypted(Arc<Encryption>),
    /// It is to be TLS, but there is nobody to trust; every request is answered 503.
    Untrusted,
}

/// What a backend resolves to, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Protocol by port name or `appProtocol`.
    pub protocol: Protocol,
    /// Whether it is encrypted.
    pub transport: Transport,
    /// Where requests go.
    pub target: Target,
}

/// A cell with what one Service port resolves to; the control plane sets it, requests read it.
#[derive(Debug)]
pub struct Backend {
    /// Which Service port this is.
    pub key: BackendKey,
    upstream: ArcSwap<Upstream>,
}

impl Backend {
    /// A cell for a Service nobody has seen yet.
    pub fn new(key: BackendKey) -> Arc<Self> {
        let target = Target::Missing(Missing::Service);
        let upstream = Upstream { protocol: Protocol::Http1, transport: Transport::Plain, target };
        Arc::new(Self { key, upstream: ArcSwap::from_pointee(upstream) })
    }

    /// What the backend resolves to now. Not to be held across an await.
    pub fn upstream(&self) -> Guard<Arc<Upstream>> {
        self.upstream.load()
    }

    /// Replaces what the backend resolves to; requests already sent are not disturbed, those that wait look again.
    pub fn set(&self, upstream: Upstream) {
        let next = upstream.revision().cloned();
        let last = self.upstream.swap(Arc::new(upstream));
        let moved = last.revision().filter(|last| next.as_ref().is_none_or(|next| !Arc::ptr_eq(next, last)));
        next.iter().chain(moved).for_each(|revision| revision.wake());
    }

    /// The endpoints of now, or none when the backend resolves to something else.
    pub fn endpoints(&self) -> EndpointSet {
        match &self.upstream.load().target {
            Target::Endpoints(set) => set.clone(),
            _ => EndpointSet::default(),
        }
    }
}

impl Upstream {
    /// The revision that is served through us, if it is one.
    pub fn revision(&self) -> Option<&Arc<Revision>> {
        match &self.target {
            Target::Revision(pods) => Some(&pods.revision),
            _ => None,
        }
    }
}
