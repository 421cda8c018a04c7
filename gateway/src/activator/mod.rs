//! What Knative's activator does, inside the gateway: requests wait for a pod of their revision, and its autoscaler is
//! told how many ask.
//!
//! `hold` lets requests wait, `probe` asks pods whether they are ready, `slot` counts a request at its pod, `demand` at
//! its revision, `report` tells the autoscaler once a second over `connection`, in the messages of `wire`.

mod connection;
mod demand;
mod hold;
mod probe;
mod report;
mod slot;
mod wire;

use std::sync::Arc;

use net_pingora_routing::{Revision, TableCell};
use tokio::sync::mpsc;

pub(crate) use self::demand::UnderWay;
pub(crate) use self::hold::Denied;
pub(crate) use self::slot::Slot;
use crate::memory;
use crate::observe::metrics::ActivatorMetrics;
use crate::permit::Permits;
use crate::settings::{ActivatorSettings, SettingsCell};
use crate::upstream::{Connections, Names};

/// Bytes of memory for each request that may wait: it takes a quarter of them.
const MEMORY_EACH: u64 = 64 * 1024;

/// Requests that may wait however much memory there is.
const MOST: usize = 100_000;

/// One worker's: pods are asked by the worker whose request waits, which goes on without another thread.
#[derive(Clone)]
pub(crate) struct Activator {
    /// What it shares with the others.
    pub(crate) shared: Arc<Shared>,
    /// The worker's connections to pods.
    pub(crate) connections: Arc<Connections>,
    /// Settings of now.
    pub(crate) settings: Arc<SettingsCell>,
}

/// What all workers share for revisions that are served through us.
pub(crate) struct Shared {
    /// Those that are served by name, each as a host `name.namespace`.
    pub(crate) revisions: Arc<TableCell>,
    /// The cluster's domain.
    pub(crate) domain: String,
    held: Arc<Permits>,
    most: usize,
    most_per_revision: usize,
    /// Revisions of which the autoscaler knows nothing yet; each is in it once at most.
    unknown: Option<mpsc::UnboundedSender<Arc<Revision>>>,
    metrics: ActivatorMetrics,
}

impl Shared {
    /// Starts to report on the runtime it is called on.
    pub(crate) fn start(settings: ActivatorSettings, names: &Arc<Names>, metrics: &ActivatorMetrics) -> Arc<Self> {
        let ActivatorSettings { revisions, domain, held, held_per_revision, autoscaler, pod } = settings;
        let unknown = autoscaler.map(|autoscaler| {
            let (unknown, revisions) = mpsc::unbounded_channel();
            let frames = connection::open(autoscaler, Arc::clone(names), metrics.clone());
            tokio::spawn(report::run(pod, revisions, frames));
            unknown
        });
        let by_memory = || memory::limit().and_then(|limit| usize::try_from(limit / MEMORY_EACH).ok());
        Arc::new(Self {
            revisions,
            domain,
            held: Arc::default(),
            most: held.unwrap_or_else(|| by_memory().unwrap_or(MOST).min(MOST)),
            most_per_revision: held_per_revision,
            unknown,
            metrics: metrics.clone(),
        })
    }
}
