//! Certificates for the listeners' names, kept beside the table.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::HostName;

/// A certificate chain and its key, validated by the control plane, in DER.
pub struct Certificate {
    /// The chain, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// The private key: PKCS#8, PKCS#1 or SEC1.
    pub key: Vec<u8>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

/// The certificates of now, by host name in the table's form. Reading takes no lock.
#[derive(Debug, Default)]
pub struct CertificateCell(ArcSwap<HashMap<Box<str>, Arc<Certificate>>>);

impl CertificateCell {
    /// The certificate for a server name (RFC 6066 §3).
    pub fn find(&self, name: &HostName) -> Option<Arc<Certificate>> {
        self.0.load().get(name.as_str()).map(Arc::clone)
    }

    /// All certificates. Not to be held across an await.
    pub fn load(&self) -> Guard<Arc<HashMap<Box<str>, Arc<Certificate>>>> {
        self.0.load()
    }

    /// Replaces all certificates.
    pub fn set(&self, certificates: HashMap<Box<str>, Arc<Certificate>>) {
        self.0.store(Arc::new(certificates));
    }
}
