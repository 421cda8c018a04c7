//! Two gateways that read the same folder: one that stays, and one that is killed or drained and comes back.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::ensure;

use super::random::Random;
use crate::process::{Process, gateway};

/// A drain that clients have noticed is soon over.
const FLAGS: [&str; 6] = ["--threads", "2", "--drain-delay", "1s", "--drain-timeout", "10s"];

/// How long a drain may take when every client honours it: as long as its delay and the longest answer, and then some.
const DRAIN: Duration = Duration::from_secs(8);

/// The gateways that a load balancer would send clients to.
#[derive(Debug, Default)]
pub(super) struct Replicas(Mutex<Vec<Arc<Replica>>>);

/// One life of a gateway.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) address: SocketAddr,
    /// It drains, or is killed: nobody connects to it any more.
    leaving: AtomicBool,
    killed: AtomicBool,
}

impl Replica {
    pub(super) fn at(address: SocketAddr) -> Self {
        Self { address, leaving: AtomicBool::new(false), killed: AtomicBool::new(false) }
    }

    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst)
    }

    pub(super) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }
}

impl Replicas {
    /// Starts one more.
    pub(super) fn start(&self, folder: &Path) -> anyhow::Result<(Process, Arc<Replica>)> {
        let process = gateway(folder, &FLAGS, None)?;
        let replica = Arc::new(Replica::at(process.address("external-http")?));
        self.lock().push(Arc::clone(&replica));
        Ok((process, replica))
    }

    /// One of those that take connections.
    pub(super) fn pick(&self, random: &mut Random) -> Option<Arc<Replica>> {
        random.pick(&self.lock()).cloned()
    }

    /// Kills it: what it was doing is lost.
    pub(super) fn kill(&self, process: Process, replica: &Replica) {
        replica.killed.store(true, Ordering::SeqCst);
        self.forget(replica);
        drop(process);
    }

    /// Lets it end in good order, which it must.
    pub(super) fn drain(&self, process: Process, replica: &Replica) -> anyhow::Result<()> {
        self.forget(replica);
        let status = process.terminate(DRAIN)?;
        ensure!(status.success(), "a drained gateway ended with {status}");
        Ok(())
    }

    fn forget(&self, replica: &Replica) {
        replica.leave();
        self.lock().retain(|other| !other.is_leaving());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Replica>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
