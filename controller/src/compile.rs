//! Pure functions from objects to what the data plane reads.

pub(crate) mod domain_mapping;
pub(crate) mod ingress;
pub(crate) mod revision;
pub(crate) mod route;
pub(crate) mod secret;
pub(crate) mod service;
