//! TLS for clients: certificates by server name, from the cell the control plane fills.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use net_pingora_routing::{Certificate, CertificateCell, HostName};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// Answers handshakes with the certificate of the name the client asks for; none, no handshake.
struct ByName {
    certificates: Arc<CertificateCell>,
    /// Keys ready to sign, one worker's own: no other thread waits for this lock.
    ready: Mutex<HashMap<Box<str>, Ready>>,
}

/// A certificate and what signs for it.
type Ready = (Arc<Certificate>, Arc<CertifiedKey>);

impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByName").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = HostName::parse(hello.server_name()?)?;
        let certificate = self.certificates.find(&name)?;
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, key)) = ready.get(name.as_str())
            && Arc::ptr_eq(known, &certificate)
        {
            return Some(Arc::clone(key));
        }
        let key = Arc::new(certified(&certificate)?);
        ready.retain(|name, _| HostName::parse(name).is_some_and(|name| self.certificates.find(&name).is_some()));
        ready.insert(name.as_str().into(), (certificate, Arc::clone(&key)));
        Some(key)
    }
}

fn certified(certificate: &Certificate) -> Option<CertifiedKey> {
    let key = PrivateKeyDer::try_from(certificate.key.clone()).ok()?;
    let key = rustls::crypto::ring::sign::any_supported_type(&key).ok()?;
    let chain = certificate.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    Some(CertifiedKey::new(chain, key))
}

/// An acceptor for TLS 1.2 and 1.3 that offers HTTP/2 and HTTP/1.1.
pub(super) fn acceptor(certificates: Arc<CertificateCell>) -> Result<TlsAcceptor, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName { certificates, ready: Mutex::default() }));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
