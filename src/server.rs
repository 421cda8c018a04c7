//! The control plane and the data plane, put together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use net_pingora_controller::{Applied, Loaded};
use net_pingora_gateway::settings::Settings;
use net_pingora_gateway::{Gateway, Running};
use net_pingora_routing::TableCell;
use net_pingora_tls::CertificateCells;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::open_files;

/// A gateway with the control plane that keeps its table.
#[derive(Debug)]
pub(crate) struct Server {
    addresses: Vec<(&'static str, SocketAddr)>,
    table: Arc<TableCell>,
    running: Running,
    control: ControlPlane,
}

/// The thread that keeps the table.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    /// Resolves when it can go on no more.
    pub(crate) failed: oneshot::Receiver<anyhow::Error>,
    /// Dropped when the process drains, so that another replica may lead at once.
    pub(crate) leads: Option<oneshot::Sender<()>>,
}

impl Server {
    /// Serves a folder that was loaded, and keeps up with it; to be called inside a tokio runtime.
    ///
    /// `on_applied` is called after every batch of changes, on the thread of the control plane.
    pub(crate) fn of_folder(
        settings: Settings,
        loaded: Loaded,
        on_applied: impl FnMut(&Applied) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (table, certificates) = (loaded.engine.table(), loaded.engine.certificates());
        Self::start(settings, table, certificates, || {
            Ok(ControlPlane { failed: spawn_watch(loaded, on_applied)?, leads: None })
        })
    }

    /// Binds, starts the control plane, and is ready; to be called inside a tokio runtime.
    pub(crate) fn start(
        mut settings: Settings,
        table: Arc<TableCell>,
        certificates: CertificateCells,
        control: impl FnOnce() -> anyhow::Result<ControlPlane>,
    ) -> anyhow::Result<Self> {
        settings.open_files = open_files::raise();
        let gateway = Gateway::bind(settings, Arc::clone(&table), certificates)?;
        let addresses = gateway.addresses().to_vec();
        let running = gateway.start()?;
        let control = control()?;
        running.ready();
        Ok(Self { addresses, table, running, control })
    }

    /// Name and address of every listener.
    pub(crate) fn addresses(&self) -> &[(&'static str, SocketAddr)] {
        &self.addresses
    }

    /// The address of one listener, if it is not off.
    pub(crate) fn address(&self, name: &str) -> Option<SocketAddr> {
        self.addresses.iter().find(|(other, _)| *other == name).map(|(_, address)| *address)
    }

    /// The table that is served.
    pub(crate) fn table(&self) -> &TableCell {
        &self.table
    }

    /// Resolves when the control plane can go on no more.
    pub(crate) async fn control_failed(&mut self) -> anyhow::Error {
        (&mut self.control.failed)
            .await
            .unwrap_or_else(|_| anyhow::anyhow!("the control plane has ended; please report it"))
    }

    /// Ends in good order.
    pub(crate) async fn drain(self) {
        drop(self.control.leads);
        self.running.drain().await;
    }

    /// Ends at once.
    pub(crate) fn stop(self) {
        self.running.stop();
    }
}

/// Watches on a thread of its own, because reading and compiling block.
fn spawn_watch(
    loaded: Loaded,
    on_applied: impl FnMut(&Applied) + Send + 'static,
) -> anyhow::Result<oneshot::Receiver<anyhow::Error>> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (failed, watch_failed) = oneshot::channel();
    thread::Builder::new().name("control".to_owned()).spawn(move || {
        let watching = net_pingora_controller::watch(loaded.directory, loaded.engine, on_applied);
        let Err(error) = runtime.block_on(watching);
        // Nobody listens when the process ends anyway.
        let _ = failed.send(error.into());
    })?;
    Ok(watch_failed)
}
