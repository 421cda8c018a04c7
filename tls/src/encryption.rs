//! TLS to upstreams, as Knative's system-internal-tls has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};

use crate::Verifier;

/// The number of the next [`Encryption`].
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Whose certificates are believed.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl Trust {
    /// Trust in these authorities; `None` when none of them is one.
    pub fn new(authorities: impl IntoIterator<Item = CertificateDer<'static>>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities);
        let provider = Arc::new(ring::default_provider());
        (!roots.is_empty()).then(|| Self { roots: Arc::new(roots), provider })
    }

    /// TLS to upstreams that prove one of these DNS names.
    ///
    /// # Errors
    /// When a name is none.
    pub fn encryption(&self, names: &[&str]) -> Result<Encryption, Error> {
        let name =
            |name: &&str| ServerName::try_from((*name).to_owned()).map_err(|error| Error::General(error.to_string()));
        let names = names.iter().map(name).collect::<Result<Vec<_>, _>>()?;
        let (roots, algorithms) = (Arc::clone(&self.roots), self.provider.signature_verification_algorithms.all);
        // What was dialled is an address, which no certificate of Knative's names.
        let verifier = Verifier::new(Arc::clone(&self.provider), move |end_entity, intermediates, now| {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            verify_server_cert_signed_by_trust_anchor(&certificate, &roots, intermediates, now, algorithms)?;
            let proven = names.iter().any(|name| verify_server_name(&certificate, name).is_ok());
            if proven { Ok(()) } else { Err(CertificateError::NotValidForName.into()) }
        });
        let config = |protocols| self.config(Arc::clone(&verifier) as _, protocols);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Ok(Encryption { id, http1: config(Vec::new())?, http2: config(vec![b"h2".to_vec()])? })
    }

    fn config(
        &self,
        verifier: Arc<dyn ServerCertVerifier>,
        protocols: Vec<Vec<u8>>,
    ) -> Result<Arc<ClientConfig>, Error> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = protocols;
        Ok(Arc::new(config))
    }
}

/// TLS to the upstreams of one namespace: who may answer, and the sessions to resume with each address.
#[derive(Debug)]
pub struct Encryption {
    /// Tells it from all others of this process: connections of one are never used for another.
    pub id: u64,
    /// For HTTP/1.1, without ALPN.
    pub http1: Arc<ClientConfig>,
    /// For HTTP/2, which ALPN asks for.
    pub http2: Arc<ClientConfig>,
}
