//! TLS to upstreams, as Knative's system-internal-tls has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

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
        let verifier = Arc::new(AnyOf {
            roots: Arc::clone(&self.roots),
            names: names.iter().map(name).collect::<Result<_, _>>()?,
            algorithms: self.provider.signature_verification_algorithms,
        });
        let config = |protocols| self.config(Arc::clone(&verifier), protocols);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Ok(Encryption { id, http1: config(Vec::new())?, http2: config(vec![b"h2".to_vec()])? })
    }

    fn config(&self, verifier: Arc<AnyOf>, protocols: Vec<Vec<u8>>) -> Result<Arc<ClientConfig>, Error> {
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

/// Believes a certificate of a known authority for any of the names. What was dialled is an
/// address, which no certificate of Knative's names.
#[derive(Debug)]
struct AnyOf {
    roots: Arc<RootCertStore>,
    names: Vec<ServerName<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyOf {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        if self.names.iter().any(|name| verify_server_name(&certificate, name).is_ok()) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::NotValidForName.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
