//! The version of a KIngress that is served right now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use net_pingora_routing::{Backend, BackendKey, ObjectKey, Traffic};

use crate::api::Ingress;
use crate::backends::Backends;
use crate::compile::ingress::Cells;

/// A served KIngress and what it uses beside the table.
#[derive(Debug)]
pub(super) struct Served {
    /// The version that is served; not always the latest.
    pub(super) ingress: Arc<Ingress>,
    /// Its hosts in the table.
    pub(super) hosts: Vec<Box<str>>,
    /// The backends it counts on, once per split.
    pub(super) backends: Vec<BackendKey>,
    /// Counters by Service, which a new version goes on with.
    pub(super) traffic: BTreeMap<Box<str>, Arc<Traffic>>,
    /// Its hosts that have a certificate.
    pub(super) certificates: BTreeSet<Box<str>>,
}

/// The cells of a KIngress while it is compiled.
pub(super) struct ServedCells<'a, Fill> {
    /// The KIngress.
    pub(super) key: ObjectKey,
    /// All backends.
    pub(super) backends: &'a mut Backends,
    /// Resolves a new backend.
    pub(super) fill: Fill,
    /// The version served before.
    pub(super) previous: Option<&'a Served>,
    /// Backends acquired so far.
    pub(super) used: Vec<BackendKey>,
    /// Counters used so far.
    pub(super) traffic: BTreeMap<Box<str>, Arc<Traffic>>,
}

impl<Fill: Fn(&Backend)> Cells for ServedCells<'_, Fill> {
    fn backend(&mut self, key: BackendKey) -> Arc<Backend> {
        self.used.push(key.clone());
        self.backends.acquire(key, &self.fill)
    }

    fn traffic(&mut self, service: &str) -> Arc<Traffic> {
        let previous = self.previous.and_then(|served| served.traffic.get(service));
        let cell = || previous.map_or_else(|| Traffic::new(self.key.clone(), service), Arc::clone);
        Arc::clone(self.traffic.entry(service.into()).or_insert_with(cell))
    }
}
