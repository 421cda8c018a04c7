//! The version of a KIngress that is served right now.

use std::sync::Arc;

use net_pingora_routing::{Backend, BackendKey, ObjectKey, Traffic};

use crate::api::Ingress;
use crate::backends::Backends;
use crate::certificates::Audience;
use crate::compile::ingress::Cells;

/// A served KIngress and what it uses beside the table.
#[derive(Debug)]
pub(super) struct Served {
    /// The version that is served; not always the latest.
    pub(super) ingress: Arc<Ingress>,
    /// The backends it counts on, once per split.
    pub(super) backends: Box<[Arc<Backend>]>,
    /// Counters by Service, which a new version goes on with.
    pub(super) traffic: Box<[Arc<Traffic>]>,
    /// To whom it shows certificates.
    pub(super) certificates: Box<[Audience]>,
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
    pub(super) used: Vec<Arc<Backend>>,
    /// Counters used so far.
    pub(super) traffic: Vec<Arc<Traffic>>,
}

impl<Fill: FnMut(&Backend)> Cells for ServedCells<'_, Fill> {
    fn backend(&mut self, key: BackendKey) -> Arc<Backend> {
        let cell = self.backends.acquire(key, &mut self.fill);
        self.used.push(Arc::clone(&cell));
        cell
    }

    fn traffic(&mut self, service: &str) -> Arc<Traffic> {
        let of_service = |traffic: &[Arc<Traffic>]| traffic.iter().find(|cell| &*cell.service == service).cloned();
        if let Some(cell) = of_service(&self.traffic) {
            return cell;
        }
        let previous = self.previous.and_then(|served| of_service(&served.traffic));
        let cell = previous.unwrap_or_else(|| Traffic::new(self.key.clone(), service));
        self.traffic.push(Arc::clone(&cell));
        cell
    }
}
