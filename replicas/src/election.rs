//! Who leads: a Lease of Kubernetes that one replica holds and renews.

mod elector;
mod record;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, info, warn};

use self::elector::{Elector, Verdict};
use self::record::Record;

/// Bound of one API call, so that a dead connection does not cost the lead.
const CALL: Duration = Duration::from_secs(2);

/// SHA-256 of a certificate in DER.
pub type Fingerprint = [u8; 32];

/// Who leads, as this replica knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// Nobody that is known of.
    Unknown,
    /// This replica.
    Us,
    /// The holder that was last seen in the Lease.
    Other(Leader),
}

/// The holder of the Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// Name of its pod.
    pub identity: String,
    /// Where it hears the other replicas; none if it does not.
    pub address: Option<SocketAddr>,
    /// Of the only certificate to accept from it.
    pub fingerprint: Fingerprint,
}

#[derive(Debug, thiserror::Error)]
enum AttemptError {
    #[error("no answer in time")]
    Timeout,
    #[error(transparent)]
    Api(#[from] kube::Error),
}

/// One replica's part in the election.
pub(crate) struct Election {
    api: Api<Lease>,
    name: String,
    me: Leader,
    elector: Elector,
    leadership: watch::Sender<Leadership>,
    retirement: mpsc::Receiver<oneshot::Sender<()>>,
    /// The failure of the last attempt, if that failed.
    failure: Option<String>,
}

/// Ends the lead of this replica, for good.
#[derive(Clone, Debug)]
pub(crate) struct Retire(mpsc::Sender<oneshot::Sender<()>>);

impl Retire {
    /// Gives the Lease away if this replica holds it; returns when that was tried once.
    pub(crate) async fn retire(&self) {
        let (done, is_done) = oneshot::channel();
        // Both ends are gone only when the election is.
        if self.0.send(done).await.is_ok() {
            let _ = is_done.await;
        }
    }
}

impl Election {
    pub(crate) fn new(
        client: Client,
        namespace: &str,
        name: &str,
        me: Leader,
    ) -> (Self, watch::Receiver<Leadership>, Retire) {
        let (leadership, known) = watch::channel(Leadership::Unknown);
        let (retire, retirement) = mpsc::channel(1);
        let election = Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            elector: Elector::new(me.clone()),
            me,
            leadership,
            retirement,
            failure: None,
        };
        (election, known, Retire(retire))
    }

    /// Takes part until it is dropped.
    pub(crate) async fn run(mut self) {
        let mut retired: Option<oneshot::Sender<()>> = None;
        loop {
            let began = Instant::now();
            let result = self.attempt().await;
            self.log(result);
            if let Some(done) = retired.take() {
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
            let now = Instant::now();
            self.elector.tick(now);
            self.publish();
            tokio::select! {
                () = sleep_until(self.elector.next_look(began, now)) => self.elector.tick(Instant::now()),
                Some(done) = self.retirement.recv() => {
                    self.elector.retire();
                    retired = Some(done);
                }
            }
            self.publish();
        }
    }

    /// Reads the Lease, and writes it if that is due.
    async fn attempt(&mut self) -> Result<(), AttemptError> {
        let lease = self.call(self.api.get_opt(&self.name)).await?;
        let verdict = self.elector.read(lease.as_ref().map(Record::from), Instant::now());
        self.publish();
        let now = Timestamp::now();
        let sent = Instant::now();
        match (verdict, lease) {
            (Verdict::Leave, _) | (Verdict::Release, None) => {}
            (Verdict::Release, Some(lease)) => self.replace(&record::released(lease, now)).await?,
            (Verdict::Hold, None) => {
                let lease = record::held(&self.name, None, &self.me, now);
                self.call(self.api.create(&PostParams::default(), &lease)).await?;
                self.elector.held(sent);
            }
            (Verdict::Hold, lease) => {
                self.replace(&record::held(&self.name, lease, &self.me, now)).await?;
                self.elector.held(sent);
            }
        }
        Ok(())
    }

    /// Fails if anybody else wrote since it was read, by `metadata.resourceVersion`.
    async fn replace(&self, lease: &Lease) -> Result<(), AttemptError> {
        self.call(self.api.replace(&self.name, &PostParams::default(), lease)).await.map(drop)
    }

    /// Waits no longer than for [`CALL`], nor than the lead lasts.
    async fn call<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<T, AttemptError> {
        let bound = Instant::now() + CALL;
        let bound = self.elector.lead_ends().map_or(bound, |ends| ends.min(bound));
        Ok(timeout_at(bound, call).await.map_err(|_| AttemptError::Timeout)??)
    }

    fn publish(&self) {
        let leadership = self.elector.leadership();
        self.leadership.send_if_modified(|published| {
            let changed = *published != leadership;
            if changed {
                match &leadership {
                    Leadership::Unknown => info!("no leader is known"),
                    Leadership::Us => info!("this replica leads"),
                    Leadership::Other(leader) => info!(leader = leader.identity, "another replica leads"),
                }
                *published = leadership;
            }
            changed
        });
    }

    fn log(&mut self, result: Result<(), AttemptError>) {
        let name = self.name.as_str();
        match result {
            Ok(()) if self.failure.take().is_some() => info!(lease = name, "the Lease is reached again"),
            Ok(()) => {}
            Err(AttemptError::Api(kube::Error::Api(status))) if status.code == 409 => {
                debug!(lease = name, "another wrote the Lease first");
            }
            Err(error) => {
                let error = error.to_string();
                if self.failure.as_ref() != Some(&error) {
                    warn!(lease = name, %error, "cannot read or write the Lease; without it no status is written");
                }
                self.failure = Some(error);
            }
        }
    }
}
