//! TLS: the control plane says what to show and whom to trust, the data plane does as it is told.

mod certificates;
mod encryption;
mod policy;
mod verifier;

pub use certificates::{CertificateCell, CertificateCells, Certificates};
pub use encryption::{Encryption, Trust};
pub use policy::{CipherSuites, ClientCertificates, Policy, PolicyError, Version};
pub use verifier::Verifier;
