//! Who is trusted: as an upstream, by Knative's system-internal-tls, and as a client.
//!
//! knative.dev/serving `pkg/activator/certificate/cache.go` for the sources of trust,
//! knative.dev/networking `pkg/certificates/constants.go` for the names.

use std::collections::HashMap;
use std::sync::Arc;

use net_pingora_routing::{ObjectKey, Transport};
use net_pingora_tls::{Encryption, Trust};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::api::{ConfigMap, FieldFault, Kind, ObjectId};
use crate::compile::secret;
use crate::fault::with_key;
use crate::store::{Store, Touched};

/// Knative's ConfigMap with the settings of all ingresses.
pub(crate) const CONFIG_NETWORK: &str = "config-network";
/// The Secret that may have an authority beside the activator's certificate.
const ROUTING_SECRET: &str = "routing-serving-certs";
/// The key of that Secret with the authority.
const AUTHORITY: &str = "ca.crt";
/// The label of ConfigMaps whose values are authorities, whatever its value.
pub(crate) const TRUST_BUNDLE_LABEL: &str = "networking.knative.dev/trust-bundle";
/// The label of ConfigMaps whose values are authorities of clients, whatever its value.
pub(crate) const CLIENT_AUTHORITIES_LABEL: &str = "pingora.networking.knative.dev/client-authorities";
/// The name that the activator proves.
const ACTIVATOR: &str = "kn-routing";

/// What upstreams are spoken to with.
#[derive(Debug, Default)]
pub(crate) struct UpstreamTrust {
    enabled: bool,
    authorities: Vec<CertificateDer<'static>>,
    trust: Option<Trust>,
    by_namespace: HashMap<Arc<str>, Arc<Encryption>>,
}

/// Who vouches for clients.
#[derive(Debug, Default)]
pub(crate) struct ClientTrust {
    authorities: Vec<CertificateDer<'static>>,
    roots: Option<Arc<RootCertStore>>,
}

impl ClientTrust {
    /// Takes the authorities of the system namespace as they are now.
    pub(crate) fn read(&mut self, system_namespace: &str, store: &Store) -> Reread {
        let mut faults = Vec::new();
        let authorities = sorted(labelled(system_namespace, CLIENT_AUTHORITIES_LABEL, store, &mut faults));
        let changed = authorities != self.authorities;
        if changed {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(authorities.iter().cloned());
            *self = Self { authorities, roots: (!roots.is_empty()).then(|| Arc::new(roots)) };
        }
        Reread { changed, faults }
    }

    /// Those who vouch; `None` when nobody does.
    pub(crate) fn roots(&self) -> Option<Arc<RootCertStore>> {
        self.roots.clone()
    }
}

/// What reading the objects anew has come to.
#[derive(Debug, Default)]
pub(crate) struct Reread {
    /// Whether others are trusted now.
    pub(crate) changed: bool,
    /// What is wrong with the objects.
    pub(crate) faults: Vec<(ObjectId, FieldFault)>,
}

/// Whether one of the objects that tell of trust may have changed.
pub(crate) fn is_touched(system_namespace: &str, touched: &Touched) -> bool {
    let in_system = |key: &&ObjectKey| *key.namespace == *system_namespace;
    touched.config_maps.iter().any(|key| in_system(&key))
        || touched.secrets.iter().filter(in_system).any(|key| *key.name == *ROUTING_SECRET)
}

impl UpstreamTrust {
    /// Takes the settings and authorities of the system namespace as they are now.
    pub(crate) fn read(&mut self, system_namespace: &str, store: &Store) -> Reread {
        let mut faults = Vec::new();
        let network = store.config_map(&ObjectKey::new(system_namespace, CONFIG_NETWORK));
        let enabled = network.is_some_and(is_enabled);
        let authorities = if enabled { authorities(system_namespace, store, &mut faults) } else { Vec::new() };
        let changed = (enabled, &authorities) != (self.enabled, &self.authorities);
        if changed {
            let trust = Trust::new(authorities.iter().cloned());
            *self = Self { enabled, authorities, trust, by_namespace: HashMap::new() };
        }
        Reread { changed, faults }
    }

    /// Whether traffic inside the cluster is encrypted.
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// How the pods of a namespace and the activator in front of them are spoken to.
    pub(crate) fn transport(&mut self, namespace: &Arc<str>) -> Transport {
        if !self.enabled {
            return Transport::Plain;
        }
        if let Some(encryption) = self.by_namespace.get(namespace) {
            return Transport::Encrypted(Arc::clone(encryption));
        }
        let pod = format!("kn-user-{}", namespace.to_ascii_lowercase());
        let encryption = self.trust.as_ref().and_then(|trust| trust.encryption(&[ACTIVATOR, &pod]).ok());
        let Some(encryption) = encryption.map(Arc::new) else { return Transport::Untrusted };
        self.by_namespace.insert(Arc::clone(namespace), Arc::clone(&encryption));
        Transport::Encrypted(encryption)
    }

    /// Why no pod can be spoken to, if so.
    pub(crate) fn problem(&self) -> Option<FieldFault> {
        let fix = format!(
            "add an authority: {AUTHORITY} in Secret {ROUTING_SECRET}, or a ConfigMap with the label {TRUST_BUNDLE_LABEL}"
        );
        (self.enabled && self.trust.is_none())
            .then(|| FieldFault::new("", "system-internal-tls is on, and no authority is there to trust", fix))
    }
}

/// `system-internal-tls`, or its old name `internal-encryption`; case does not count.
fn is_enabled(network: &ConfigMap) -> bool {
    let value = |key: &str| network.data.get(key).map(|value| value.trim());
    match value("system-internal-tls") {
        Some(value) => value.eq_ignore_ascii_case("enabled"),
        None => value("internal-encryption").is_some_and(|value| value.eq_ignore_ascii_case("true")),
    }
}

/// All authorities of upstreams; a bundle with anything else in it is left out as a whole.
fn authorities(
    system_namespace: &str,
    store: &Store,
    faults: &mut Vec<(ObjectId, FieldFault)>,
) -> Vec<CertificateDer<'static>> {
    let mut all = Vec::new();
    let key = ObjectKey::new(system_namespace, ROUTING_SECRET);
    if let Some((found, _)) = store.secret(&key)
        && let Ok(bundle) = secret::value(found, AUTHORITY)
        && !bundle.is_empty()
    {
        match parsed(&bundle) {
            Some(authorities) => all.extend(authorities),
            None => faults.push((ObjectId { kind: Kind::Secret, key }, unusable(with_key("data", AUTHORITY)))),
        }
    }
    all.extend(labelled(system_namespace, TRUST_BUNDLE_LABEL, store, faults));
    sorted(all)
}

/// Each once, in an order of their own.
fn sorted(mut authorities: Vec<CertificateDer<'static>>) -> Vec<CertificateDer<'static>> {
    authorities.sort_by(|a, b| a.as_ref().cmp(b.as_ref()));
    authorities.dedup();
    authorities
}

/// The authorities of all ConfigMaps of the system namespace with a label.
fn labelled(
    system_namespace: &str,
    label: &str,
    store: &Store,
    faults: &mut Vec<(ObjectId, FieldFault)>,
) -> Vec<CertificateDer<'static>> {
    let mut all = Vec::new();
    let has_label = |map: &ConfigMap| map.metadata.labels.get(label).is_some();
    for (key, map) in store.config_maps().filter(|(key, map)| *key.namespace == *system_namespace && has_label(map)) {
        for (name, bundle) in &map.data {
            match parsed(bundle.as_bytes()) {
                Some(authorities) => all.extend(authorities),
                None => faults
                    .push((ObjectId { kind: Kind::ConfigMap, key: key.clone() }, unusable(with_key("data", name)))),
            }
        }
    }
    all
}

/// The certificates of a bundle, if it is one: at least one, and all of them authorities that can be used.
fn parsed(bundle: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_slice_iter(bundle).collect::<Result<Vec<_>, _>>().ok()?;
    let usable = |certificate: &CertificateDer<'static>| Trust::new([certificate.clone()]).is_some();
    (!certificates.is_empty() && certificates.iter().all(usable)).then_some(certificates)
}

fn unusable(field: String) -> FieldFault {
    FieldFault::new(
        field,
        "is no bundle of certificates in PEM",
        "write certificates only; until then none of it is trusted",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::Object;
    use crate::fault::Origin;
    use crate::store::ObjectChange;

    fn authority() -> String {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    }

    fn map(name: &str, labels: &Value, data: &Value) -> Object {
        let value = json!({"metadata": {"namespace": "system", "name": name, "labels": labels}, "data": data});
        Object::ConfigMap(Arc::new(serde_json::from_value(value).unwrap()))
    }

    fn secret(data: &Value) -> Object {
        let value = json!({"metadata": {"namespace": "system", "name": ROUTING_SECRET}, "stringData": data});
        Object::Secret(Arc::new(serde_json::from_value(value).unwrap()))
    }

    fn read(objects: &[Object]) -> (UpstreamTrust, Reread) {
        let mut store = Store::default();
        for object in objects {
            store.apply(ObjectChange::Apply(object.clone(), Origin::default()), &mut Touched::default());
        }
        let mut trust = UpstreamTrust::default();
        let reread = trust.read("system", &store);
        (trust, reread)
    }

    fn network(key: &str, value: &str) -> Object {
        map(CONFIG_NETWORK, &json!({}), &json!({key: value}))
    }

    #[test]
    fn it_is_on_where_config_network_says_so() {
        for (key, value, wanted) in [
            ("system-internal-tls", "Enabled", true),
            ("system-internal-tls", "enabled", true),
            ("system-internal-tls", "Disabled", false),
            ("internal-encryption", "true", true),
            ("internal-encryption", "false", false),
            ("other", "Enabled", false),
        ] {
            let (mut trust, reread) = read(&[network(key, value), secret(&json!({AUTHORITY: authority()}))]);
            let encrypted = matches!(trust.transport(&"ns".into()), Transport::Encrypted(_));
            assert_eq!((encrypted, reread.changed), (wanted, wanted), "{key}: {value}");
        }
    }

    #[test]
    fn authorities_come_from_the_secret_and_from_every_labelled_config_map() {
        let on = network("system-internal-tls", "Enabled");
        let label = json!({TRUST_BUNDLE_LABEL: "true"});
        let (one, two) = (authority(), authority());
        let bundle = |data: &Value| map("bundle", &label, data);
        for (objects, authorities, faults) in [
            (vec![], 0, 0),
            (vec![secret(&json!({"tls.crt": "x"}))], 0, 0),
            (vec![secret(&json!({AUTHORITY: one})), bundle(&json!({"a": one, "b": two}))], 2, 0),
            (vec![map("no-bundle", &json!({}), &json!({"a": one}))], 0, 0),
            (vec![bundle(&json!({"a": one, "b": "rubbish"}))], 1, 1),
            (vec![secret(&json!({AUTHORITY: "rubbish"}))], 0, 1),
        ] {
            let objects: Vec<_> = objects.into_iter().chain([on.clone()]).collect();
            let (mut trust, reread) = read(&objects);
            assert_eq!((trust.authorities.len(), reread.faults.len()), (authorities, faults), "{objects:?}");
            let untrusted = matches!(trust.transport(&"ns".into()), Transport::Untrusted);
            assert_eq!((untrusted, trust.problem().is_some()), (authorities == 0, authorities == 0));
        }
    }

    #[test]
    fn clients_have_authorities_of_their_own() {
        let labelled = |name: &str, label: &str, data: &Value| map(name, &json!({label: ""}), data);
        let (one, two) = (authority(), authority());
        let mut store = Store::default();
        let mut clients = ClientTrust::default();
        for (object, wanted, faults) in [
            (labelled("upstreams", TRUST_BUNDLE_LABEL, &json!({"a": one})), (false, None), 0),
            (labelled("clients", CLIENT_AUTHORITIES_LABEL, &json!({"a": one, "b": two})), (true, Some(2)), 0),
            (
                labelled("clients", CLIENT_AUTHORITIES_LABEL, &json!({"a": one, "b": two, "c": "x"})),
                (false, Some(2)),
                1,
            ),
            (labelled("clients", CLIENT_AUTHORITIES_LABEL, &json!({})), (true, None), 0),
        ] {
            store.apply(ObjectChange::Apply(object, Origin::default()), &mut Touched::default());
            let reread = clients.read("system", &store);
            let seen = (reread.changed, clients.roots().map(|roots| roots.len()));
            assert_eq!((seen, reread.faults.len()), (wanted, faults));
        }
    }

    #[test]
    fn an_encryption_lasts_until_who_is_trusted_changes() {
        let mut store = Store::default();
        let mut trust = UpstreamTrust::default();
        let mut ids = Vec::new();
        let (one, two) = (authority(), authority());
        for object in [
            network("system-internal-tls", "Enabled"),
            secret(&json!({AUTHORITY: one})),
            secret(&json!({AUTHORITY: one, "tls.crt": "renewed"})),
            secret(&json!({AUTHORITY: two})),
        ] {
            store.apply(ObjectChange::Apply(object, Origin::default()), &mut Touched::default());
            trust.read("system", &store);
            if let Transport::Encrypted(encryption) = trust.transport(&"ns".into()) {
                ids.push(encryption.id);
            }
        }
        assert!(ids.len() == 3 && ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
    }
}
