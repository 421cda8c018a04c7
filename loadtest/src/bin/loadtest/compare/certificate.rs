//! The certificate of all proxies.

use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};

use super::work::HOST;

/// Writes `certificate.pem`, `key.pem`, and both in `both.pem`.
pub(crate) fn write(folder: &Path, certificate: &Certificate) -> std::io::Result<()> {
    let Certificate { chain, key } = certificate;
    fs::write(folder.join("certificate.pem"), chain)?;
    fs::write(folder.join("key.pem"), key)?;
    fs::write(folder.join("both.pem"), format!("{chain}{key}"))
}

/// A certificate and its key (ECDSA P-256), both in PEM.
pub(crate) struct Certificate {
    chain: String,
    key: String,
}

impl Certificate {
    pub(crate) fn new() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![HOST.to_owned()])?.self_signed(&key)?;
        Ok(Self { chain: certificate.pem(), key: key.serialize_pem() })
    }
}
