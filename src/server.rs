//! The control plane and the data plane, put together.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use anyhow::Context;
use net_pingora_config::ObjectArgs;
use net_pingora_controller::{Applied, Loaded};
use net_pingora_gateway::settings::Settings;
use net_pingora_gateway::{Gateway, Running};
use net_pingora_routing::TableCell;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::open_files;

/// Reads the objects of a folder.
///
/// Faults of files and objects are in what it returns; only a folder that cannot be read is an error.
pub(crate) fn load(dir: &Path, args: &ObjectArgs) -> anyhow::Result<Loaded> {
    fs::read_dir(dir).with_context(|| format!("cannot read {}; name a folder of manifests", dir.display()))?;
    let settings =
        net_pingora_controller::Settings { class: args.class.clone(), internal_service: args.internal_service.clone() };
    Ok(net_pingora_controller::load(dir, settings))
}

/// A gateway that serves a folder and keeps up with it.
#[derive(Debug)]
pub(crate) struct Server {
    addresses: Vec<(&'static str, SocketAddr)>,
    table: Arc<TableCell>,
    running: Running,
    watch_failed: oneshot::Receiver<anyhow::Error>,
}

impl Server {
    /// Binds, serves what was loaded, and watches the folder; to be called inside a tokio runtime.
    ///
    /// `on_applied` is called after every batch of changes, on the thread of the control plane.
    pub(crate) fn start(
        settings: Settings,
        loaded: Loaded,
        on_applied: impl FnMut(&Applied) + Send + 'static,
    ) -> anyhow::Result<Self> {
        open_files::raise();
        let table = loaded.engine.table();
        let gateway = Gateway::bind(settings, Arc::clone(&table), loaded.engine.certificates())?;
        let addresses = gateway.addresses().to_vec();
        let running = gateway.start()?;
        let watch_failed = spawn_watch(loaded, on_applied)?;
        running.ready();
        Ok(Self { addresses, table, running, watch_failed })
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

    /// Resolves when the folder can be watched no more.
    pub(crate) async fn watch_failed(&mut self) -> anyhow::Error {
        (&mut self.watch_failed)
            .await
            .unwrap_or_else(|_| anyhow::anyhow!("the control plane has ended; please report it"))
    }

    /// Ends in good order.
    pub(crate) async fn drain(self) {
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
