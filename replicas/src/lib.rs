//! The replicas of one installation: which of them leads, and what each of them serves.
//!
//! ```text
//! every replica                                       the leader
//! engine ──▶ Served ──▶ sender ──TLS 1.3, JSON lines──▶ listener ──Report──▶ status
//!    election ◀──▶ Lease (holder, address, fingerprint of its certificate)
//! ```
//!
//! - `election`: one replica holds a Lease and renews it; [`Leadership`] tells everybody who that is.
//! - [`Served`]: which version of each KIngress this replica serves.
//! - `channel`: every replica tells it to the leader, which hears it as [`Report`]s.
//!
//! Only who may write the Lease can be taken for the leader, and only a pod of the service account can
//! be taken for a replica. Nothing of it is written to the API server but the Lease.

mod channel;
mod election;
mod report;
mod served;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::channel::{Gate, Hearing, Identity, Listener, Sender};
use self::election::{Election, Retire};
pub use self::election::{Fingerprint, Leader, Leadership};
pub use self::report::{Event, Report};
pub use self::served::{Served, Version};

/// Reports that wait to be read; then the replicas have to wait.
const WAITING_REPORTS: usize = 64;

/// What a replica has to know to take part.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of this pod, or of this process where there is no pod.
    pub identity: String,
    /// Namespace of the Lease, the pods and their service account.
    pub namespace: String,
    /// Name of the Lease.
    pub lease: String,
    /// How to hear other replicas, and be heard; none where there is no pod.
    pub channel: Option<Channel>,
}

/// How replicas hear each other.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the other replicas reach this one.
    pub advertised: SocketAddr,
    /// With a service-account token bound to this pod, for the audience `net-pingora`; read for every connection.
    pub token_file: PathBuf,
    /// Name of the service account that the tokens of all replicas must be of.
    pub service_account: String,
}

/// Why a replica cannot take part.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or the address is not of this host.
    #[error("cannot listen on {address} for the other replicas: {error}; free the port or choose another")]
    Listen {
        /// [`Channel::listen`].
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// No key pair could be made.
    #[error("cannot make a certificate for the channel between replicas: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The certificate just made is not usable.
    #[error("cannot use the certificate for the channel between replicas: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// This replica's part; dropping it ends it, and leaves the Lease to expire.
#[derive(Debug)]
pub struct Replicas {
    retire: Retire,
    _tasks: JoinSet<()>,
}

impl Replicas {
    /// Takes part on the current runtime from now on; `served` is what this replica tells the leader.
    ///
    /// The reports are to be read all the time; they come only while this replica leads, what it serves
    /// itself among them. Each replica's end with [`Event::Disconnected`], at the latest when it leads no more.
    ///
    /// # Errors
    ///
    /// When it cannot listen, or make a certificate.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn start(
        settings: Settings,
        client: Client,
        served: Served,
    ) -> Result<(Self, watch::Receiver<Leadership>, mpsc::Receiver<Report>), StartError> {
        let Settings { identity, namespace, lease, channel } = settings;
        let certificate = Identity::generate()?;
        let me = Leader {
            identity: identity.clone(),
            address: channel.as_ref().map(|channel| channel.advertised),
            fingerprint: certificate.fingerprint(),
        };
        let (election, leadership, retire) = Election::new(client.clone(), &namespace, &lease, me);
        let (reports, heard) = mpsc::channel(WAITING_REPORTS);
        let mut tasks = JoinSet::new();
        if let Some(Channel { listen, service_account, .. }) = &channel {
            let listener = Listener::bind(*listen).map_err(|error| StartError::Listen { address: *listen, error })?;
            let gate = Gate::new(client, &namespace, service_account);
            let hearing = Hearing::new(certificate.acceptor()?, gate, leadership.clone(), reports.clone());
            tasks.spawn(listener.run(hearing));
        }
        let token_file = channel.map(|channel| channel.token_file);
        let sender = Sender { identity, served, leadership: leadership.clone(), reports, token_file };
        tasks.spawn(sender.run());
        tasks.spawn(election.run());
        Ok((Self { retire, _tasks: tasks }, leadership, heard))
    }

    /// Gives the lead away if this replica has it, and never takes it again; returns once that was tried,
    /// within a few seconds.
    ///
    /// It goes on to tell the next leader what it serves.
    pub async fn release(&self) {
        self.retire.retire().await;
    }
}
