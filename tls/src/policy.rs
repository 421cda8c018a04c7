//! What is negotiated in a handshake.

use std::str::FromStr;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};
use thiserror::Error;

/// What clients may negotiate. Older versions than TLS 1.2, renegotiation and compression are never offered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// The oldest version.
    pub min_version: Version,
    /// The cipher suites.
    pub cipher_suites: CipherSuites,
    /// Whether clients outside must show a certificate of an authority.
    pub client_certificates: ClientCertificates,
}

/// Whether clients must show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked for one.
    #[default]
    Off,
    /// Who shows one must prove it.
    Optional,
    /// Who shows none is refused; so is everybody as long as there is no authority.
    Required,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2 (RFC 5246)
    #[default]
    Tls12,
    /// TLS 1.3 (RFC 8446)
    Tls13,
}

/// Cipher suites, the preferred first.
#[derive(Clone, Debug, PartialEq)]
pub struct CipherSuites(Vec<SupportedCipherSuite>);

/// A value that is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PolicyError {
    /// Neither 1.2 nor 1.3.
    #[error("{0:?} is no version of TLS that is offered; write 1.2 or 1.3")]
    Version(String),
    /// Neither off, optional nor required.
    #[error("{0:?} says nothing of client certificates; write off, optional or required")]
    ClientCertificates(String),
    /// A name nobody knows, or of a suite that is not safe enough to be offered.
    #[error("{0:?} is no cipher suite that is offered; write some of {known}", known = known())]
    CipherSuite(String),
}

/// Names of a cipher suite: OpenSSL's, then IANA's. TLS 1.3 has only one.
struct Named {
    openssl: &'static str,
    iana: &'static str,
    suite: SupportedCipherSuite,
}

/// All suites, in the order in which they are preferred by default.
static SUITES: [Named; 9] = [
    named("TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384", ring::cipher_suite::TLS13_AES_256_GCM_SHA384),
    named("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", ring::cipher_suite::TLS13_AES_128_GCM_SHA256),
    named(
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_CHACHA20_POLY1305_SHA256",
        ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ),
    named(
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    named(
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    named(
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    named(
        "ECDHE-RSA-AES256-GCM-SHA384",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        ring::cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ),
    named(
        "ECDHE-RSA-AES128-GCM-SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ring::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ),
    named(
        "ECDHE-RSA-CHACHA20-POLY1305",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        ring::cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

static FROM_TLS12: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
static FROM_TLS13: &[&SupportedProtocolVersion] = &[&TLS13];

const fn named(openssl: &'static str, iana: &'static str, suite: SupportedCipherSuite) -> Named {
    Named { openssl, iana, suite }
}

fn known() -> String {
    SUITES.iter().map(|named| named.openssl).collect::<Vec<_>>().join(",")
}

impl Policy {
    /// The versions, the preferred first.
    pub fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        match self.min_version {
            Version::Tls12 => FROM_TLS12,
            Version::Tls13 => FROM_TLS13,
        }
    }

    /// What encrypts and signs.
    pub fn provider(&self) -> Arc<CryptoProvider> {
        Arc::new(CryptoProvider { cipher_suites: self.cipher_suites.0.clone(), ..ring::default_provider() })
    }
}

impl FromStr for Version {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        match text {
            "1.2" => Ok(Self::Tls12),
            "1.3" => Ok(Self::Tls13),
            _ => Err(PolicyError::Version(text.to_owned())),
        }
    }
}

impl FromStr for ClientCertificates {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        match text {
            "off" => Ok(Self::Off),
            "optional" => Ok(Self::Optional),
            "required" => Ok(Self::Required),
            _ => Err(PolicyError::ClientCertificates(text.to_owned())),
        }
    }
}

impl Default for CipherSuites {
    fn default() -> Self {
        Self(SUITES.iter().map(|named| named.suite).collect())
    }
}

/// Names with commas, as OpenSSL or IANA writes them. A list without a suite of TLS 1.3 is about
/// TLS 1.2 alone, as with other gateways: all of TLS 1.3 stay. Empty is the default.
impl FromStr for CipherSuites {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let mut suites = names.map(suite).collect::<Result<Vec<_>, _>>()?;
        if suites.is_empty() {
            return Ok(Self::default());
        }
        if !suites.iter().any(is_tls13) {
            suites.extend(SUITES.iter().map(|named| named.suite).filter(is_tls13));
        }
        Ok(Self(suites))
    }
}

fn suite(name: &str) -> Result<SupportedCipherSuite, PolicyError> {
    let mut named = SUITES.iter().filter(|named| [named.openssl, named.iana].contains(&name));
    named.next().map(|named| named.suite).ok_or_else(|| PolicyError::CipherSuite(name.to_owned()))
}

fn is_tls13(suite: &SupportedCipherSuite) -> bool {
    matches!(suite, SupportedCipherSuite::Tls13(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tls_1_2_suites_leaves_tls_1_3_alone() {
        for (text, wanted) in [
            ("", 9),
            ("ECDHE-ECDSA-AES256-GCM-SHA384", 4),
            (" TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, ECDHE-RSA-AES256-GCM-SHA384,", 5),
            ("TLS_AES_128_GCM_SHA256", 1),
        ] {
            assert_eq!(text.parse::<CipherSuites>().unwrap().0.len(), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_not_offered_is_named_with_what_is() {
        let error = "ECDHE-RSA-AES256-SHA".parse::<CipherSuites>().unwrap_err().to_string();
        assert!(
            error.starts_with("\"ECDHE-RSA-AES256-SHA\"") && error.contains("ECDHE-RSA-CHACHA20-POLY1305"),
            "{error}"
        );
        assert!("1.1".parse::<Version>().unwrap_err().to_string().contains("write 1.2 or 1.3"));
    }
}
