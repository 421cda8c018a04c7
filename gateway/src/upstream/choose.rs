//! Which address a request goes to.

use std::net::SocketAddr;
use std::sync::Arc;

use net_pingora_routing::{Backend, Endpoint, Path, Protocol, Split, Target, Transport};
use net_pingora_tls::Encryption;
use pingora_error::Error as PingoraError;
use thiserror::Error;

use super::connect::failure;
use super::dns::{NameError, Names};
use crate::observe::answers::Reason;
use crate::observe::metrics::Metrics;

/// Where to connect to.
pub(crate) struct Choice {
    /// The endpoint, to be counted while it serves.
    pub(crate) endpoint: Arc<Endpoint>,
    /// The protocol it speaks.
    pub(crate) protocol: Protocol,
    /// How it is encrypted.
    pub(crate) encryption: Option<Arc<Encryption>>,
    /// Whether the backend has an endpoint beside this one and those tried.
    pub(crate) others: bool,
    /// Whether it is the backend's only endpoint.
    pub(crate) alone: bool,
    /// Whether DNS has told it.
    pub(crate) named: bool,
}

impl Choice {
    /// Takes note of a connect that failed. Where the fault is not ours, `limit` of them in a row leave the endpoint
    /// out for a while, unless there is no other.
    pub(crate) fn connect_failed(&self, error: &PingoraError, limit: u16, metrics: &Metrics) {
        let failure = failure(error);
        metrics.connect_failed(failure);
        if !failure.is_ours() && !self.alone && self.endpoint.connect_failed(limit) {
            metrics.ejections.inc();
            tracing::info!(endpoint = %self.endpoint.address, "left out for a while: it takes no connections");
        }
    }
}

/// What a backend offers before anything is awaited.
enum Offer {
    Ready(Choice),
    Named { host: Arc<str>, port: u16, protocol: Protocol },
}

/// Why a backend has no address to offer.
#[derive(Debug, Error)]
pub(crate) enum Unavailable {
    /// The backend resolves to nothing, or everything it resolves to was tried.
    #[error("{}", .0.name())]
    Nothing(Reason),
    /// The ExternalName host has no address.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Unavailable {
    /// The answer it leads to.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Nothing(reason) => *reason,
            Self::Name(_) => Reason::NameUnresolved,
        }
    }
}

/// Chooses an endpoint of a split of `path` that is not in `tried`.
pub(crate) async fn choose(
    path: &Path,
    split: &Split,
    names: &Arc<Names>,
    tried: &[SocketAddr],
) -> Result<Choice, Unavailable> {
    let (host, port, protocol) = match offer(path, &split.backend, tried).map_err(Unavailable::Nothing)? {
        Offer::Ready(choice) => return Ok(choice),
        Offer::Named { host, port, protocol } => (host, port, protocol),
    };
    let addresses = names.resolve(&host, port).await?;
    let mut fresh = addresses.iter().filter(|address| !tried.contains(address));
    let address = fresh.next().ok_or(Unavailable::Nothing(Reason::ConnectFailed))?;
    let others = fresh.next().is_some();
    Ok(Choice { endpoint: Endpoint::new(address), protocol, encryption: None, others, alone: true, named: true })
}

fn offer(path: &Path, backend: &Backend, tried: &[SocketAddr]) -> Result<Offer, Reason> {
    let upstream = backend.upstream();
    let protocol = upstream.protocol;
    match &upstream.target {
        Target::Missing(missing) => Err((*missing).into()),
        Target::Internal => Err(Reason::Loop),
        Target::Name { host, port } => Ok(Offer::Named { host: Arc::clone(host), port: *port, protocol }),
        Target::Endpoints(set) => {
            let none = if tried.is_empty() { Reason::NoEndpoints } else { Reason::ConnectFailed };
            let endpoint = set.pick(fastrand::u64(..), tried).ok_or(none)?;
            let others = set.as_slice().len() > tried.len() + 1;
            let alone = set.as_slice().len() == 1;
            let encryption = encryption(path, &upstream.transport)?;
            Ok(Offer::Ready(Choice {
                endpoint: Arc::clone(endpoint),
                protocol,
                encryption,
                others,
                alone,
                named: false,
            }))
        }
    }
}

fn encryption(path: &Path, transport: &Transport) -> Result<Option<Arc<Encryption>>, Reason> {
    match transport {
        Transport::Plain => Ok(None),
        _ if path.is_plain() => Ok(None),
        Transport::Encrypted(encryption) => Ok(Some(Arc::clone(encryption))),
        Transport::Untrusted => Err(Reason::NoAuthority),
    }
}
