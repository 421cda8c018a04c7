//! Handshakes with clients.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use net_pingora_routing::{HostName, Listener};
use net_pingora_tls::{CertificateCell, CertificateCells, Policy};
use rustls::ServerConfig;
use rustls::crypto::ring::Ticketer;
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// What all listeners negotiate. Workers share it: a session that one has begun, any resumes.
pub(crate) struct Acceptors {
    external: Tickets,
    internal: Tickets,
    built: ArcSwap<Built>,
}

/// What stays as long as the gateway, whatever is negotiated.
struct Tickets {
    certificates: Arc<CertificateCell>,
    /// Clients keep their sessions, in tickets: nothing is stored here, and no worker waits for another.
    ticketer: Arc<dyn ProducesTickets>,
}

/// Acceptors of a policy.
struct Built {
    policy: Policy,
    external: TlsAcceptor,
    internal: TlsAcceptor,
}

impl Acceptors {
    /// Listeners that negotiate what `policy` allows and show these certificates.
    pub(crate) fn new(policy: Policy, certificates: CertificateCells) -> Result<Self, rustls::Error> {
        let CertificateCells { external, internal } = certificates;
        let tickets = |certificates| Ok::<_, rustls::Error>(Tickets { certificates, ticketer: Ticketer::new()? });
        let (external, internal) = (tickets(external)?, tickets(internal)?);
        let built = ArcSwap::from_pointee(Built::new(policy, &external, &internal)?);
        Ok(Self { external, internal, built })
    }

    /// That of a kind of listener; the first connection after a change of the policy builds it anew.
    pub(super) fn of(&self, listener: Listener, policy: &Policy) -> Option<TlsAcceptor> {
        let mut built = self.built.load_full();
        if built.policy != *policy {
            let next = Built::new(policy.clone(), &self.external, &self.internal);
            built = Arc::new(next.inspect_err(|error| tracing::error!(%error, "TLS settings make no sense")).ok()?);
            self.built.store(Arc::clone(&built));
        }
        Some(match listener {
            Listener::External => built.external.clone(),
            Listener::Internal => built.internal.clone(),
        })
    }
}

impl Built {
    fn new(policy: Policy, external: &Tickets, internal: &Tickets) -> Result<Self, rustls::Error> {
        let (external, internal) = (acceptor(&policy, external)?, acceptor(&policy, internal)?);
        Ok(Self { policy, external, internal })
    }
}

fn acceptor(policy: &Policy, tickets: &Tickets) -> Result<TlsAcceptor, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(policy.provider())
        .with_protocol_versions(policy.versions())?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName(Arc::clone(&tickets.certificates))));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Arc::clone(&tickets.ticketer);
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Answers with the certificate of the name the client asks for; none, no handshake.
struct ByName(Arc<CertificateCell>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(HostName::parse);
        self.0.find(name.as_ref().map(HostName::as_str))
    }
}

impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByName").finish_non_exhaustive()
    }
}
