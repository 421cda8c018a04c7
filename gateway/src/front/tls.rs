//! Handshakes with clients.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use net_pingora_routing::{HostName, Listener};
use net_pingora_tls::{CertificateCell, CertificateCells, ClientCertificates, Policy};
use rustls::crypto::ring::Ticketer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// What all listeners negotiate. Workers share it: a session that one has begun, any resumes.
pub(crate) struct Acceptors {
    certificates: CertificateCells,
    built: ArcSwap<Built>,
}

/// Acceptors of a policy and of those who vouch for clients.
struct Built {
    policy: Policy,
    authorities: Option<Arc<RootCertStore>>,
    external: Option<TlsAcceptor>,
    internal: TlsAcceptor,
}

impl Acceptors {
    /// Listeners that negotiate what `policy` allows and show these certificates.
    pub(crate) fn new(policy: Policy, certificates: CertificateCells) -> Result<Self, rustls::Error> {
        let built = Built::new(policy, &certificates)?;
        Ok(Self { built: ArcSwap::from_pointee(built), certificates })
    }

    /// That of a kind of listener; the first connection after a change builds it anew.
    pub(super) fn of(&self, listener: Listener, policy: &Policy) -> Option<TlsAcceptor> {
        let mut built = self.built.load_full();
        if !built.is_for(policy, &self.certificates) {
            let next = Built::new(policy.clone(), &self.certificates);
            built = Arc::new(next.inspect_err(|error| tracing::error!(%error, "TLS settings make no sense")).ok()?);
            self.built.store(Arc::clone(&built));
        }
        match listener {
            Listener::External => built.external.clone(),
            Listener::Internal | Listener::Activator => Some(built.internal.clone()),
        }
    }
}

impl Built {
    fn new(policy: Policy, certificates: &CertificateCells) -> Result<Self, rustls::Error> {
        let authorities = certificates.client_authorities.load_full();
        let external = match verifier(&policy, authorities.as_ref())? {
            Some(verifier) => Some(acceptor(&policy, &certificates.external, verifier)?),
            None => None,
        };
        let internal = acceptor(&policy, &certificates.internal, WebPkiClientVerifier::no_client_auth())?;
        Ok(Self { policy, authorities, external, internal })
    }

    fn is_for(&self, policy: &Policy, certificates: &CertificateCells) -> bool {
        let authorities = certificates.client_authorities.load();
        self.policy == *policy && self.authorities.as_ref().map(Arc::as_ptr) == authorities.as_ref().map(Arc::as_ptr)
    }
}

/// What clients outside must prove; `None` when they must and nobody vouches for any.
fn verifier(
    policy: &Policy,
    authorities: Option<&Arc<RootCertStore>>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, rustls::Error> {
    let builder = |roots: &Arc<RootCertStore>| {
        // No list of those who vouch: its message has room for 64 KiB of names, and it is nobody's business.
        WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), policy.provider()).clear_root_hint_subjects()
    };
    let built = match (policy.client_certificates, authorities) {
        (ClientCertificates::Required, None) => return Ok(None),
        (ClientCertificates::Off, _) | (ClientCertificates::Optional, None) => {
            return Ok(Some(WebPkiClientVerifier::no_client_auth()));
        }
        (ClientCertificates::Optional, Some(roots)) => builder(roots).allow_unauthenticated().build(),
        (ClientCertificates::Required, Some(roots)) => builder(roots).build(),
    };
    built.map(Some).map_err(|error| rustls::Error::General(error.to_string()))
}

fn acceptor(
    policy: &Policy,
    certificates: &Arc<CertificateCell>,
    clients: Arc<dyn ClientCertVerifier>,
) -> Result<TlsAcceptor, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(policy.provider())
        .with_protocol_versions(policy.versions())?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(ByName(Arc::clone(certificates))));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Clients keep their sessions, in tickets: nothing is stored here, and no worker waits for another. Their keys
    // are new with every change, so that nobody is resumed whom the new settings would refuse.
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
