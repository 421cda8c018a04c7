//! Which address a request goes to.

use std::net::SocketAddr;
use std::sync::Arc;

use net_pingora_routing::{Backend, Endpoint, Protocol, Target};

use super::dns::Names;
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

/// Chooses an endpoint of `backend` that is not in `tried`.
pub(crate) async fn choose(backend: &Backend, names: &Arc<Names>, tried: &[SocketAddr]) -> Result<Choice, Reason> {
    let (host, port, protocol) = match offer(backend, tried)? {
        Offer::Ready(choice) => return Ok(choice),
        Offer::Named { host, port, protocol } => (host, port, protocol),
    };
    let addresses = names.resolve(&host, port).await.map_err(|error| {
        tracing::debug!(%error, backend = %backend.key, "name not resolved");
        Reason::NameUnresolved
    })?;
    let mut fresh = addresses.iter().filter(|address| !tried.contains(address));
    let address = fresh.next().ok_or(Reason::ConnectFailed)?;
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
