//! Backends: what a split's Service resolves to, kept beside the table so that pods come and go
//! without touching it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::{ArcSwap, Guard};
use net_pingora_tls::Encryption;

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

/// One address that serves a backend.
#[derive(Debug)]
pub struct Endpoint {
    /// Where to connect to.
    pub address: SocketAddr,
    in_flight: AtomicU32,
}

impl Endpoint {
    /// An endpoint that carries no request yet.
    pub fn new(address: SocketAddr) -> Arc<Self> {
        Arc::new(Self { address, in_flight: AtomicU32::new(0) })
    }

    /// Requests this endpoint is serving for us right now.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts one request until the guard is dropped.
    pub fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }
}

/// One request in flight at an endpoint; dropping it ends the count.
#[derive(Debug)]
pub struct InFlight(Arc<Endpoint>);

impl InFlight {
    /// The endpoint that is counted.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The ready endpoints of a backend.
#[derive(Clone, Debug, Default)]
pub struct EndpointSet(Arc<[Arc<Endpoint>]>);

impl EndpointSet {
    /// The set with these addresses; an endpoint that `previous` has too is kept with its count.
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>, previous: &Self) -> Self {
        let mut addresses: Vec<_> = addresses.into_iter().collect();
        addresses.sort_unstable();
        addresses.dedup();
        let keep = |address: SocketAddr| {
            let known = previous.0.binary_search_by_key(&address, |endpoint| endpoint.address);
            known.ok().and_then(|at| previous.0.get(at)).map_or_else(|| Endpoint::new(address), Arc::clone)
        };
        Self(addresses.into_iter().map(keep).collect())
    }

    /// All endpoints, by address.
    pub fn as_slice(&self) -> &[Arc<Endpoint>] {
        &self.0
    }

    /// The less loaded of two random choices, none of them in `tried` while others are left.
    ///
    /// The cost does not depend on the number of endpoints as long as nothing was tried.
    pub fn pick(&self, random: u64, tried: &[SocketAddr]) -> Option<&Arc<Endpoint>> {
        if tried.is_empty() {
            return pick_of(self.0.len(), random, |at| self.0.get(at));
        }
        let fresh: Vec<_> = self.0.iter().filter(|endpoint| !tried.contains(&endpoint.address)).collect();
        pick_of(fresh.len(), random, |at| fresh.get(at).copied())
    }
}

/// Power of two choices: each half of `random` draws one of `count`, without repetition.
fn pick_of<'a>(
    count: usize,
    random: u64,
    get: impl Fn(usize) -> Option<&'a Arc<Endpoint>>,
) -> Option<&'a Arc<Endpoint>> {
    let first_at = scaled(random, count);
    let first = get(first_at)?;
    let step = 1 + scaled(random << 32, count - 1);
    let second = get((first_at + step) % count)?;
    Some(if second.in_flight() < first.in_flight() { second } else { first })
}

/// Maps the upper half of `random` onto `0..below` without a division.
fn scaled(random: u64, below: usize) -> usize {
    (((random >> 32) * below as u64) >> 32) as usize
}

/// What a backend resolves to.
#[derive(Clone, Debug)]
pub enum Target {
    /// Nothing; every request is answered 503.
    Missing(Missing),
    /// Pods, by address.
    Endpoints(EndpointSet),
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

    /// Replaces what the backend resolves to; requests already sent are not disturbed.
    pub fn set(&self, upstream: Upstream) {
        self.upstream.store(Arc::new(upstream));
    }

    /// The endpoints of now, or none when the backend resolves to something else.
    pub fn endpoints(&self) -> EndpointSet {
        match &self.upstream.load().target {
            Target::Endpoints(set) => set.clone(),
            _ => EndpointSet::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(count: u16) -> impl Iterator<Item = SocketAddr> {
        (1..=count).map(|port| SocketAddr::from(([10, 0, 0, 1], port)))
    }

    #[test]
    fn the_less_loaded_of_two_is_picked() {
        let set = EndpointSet::new(addresses(2), &EndpointSet::default());
        let _busy = set.as_slice()[0].enter();
        for random in [0, u64::MAX, 1 << 63, 0x1234_5678_9abc_def0] {
            assert_eq!(set.pick(random, &[]).unwrap().address.port(), 2, "{random:x}");
        }
    }

    #[test]
    fn every_endpoint_is_reached_and_none_beyond_the_set() {
        let set = EndpointSet::new(addresses(7), &EndpointSet::default());
        let mut seen = [0_u32; 8];
        for n in 0..10_000_u64 {
            let random = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            seen[usize::from(set.pick(random, &[]).unwrap().address.port())] += 1;
        }
        assert!(seen[1..].iter().all(|&count| count > 1_000), "{seen:?}");
    }

    #[test]
    fn what_was_tried_is_not_tried_again_and_then_there_is_nothing() {
        let set = EndpointSet::new(addresses(2), &EndpointSet::default());
        let mut tried = Vec::new();
        for _ in 0..2 {
            let picked = set.pick(7 << 40, &tried).unwrap().address;
            assert!(!tried.contains(&picked));
            tried.push(picked);
        }
        assert!(set.pick(7 << 40, &tried).is_none());
    }

    #[test]
    fn an_endpoint_that_stays_keeps_its_count() {
        let before = EndpointSet::new(addresses(3), &EndpointSet::default());
        let request = before.as_slice()[1].enter();
        let after = EndpointSet::new(addresses(5), &before);
        assert_eq!(after.as_slice()[1].in_flight(), 1);
        drop(request);
        assert_eq!(after.as_slice()[1].in_flight(), 0);
    }
}
