//! Which address a request goes to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use net_pingora_routing::{Endpoint, EndpointSet, Path, Pods, Protocol, Revision, Split, Target, Transport};
use net_pingora_tls::Encryption;
use pingora_error::Error as PingoraError;
use thiserror::Error;

use super::connect::failure;
use super::dns::{NameError, Names};
use crate::activator::{Activator, Denied, Slot, UnderWay};
use crate::observe::answers::Reason;
use crate::observe::metrics::Metrics;

/// Where to connect to.
pub(crate) struct Choice {
    /// The endpoint.
    pub(crate) endpoint: Arc<Endpoint>,
    /// Counts the request there; to be taken and kept while it is served.
    pub(crate) slot: Option<Slot>,
    /// The protocol it speaks.
    pub(crate) protocol: Protocol,
    /// How it is encrypted.
    pub(crate) encryption: Option<Arc<Encryption>>,
    /// Whether the backend has an endpoint beside this one and those tried, or may have one.
    pub(crate) others: bool,
    /// What sort of endpoint it is.
    pub(crate) sort: Sort,
}

/// What sort of endpoint was chosen.
#[derive(Clone, Debug)]
pub(crate) enum Sort {
    /// One of several.
    OneOf,
    /// The backend's only one.
    Only,
    /// One that DNS has told.
    Named,
    /// A pod of a revision that is served through us.
    Pod(Arc<Revision>),
    /// The replica of ours that gives out the pods of a revision.
    Keeper,
}

impl Choice {
    /// An endpoint that speaks HTTP/1.1 in the clear, of which nothing is counted.
    pub(crate) fn plain(endpoint: Arc<Endpoint>) -> Self {
        Self { endpoint, slot: None, protocol: Protocol::Http1, encryption: None, others: false, sort: Sort::Only }
    }

    /// Takes note of a connect that failed. Where the fault is not ours, `limit` of them in a row leave the endpoint
    /// out for a while, unless there is no other.
    pub(crate) fn connect_failed(&self, error: &PingoraError, limit: u16, metrics: &Metrics) {
        let failure = failure(error);
        metrics.connect_failed(failure);
        if failure.is_ours() {
            return;
        }
        match &self.sort {
            Sort::OneOf if self.endpoint.connect_failed(limit) => {
                metrics.ejections.inc();
                tracing::info!(endpoint = %self.endpoint.address, "left out for a while: it takes no connections");
            }
            Sort::Pod(revision) => self.doubt(revision),
            Sort::OneOf | Sort::Only | Sort::Named | Sort::Keeper => {}
        }
    }

    /// Takes note of an endpoint that closed a connection without an answer. A pod that only let go of a kept one will say
    /// that it is ready.
    pub(crate) fn closed(&self) {
        if let Sort::Pod(revision) = &self.sort {
            self.doubt(revision);
        }
    }

    /// The pod is asked whether it is ready before it gets another request.
    fn doubt(&self, revision: &Revision) {
        self.endpoint.doubt();
        revision.wake();
    }

    /// The revision whose pod it is, if it is served through us.
    pub(crate) fn revision(&self) -> Option<&Arc<Revision>> {
        match &self.sort {
            Sort::Pod(revision) => Some(revision),
            Sort::OneOf | Sort::Only | Sort::Named | Sort::Keeper => None,
        }
    }

    /// Whether another replica is to give the request a pod.
    pub(crate) fn is_passed_on(&self) -> bool {
        matches!(self.sort, Sort::Keeper)
    }

    /// Whether DNS has told the endpoint.
    pub(crate) fn is_named(&self) -> bool {
        matches!(self.sort, Sort::Named)
    }
}

/// What a backend offers at one moment.
enum Offer {
    Now(Found),
    /// No pod has room: the request has to wait.
    Full(Pods),
}

/// Where a request may go.
enum Found {
    Endpoint(Choice),
    Name { host: Arc<str>, port: u16, protocol: Protocol },
}

/// Why a backend has no address to offer.
#[derive(Debug, Error)]
pub(crate) enum Unavailable {
    /// The backend resolves to nothing, or everything it resolves to was tried.
    #[error("{}", .0.name())]
    Nothing(Reason),
    /// The request may wait for a pod no longer.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The ExternalName host has no address.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Unavailable {
    /// The answer it leads to.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Nothing(reason) => *reason,
            Self::Denied(denied) => denied.reason(),
            Self::Name(_) => Reason::NameUnresolved,
        }
    }
}

/// A request on its way to an endpoint.
pub(crate) struct Traveller<'a> {
    /// Its path.
    pub(crate) path: &'a Path,
    /// Its split of it.
    pub(crate) split: &'a Split,
    /// Endpoints that are not wanted again.
    pub(crate) tried: &'a [SocketAddr],
    /// When it came.
    pub(crate) began: Instant,
    /// Whether it counts as demand; probes do not.
    pub(crate) counts: bool,
    /// Whether another replica may give it a pod; not if one has passed it on already.
    pub(crate) may_pass_on: bool,
    /// Counts it at its revision, once that is served through us.
    pub(crate) under_way: Option<UnderWay>,
    /// How long it has waited for a pod, if it has.
    pub(crate) held: Option<Duration>,
}

/// Chooses an endpoint; waits for one if the revision is served through us.
pub(crate) async fn choose(
    traveller: &mut Traveller<'_>,
    names: &Arc<Names>,
    activator: &Activator,
) -> Result<Choice, Unavailable> {
    let found = match traveller.offer(activator, true) {
        Ok(Offer::Now(found)) => Ok(found),
        Ok(Offer::Full(pods)) => traveller.wait(pods, activator).await?,
        Err(reason) => Err(reason),
    };
    match found.map_err(Unavailable::Nothing)? {
        Found::Endpoint(choice) => Ok(choice),
        Found::Name { host, port, protocol } => named(&host, port, protocol, traveller.tried, names).await,
    }
}

async fn named(
    host: &str,
    port: u16,
    protocol: Protocol,
    tried: &[SocketAddr],
    names: &Arc<Names>,
) -> Result<Choice, Unavailable> {
    let addresses = names.resolve(host, port).await?;
    let mut fresh = addresses.iter().filter(|address| !tried.contains(address));
    let address = fresh.next().ok_or(Unavailable::Nothing(Reason::ConnectFailed))?;
    let (endpoint, others) = (Endpoint::new(address), fresh.next().is_some());
    let slot = Some(Slot::any(&endpoint));
    Ok(Choice { endpoint, slot, protocol, encryption: None, others, sort: Sort::Named })
}

impl Traveller<'_> {
    /// What there is; to one who has `just_come` no room that others wait for.
    fn offer(&mut self, activator: &Activator, just_come: bool) -> Result<Offer, Reason> {
        let upstream = self.split.backend.upstream();
        let protocol = upstream.protocol;
        let found = match &upstream.target {
            Target::Missing(missing) => return Err((*missing).into()),
            Target::Internal => return Err(Reason::Loop),
            Target::Name { host, port } => Found::Name { host: Arc::clone(host), port: *port, protocol },
            Target::Endpoints(set) => Found::Endpoint(self.endpoint(set, protocol, &upstream.transport)?),
            Target::Revision(pods) => {
                let encryption = encryption(self.path, &upstream.transport)?;
                if let Some(keeper) = self.keeper(pods) {
                    return Ok(Offer::Now(Found::Endpoint(passed_on(keeper, protocol, encryption))));
                }
                if self.counts && self.under_way.is_none() {
                    self.under_way = Some(activator.count(&pods.revision));
                }
                let Some(choice) = pod(pods, just_come, protocol, encryption) else {
                    return Ok(Offer::Full(pods.clone()));
                };
                Found::Endpoint(choice)
            }
        };
        Ok(Offer::Now(found))
    }

    /// Who gives out the pods, as long as that is not us: the request was not tried there, and is not counted here.
    fn keeper<'p>(&self, pods: &'p Pods) -> Option<&'p Arc<Endpoint>> {
        let keeper = pods.keeper.as_ref().filter(|_| self.may_pass_on && self.under_way.is_none());
        keeper.filter(|keeper| !self.tried.contains(&keeper.address))
    }

    /// Waits until there is something else than no room.
    async fn wait(&mut self, pods: Pods, activator: &Activator) -> Result<Result<Found, Reason>, Denied> {
        let (backend, began, since) = (&self.split.backend, self.began, Instant::now());
        let look = || match self.offer(activator, false) {
            Ok(Offer::Now(found)) => Some(Ok(found)),
            Ok(Offer::Full(_)) => None,
            Err(reason) => Some(Err(reason)),
        };
        let found = activator.hold(backend, pods, began, look).await;
        self.held = Some(self.held.unwrap_or_default() + since.elapsed());
        found
    }

    fn endpoint(&self, set: &EndpointSet, protocol: Protocol, transport: &Transport) -> Result<Choice, Reason> {
        let none = if self.tried.is_empty() { Reason::NoEndpoints } else { Reason::ConnectFailed };
        let endpoint = set.pick(fastrand::u64(..), self.tried).ok_or(none)?;
        let encryption = encryption(self.path, transport)?;
        let others = set.as_slice().len() > self.tried.len() + 1;
        let sort = if set.as_slice().len() == 1 { Sort::Only } else { Sort::OneOf };
        let (endpoint, slot) = (Arc::clone(endpoint), Some(Slot::any(endpoint)));
        Ok(Choice { endpoint, slot, protocol, encryption, others, sort })
    }
}

/// The replica that gives out the pods.
fn passed_on(keeper: &Arc<Endpoint>, protocol: Protocol, encryption: Option<Arc<Encryption>>) -> Choice {
    let (endpoint, slot) = (Arc::clone(keeper), Some(Slot::any(keeper)));
    // Without it, the pods are there.
    Choice { endpoint, slot, protocol, encryption, others: true, sort: Sort::Keeper }
}

/// A pod with room, if there is one.
fn pod(pods: &Pods, just_come: bool, protocol: Protocol, encryption: Option<Arc<Encryption>>) -> Option<Choice> {
    let revision = &pods.revision;
    let bounded = pods.concurrency > 0;
    if bounded && just_come && revision.waiting() > 0 {
        return None;
    }
    let in_flight = pods.take(fastrand::u64(..))?;
    if bounded && revision.waiting() > 0 && pods.have_room() {
        revision.wake_one();
    }
    let endpoint = Arc::clone(in_flight.endpoint());
    let slot = Some(if bounded { Slot::of(in_flight, revision) } else { Slot::from(in_flight) });
    // Another pod may come, and this one back.
    Some(Choice { endpoint, slot, protocol, encryption, others: true, sort: Sort::Pod(Arc::clone(revision)) })
}

fn encryption(path: &Path, transport: &Transport) -> Result<Option<Arc<Encryption>>, Reason> {
    match transport {
        Transport::Plain => Ok(None),
        _ if path.is_plain() => Ok(None),
        Transport::Encrypted(encryption) => Ok(Some(Arc::clone(encryption))),
        Transport::Untrusted => Err(Reason::NoAuthority),
    }
}
