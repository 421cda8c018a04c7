//! Knative's settings of host names, and the host names that its Routes get by them.
//!
//! This crate answers as `knative.dev/serving` v0.50 and `knative.dev/networking` do, whose code its tests ask. It
//! does no I/O and knows neither Kubernetes' client nor Pingora.
//!
//! - [`DomainConfig`]: the ConfigMap `config-domain`, which domain a Route is under.
//! - [`NetworkConfig`]: the ConfigMap `config-network`, among it the templates of host names.
//! - [`FeatureConfig`]: the ConfigMap `config-features`.
//! - [`hostname`], [`domain_name`] and [`expanded_local_hosts`]: from a Route to its hosts.
//! - [`Template`]: what of Go's `text/template` host names need.

mod config_domain;
mod config_features;
mod config_network;
mod dns;
mod fault;
mod hosts;
mod scalar;
mod selector;
mod template;

use std::collections::BTreeMap;

pub use config_domain::DomainConfig;
pub use config_features::FeatureConfig;
pub use config_network::{HttpProtocol, NetworkConfig};
pub use fault::KeyFault;
pub use hosts::{
    HostError, RouteNames, VISIBILITY_LABEL, domain_name, expanded_local_hosts, hostname, placeholder_domain,
};
pub(crate) use template::NO_VALUE;
pub use template::{Template, TemplateError, TemplateFault, Values};

/// Labels, annotations, or the data of a ConfigMap.
pub type Map = BTreeMap<String, String>;
