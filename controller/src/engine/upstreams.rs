//! What backends hold: where their requests go, and how the connection is made.

use net_pingora_routing::{Backend, Target, Upstream};

use super::revisions::Revisions;
use crate::compile::service::{Holds, InternalService, Resolver};
use crate::store::Store;
use crate::trust::UpstreamTrust;

/// All that is known beside the objects themselves.
#[derive(Debug)]
pub(super) struct Upstreams {
    /// Our own internal Service.
    pub(super) internal: InternalService,
    /// Whether no activator is ready, Serving's or ours.
    pub(super) no_activators: bool,
    /// How requests are held here, if they are.
    pub(super) holds: Option<Holds>,
    /// How pods prove who they are.
    pub(super) trust: UpstreamTrust,
    revisions: Revisions,
}

impl Upstreams {
    /// Knows no revision, and trusts nobody.
    pub(super) fn new(internal: InternalService, holds: Option<Holds>) -> Self {
        Self { internal, no_activators: true, holds, trust: UpstreamTrust::default(), revisions: Revisions::default() }
    }

    /// Resolves backends by the objects of now.
    pub(super) fn resolver<'a>(&'a self, store: &'a Store) -> Resolver<'a> {
        Resolver { store, internal: &self.internal, holds: self.holds.as_ref(), no_activators: self.no_activators }
    }

    /// What a backend is to hold now.
    pub(super) fn next(&mut self, backend: &Backend, store: &Store) -> Upstream {
        let resolved = self.resolver(store).resolve(&backend.key, &backend.upstream().target);
        let mut upstream = self.revisions.adopt(resolved);
        // Only pods prove who they are.
        if matches!(upstream.target, Target::Endpoints(_) | Target::Revision(_)) {
            upstream.transport = self.trust.transport(&backend.key.namespace);
        }
        upstream
    }
}
