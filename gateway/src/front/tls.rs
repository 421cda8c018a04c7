//! Handshakes with clients.

use std::fmt;
use std::sync::Arc;

use net_pingora_routing::{HostName, Listener};
use net_pingora_tls::{CertificateCell, CertificateCells, Policy};
use rustls::ServerConfig;
use rustls::crypto::ring::Ticketer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// What all listeners negotiate. Workers share it: a session that one has begun, any resumes.
#[derive(Clone)]
pub(crate) struct Acceptors {
    external: TlsAcceptor,
    internal: TlsAcceptor,
}

impl Acceptors {
    /// Listeners that negotiate what `policy` allows and show these certificates.
    pub(crate) fn new(policy: &Policy, certificates: CertificateCells) -> Result<Self, rustls::Error> {
        let CertificateCells { external, internal } = certificates;
        Ok(Self { external: acceptor(policy, external)?, internal: acceptor(policy, internal)? })
    }

    /// That of a kind of listener.
    pub(super) fn of(&self, listener: Listener) -> &TlsAcceptor {
        match listener {
            Listener::External => &self.external,
            Listener::Internal => &self.internal,
        }
    }
}

fn acceptor(policy: &Policy, certificates: Arc<CertificateCell>) -> Result<TlsAcceptor, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(policy.provider())
        .with_protocol_versions(policy.versions())?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName(certificates)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Clients keep their sessions, in tickets: nothing is stored here, and no worker waits for another.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Ticketer::new()?;
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
