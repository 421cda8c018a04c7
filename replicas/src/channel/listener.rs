//! Accepts the replicas' connections; they end at once unless this one leads.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::warn;

use super::MAX_CONNECTIONS;
use super::session::Hearing;

/// After a failure to accept, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the replicas connect.
pub(crate) struct Listener(pub(super) TcpListener);

impl Listener {
    /// Listens on `address`; must be called on a runtime.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener).map(Self)
    }

    /// Accepts for ever; dropping it ends all connections.
    pub(crate) async fn run(self, hearing: Hearing) {
        let hearing = Arc::new(hearing);
        let mut sessions = JoinSet::new();
        let mut full = false;
        loop {
            let accepted = tokio::select! {
                accepted = self.0.accept() => accepted,
                Some(_) = sessions.join_next() => continue,
            };
            match accepted {
                Ok(_) if sessions.len() >= MAX_CONNECTIONS => {
                    if !std::mem::replace(&mut full, true) {
                        warn!(connections = sessions.len(), "too many replicas report; more are refused");
                    }
                }
                Ok((stream, peer)) => {
                    full = false;
                    let hearing = Arc::clone(&hearing);
                    sessions.spawn(async move { hearing.serve(stream, peer).await });
                }
                Err(error) => {
                    warn!(%error, "cannot accept a replica's connection");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}
