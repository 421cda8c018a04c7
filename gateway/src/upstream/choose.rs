//! Which address a request goes to.

use std::net::SocketAddr;
use std::sync::Arc;

use net_pingora_routing::{Backend, Endpoint, Protocol, Target};
use thiserror::Error;

use super::dns::{NameError, Names};
use crate::observe::answers::Reason;

/// Where to connect to.
pub(crate) struct Choice {
    /// The endpoint, to be counted while it serves.
    pub(crate) endpoint: Arc<Endpoint>,
    /// The protocol it speaks.
    pub(crate) protocol: Protocol,
    /// Whether the backend has an endpoint beside this one and those tried.
    pub(crate) others: bool,
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

/// Chooses an endpoint of `backend` that is not in `tried`.
pub(crate) async fn choose(backend: &Backend, names: &Arc<Names>, tried: &[SocketAddr]) -> Result<Choice, Unavailable> {
    let (host, port, protocol) = match offer(backend, tried).map_err(Unavailable::Nothing)? {
        Offer::Ready(choice) => return Ok(choice),
        Offer::Named { host, port, protocol } => (host, port, protocol),
    };
    let addresses = names.resolve(&host, port).await?;
    let mut fresh = addresses.iter().filter(|address| !tried.contains(address));
    let address = fresh.next().ok_or(Unavailable::Nothing(Reason::ConnectFailed))?;
    Ok(Choice { endpoint: Endpoint::new(address), protocol, others: fresh.next().is_some() })
}

fn offer(backend: &Backend, tried: &[SocketAddr]) -> Result<Offer, Reason> {
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
            Ok(Offer::Ready(Choice { endpoint: Arc::clone(endpoint), protocol, others }))
        }
    }
}
