//! Secret → certificate. Nothing of the key ever reaches a log or an error.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::api::{FieldFault, Secret};

/// The key of a Secret with the certificate chain.
const CHAIN: &str = "tls.crt";
/// The key of a Secret with the private key.
const KEY: &str = "tls.key";

/// The certificate of a `kubernetes.io/tls` Secret.
///
/// # Errors
/// The field that is missing or cannot be used.
pub(crate) fn certificate(secret: &Secret) -> Result<CertifiedKey, FieldFault> {
    let chain = CertificateDer::pem_slice_iter(&value(secret, CHAIN)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| unusable(secret, CHAIN, "is not a certificate chain in PEM"))?;
    if chain.is_empty() {
        return Err(unusable(secret, CHAIN, "has no certificate in PEM"));
    }
    let key = PrivateKeyDer::from_pem_slice(&value(secret, KEY)?)
        .map_err(|_| unusable(secret, KEY, "is not a private key in PEM"))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map_err(|error| unusable(secret, KEY, &format!("does not go with {CHAIN} ({error})")))
}

/// The bytes of one of the Secret's values.
pub(crate) fn value(secret: &Secret, key: &str) -> Result<Vec<u8>, FieldFault> {
    if let Some(text) = secret.string_data.get(key) {
        return Ok(text.clone().into_bytes());
    }
    let text = secret.data.get(key).ok_or_else(|| unusable(secret, key, "is missing"))?;
    let text: String = text.split_ascii_whitespace().collect();
    BASE64_STANDARD.decode(text).map_err(|_| unusable(secret, key, "is not base64"))
}

fn unusable(secret: &Secret, key: &str, problem: &str) -> FieldFault {
    let map = if secret.string_data.contains_key(key) { "stringData" } else { "data" };
    let fix = match key {
        CHAIN => "write the certificate chain in PEM, the server's first",
        _ => "write the private key of the first certificate in PEM",
    };
    FieldFault::new(crate::fault::with_key(map, key), problem, fix)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn texts(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_chain_and_its_key_are_read_from_data_or_string_data() {
        let (chain, key) = pair();
        let plain = Secret { string_data: texts(&[(CHAIN, &chain), (KEY, &key)]), ..Default::default() };
        assert_eq!(certificate(&plain).unwrap().cert.len(), 1);
        let mut encoded = BASE64_STANDARD.encode(&chain);
        encoded.insert(10, '\n');
        let data = texts(&[(CHAIN, &encoded), (KEY, &BASE64_STANDARD.encode(&key))]);
        let from_data = certificate(&Secret { data, ..Default::default() }).unwrap();
        assert_eq!(from_data.cert, certificate(&plain).unwrap().cert);
    }

    #[test]
    fn a_fault_names_the_value_and_never_shows_it() {
        let ((chain, key), (_, other)) = (pair(), pair());
        for (entries, field) in [
            (vec![(KEY, key.as_str())], "data[\"tls.crt\"]"),
            (vec![(CHAIN, chain.as_str())], "data[\"tls.key\"]"),
            (vec![(CHAIN, "x"), (KEY, &key)], "stringData[\"tls.crt\"]"),
            (vec![(CHAIN, &chain), (KEY, "x")], "stringData[\"tls.key\"]"),
            (vec![(CHAIN, &chain), (KEY, &other)], "stringData[\"tls.key\"]"),
        ] {
            let fault = certificate(&Secret { string_data: texts(&entries), ..Default::default() }).unwrap_err();
            assert_eq!(fault.path, field);
            assert!(!fault.problem.contains("PRIVATE"), "{}", fault.problem);
        }
        let fault = certificate(&Secret { data: texts(&[(CHAIN, "%")]), ..Default::default() }).unwrap_err();
        assert_eq!(fault.problem, "is not base64");
    }
}
