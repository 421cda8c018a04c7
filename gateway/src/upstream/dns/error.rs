//! Why a host has no address.

use std::sync::Arc;

/// Why a host has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The host is no DNS name.
    #[error("host `{0}` is no DNS name; correct spec.externalName of the Service")]
    Invalid(Arc<str>),
    /// DNS knows no address of it.
    #[error("host `{0}` has no address in DNS; correct spec.externalName of the Service or add an A or AAAA record")]
    NotFound(Arc<str>),
    /// It has no other addresses than those of this machine or of its link.
    #[error("host `{0}` is this machine, or a neighbour no route leads to; correct spec.externalName of the Service")]
    Forbidden(Arc<str>),
    /// DNS did not answer in time.
    #[error("host `{0}`: DNS gave no answer in time; check the servers in /etc/resolv.conf")]
    Timeout(Arc<str>),
    /// DNS answered with an error.
    #[error("host `{host}`: DNS failed with `{error}`; check the servers in /etc/resolv.conf")]
    Failed {
        /// The host.
        host: Arc<str>,
        /// What the resolver says.
        error: Arc<str>,
    },
}
