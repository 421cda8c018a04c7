//! Our own ConfigMap: what it says is the binary's to understand.

use std::collections::BTreeMap;
use std::fmt;

use crate::api::FieldFault;
use crate::engine::DefaultCertificates;

/// The ConfigMap with our own settings, in the system namespace.
pub const CONFIG_PINGORA: &str = "config-pingora";

/// Takes over the ConfigMap with our own settings.
pub trait Configure: fmt::Debug + Send + Sync {
    /// Puts its data into effect; there is none when it does not exist.
    fn configure(&self, data: &BTreeMap<String, String>) -> Configured;
}

/// What became of the ConfigMap.
#[derive(Debug, Default)]
pub struct Configured {
    /// The default certificates from now on; `None` leaves them as they are.
    pub default_certificates: Option<DefaultCertificates>,
    /// Keys that are ignored.
    pub faults: Vec<FieldFault>,
    /// Keys that nothing may be Ready with.
    pub refused: Vec<FieldFault>,
}
