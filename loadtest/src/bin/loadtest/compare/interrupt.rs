//! Ctrl-C ends the comparison, with all that it started.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use net_pingora_loadtest::Stop;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Whether the comparison is to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    stop: Stop,
    asked: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens for SIGINT and SIGTERM from now on.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let runtime = Builder::new_current_thread().enable_all().build().context("wait for signals")?;
        let heard = interrupt.clone();
        let (mut ctrl_c, mut terminate) = {
            let _within = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let wait = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = ctrl_c.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            heard.asked.store(true, Ordering::Relaxed);
            heard.stop.stop();
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(wait).context("wait for signals")?;
        Ok(interrupt)
    }

    /// What ends a run of load.
    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// An error once the comparison is to end.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.asked.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        Ok(())
    }
}
