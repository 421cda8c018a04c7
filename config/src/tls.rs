//! The flags of TLS for clients.

use std::str::FromStr;

use clap::Args;
use net_pingora_tls::{CipherSuites, ClientCertificates, Version};
use thiserror::Error;

use crate::cluster::system_namespace;

/// What clients may negotiate, and what those without a certificate of their own are shown.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// Secret with the certificate for clients outside that name no host, or one without a certificate
    /// [default: they are refused]
    #[arg(long, value_name = "[NAMESPACE/]NAME", env = "NET_PINGORA_DEFAULT_CERTIFICATE")]
    pub default_certificate: Option<SecretName>,

    /// The same for clients in the cluster
    #[arg(long, value_name = "[NAMESPACE/]NAME", env = "NET_PINGORA_CLUSTER_CERTIFICATE")]
    pub cluster_certificate: Option<SecretName>,

    /// Oldest version of TLS that is offered: 1.2 or 1.3
    #[arg(long, value_name = "VERSION", env = "NET_PINGORA_TLS_MIN_VERSION", default_value = "1.2")]
    pub tls_min_version: Version,

    /// Cipher suites that are offered, with commas, OpenSSL's or IANA's names [default: all safe ones]
    ///
    /// A list without a suite of TLS 1.3 is about TLS 1.2 alone: all of TLS 1.3 stay.
    #[arg(
        long,
        value_name = "NAMES",
        env = "NET_PINGORA_TLS_CIPHER_SUITES",
        default_value = "",
        hide_default_value = true
    )]
    pub tls_cipher_suites: CipherSuites,

    /// Whether clients outside must show a certificate: off, optional or required
    ///
    /// It must be of an authority in a ConfigMap of the system namespace with the label
    /// `pingora.networking.knative.dev/client-authorities`. While there is none, `required` refuses everybody.
    #[arg(long, value_name = "WHEN", env = "NET_PINGORA_CLIENT_CERTIFICATES", default_value = "off")]
    pub client_certificates: ClientCertificates,
}

/// A Secret by `namespace/name`; `name` alone is in the namespace of Knative's own objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What is no name of a Secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?} is no Secret; write NAMESPACE/NAME, or NAME alone for one in the system namespace")]
pub struct SecretNameError(String);

impl FromStr for SecretName {
    type Err = SecretNameError;

    fn from_str(text: &str) -> Result<Self, SecretNameError> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (namespace.to_owned(), name),
            None => (system_namespace(), text),
        };
        if namespace.is_empty() || name.is_empty() || name.contains('/') {
            return Err(SecretNameError(text.to_owned()));
        }
        Ok(Self { namespace, name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_in_the_system_namespace_unless_it_names_one() {
        for (text, wanted) in [
            ("a/b", Some(("a", "b"))),
            ("b", Some(("knative-serving", "b"))),
            ("", None),
            ("/b", None),
            ("a/", None),
            ("a/b/c", None),
        ] {
            let found = text.parse::<SecretName>().ok();
            let found = found.as_ref().map(|secret| (&*secret.namespace, &*secret.name));
            assert_eq!(found, wanted, "{text}");
        }
    }
}
