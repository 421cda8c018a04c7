//! Both ends of the TLS connection.

use std::sync::Arc;

use net_pingora_tls::Verifier;
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::election::Fingerprint;

/// The name in every certificate; the fingerprint is what counts.
const NAME: &str = "net-pingora";

/// A key pair with its certificate, made anew at every start and never stored.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    pub(crate) fn generate() -> Result<Self, rcgen::Error> {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
        Ok(Self { certificate: made.cert.der().clone(), key })
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        fingerprint(&self.certificate)
    }

    pub(crate) fn acceptor(self) -> Result<TlsAcceptor, Error> {
        let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate], self.key)?;
        // Nobody resumes, and the leader sends nothing after the handshake.
        config.send_tls13_tickets = 0;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// A connector that accepts exactly one certificate.
pub(super) fn connector(accepted: Fingerprint) -> Result<(TlsConnector, ServerName<'static>), Error> {
    let provider: Arc<CryptoProvider> = ring::default_provider().into();
    let verifier = Verifier::new(Arc::clone(&provider), move |shown, _, _| pinned(&accepted, shown));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    let name = ServerName::try_from(NAME).map_err(|error| Error::General(error.to_string()))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    Sha256::digest(certificate).into()
}

/// Accepts one certificate, whatever it says; its owner still has to prove that it has the key.
fn pinned(accepted: &Fingerprint, shown: &CertificateDer<'_>) -> Result<(), Error> {
    let shown = fingerprint(shown);
    // All bytes are looked at, whichever differ.
    let difference = shown.iter().zip(accepted).fold(0, |difference, (a, b)| difference | (a ^ b));
    if difference == 0 { Ok(()) } else { Err(CertificateError::ApplicationVerificationFailure.into()) }
}
