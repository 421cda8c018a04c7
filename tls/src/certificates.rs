//! Which certificate is shown to whom.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::RootCertStore;
use rustls::sign::CertifiedKey;

/// The certificates of one kind of listener.
#[derive(Clone, Default)]
pub struct Certificates {
    /// By host name in the table's form.
    pub by_host: HashMap<Arc<str>, Arc<CertifiedKey>>,
    /// For clients that name no host, or one without a certificate of its own.
    pub default: Option<Arc<CertifiedKey>>,
}

impl Certificates {
    /// The certificate for a server name (RFC 6066 §3) in the table's form.
    pub fn find(&self, name: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        name.and_then(|name| self.by_host.get(name)).or(self.default.as_ref())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.by_host.len();
        f.debug_struct("Certificates").field("hosts", &hosts).field("default", &self.default.is_some()).finish()
    }
}

/// The certificates of one kind of listener as they are now. Reading takes no lock.
#[derive(Debug, Default)]
pub struct CertificateCell(ArcSwap<Certificates>);

impl CertificateCell {
    /// The certificate that clients are shown that ask for `name`, which is in the table's form.
    pub fn find(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        self.0.load().find(name).map(Arc::clone)
    }

    /// Replaces all certificates; connections that are open go on.
    pub fn set(&self, certificates: Certificates) {
        self.0.store(Arc::new(certificates));
    }
}

/// The certificates of both kinds of listeners.
#[derive(Clone, Debug, Default)]
pub struct CertificateCells {
    /// Of those for clients outside.
    pub external: Arc<CertificateCell>,
    /// Of those for clients in the cluster.
    pub internal: Arc<CertificateCell>,
    /// Who vouches for clients outside; `None` when nobody does.
    pub client_authorities: Arc<ArcSwapOption<RootCertStore>>,
}
