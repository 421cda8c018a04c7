//! Which certificate each host is served with.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use net_pingora_routing::{Certificate, CertificateCell, ObjectKey};

use crate::api::Ingress;
use crate::compile::ingress::{rule_hosts, table_form};

/// The hosts of a KIngress that have a certificate, with the Secret it is in.
///
/// A `tls` entry counts for a rule only when it covers all of the rule's hosts; of several, the first.
pub(crate) fn bindings(ingress: &Ingress) -> HashMap<Box<str>, ObjectKey> {
    let covered = |tls: &crate::api::ingress::IngressTls| -> BTreeSet<Box<str>> {
        tls.hosts.iter().filter_map(|host| table_form(host)).collect()
    };
    let entries: Vec<_> = ingress.spec.tls.iter().map(|tls| (covered(tls), tls.secret())).collect();
    let mut bindings = HashMap::new();
    for rule in ingress.spec.rules.iter().filter(|rule| !rule.hosts.is_empty()) {
        let hosts = rule_hosts(rule);
        let entry = entries.iter().find(|(covered, _)| hosts.iter().all(|host| covered.contains(host)));
        for host in entry.map(|_| hosts.as_slice()).unwrap_or_default() {
            if let Some((_, secret)) = entry {
                bindings.entry(host.clone()).or_insert_with(|| secret.clone());
            }
        }
    }
    bindings
}

/// The certificates of all served hosts, and the cell the data plane reads.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    cell: Arc<CertificateCell>,
    by_host: HashMap<Box<str>, Arc<Certificate>>,
    secret_of: HashMap<Box<str>, ObjectKey>,
    hosts_of: HashMap<ObjectKey, BTreeSet<Box<str>>>,
    loaded: HashMap<ObjectKey, Arc<Certificate>>,
    /// Secrets that lost their last host in this batch; another host may still be bound to them.
    unused: BTreeSet<ObjectKey>,
    changed: bool,
}

impl Certificates {
    /// The cell to hand to the data plane.
    pub(crate) fn cell(&self) -> Arc<CertificateCell> {
        Arc::clone(&self.cell)
    }

    /// Whether some served host is bound to the Secret.
    pub(crate) fn uses(&self, secret: &ObjectKey) -> bool {
        self.hosts_of.contains_key(secret)
    }

    /// Whether the Secret's certificate was read.
    pub(crate) fn is_loaded(&self, secret: &ObjectKey) -> bool {
        self.loaded.contains_key(secret)
    }

    /// Serves the host with the Secret's certificate from now on.
    pub(crate) fn bind(&mut self, host: Box<str>, secret: ObjectKey) {
        if self.secret_of.get(&host) == Some(&secret) {
            return;
        }
        self.unbind(&host);
        if let Some(certificate) = self.loaded.get(&secret) {
            self.by_host.insert(host.clone(), Arc::clone(certificate));
            self.changed = true;
        }
        self.hosts_of.entry(secret.clone()).or_default().insert(host.clone());
        self.secret_of.insert(host, secret);
    }

    /// Serves the host with no certificate from now on.
    pub(crate) fn unbind(&mut self, host: &str) {
        let Some(secret) = self.secret_of.remove(host) else { return };
        self.changed |= self.by_host.remove(host).is_some();
        if let Some(hosts) = self.hosts_of.get_mut(&secret) {
            hosts.remove(host);
            if hosts.is_empty() {
                self.hosts_of.remove(&secret);
                self.unused.insert(secret);
            }
        }
    }

    /// Takes a Secret's certificate for all hosts bound to it, or none when the Secret is gone.
    pub(crate) fn load(&mut self, secret: &ObjectKey, certificate: Option<Certificate>) {
        let certificate = certificate.map(Arc::new);
        for host in self.hosts_of.get(secret).into_iter().flatten() {
            match &certificate {
                Some(certificate) => drop(self.by_host.insert(host.clone(), Arc::clone(certificate))),
                None => drop(self.by_host.remove(host)),
            }
            self.changed = true;
        }
        match certificate {
            Some(certificate) => self.loaded.insert(secret.clone(), certificate),
            None => self.loaded.remove(secret),
        };
    }

    /// Puts all changes into effect at once.
    pub(crate) fn publish(&mut self) {
        for secret in std::mem::take(&mut self.unused) {
            if !self.hosts_of.contains_key(&secret) {
                self.loaded.remove(&secret);
            }
        }
        if std::mem::take(&mut self.changed) {
            self.cell.set(self.by_host.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use net_pingora_routing::HostName;
    use serde_json::{Value, json};

    use super::*;

    fn bound(tls: &Value, rules: &[&[&str]]) -> Vec<(String, String)> {
        let rules: Vec<_> = rules.iter().map(|hosts| json!({"hosts": hosts})).collect();
        let ingress: Ingress = serde_json::from_value(json!({"spec": {"tls": tls, "rules": rules}})).unwrap();
        let mut all: Vec<_> = bindings(&ingress)
            .into_iter()
            .map(|(host, secret)| (host.into_string(), secret.name.to_string()))
            .collect();
        all.sort();
        all
    }

    #[test]
    fn a_tls_entry_counts_only_when_it_covers_all_hosts_of_a_rule() {
        let entry = |hosts: &[&str], name: &str| json!({"hosts": hosts, "secretName": name, "secretNamespace": "ns"});
        let pairs =
            |all: &[(&str, &str)]| all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
        for (tls, rules, wanted) in [
            (json!([entry(&["a", "x"], "s")]), vec![&["A."][..]], pairs(&[("a", "s")])),
            (json!([entry(&["a"], "s")]), vec![&["a", "b"][..]], pairs(&[])),
            (
                json!([entry(&["a"], "s"), entry(&["b", "a"], "t")]),
                vec![&["a", "b"][..]],
                pairs(&[("a", "t"), ("b", "t")]),
            ),
            (json!([entry(&["a"], "s"), entry(&["a"], "t")]), vec![&["a"][..]], pairs(&[("a", "s")])),
            (json!([entry(&[], "s")]), vec![&[][..]], pairs(&[])),
        ] {
            assert_eq!(bound(&tls, &rules), wanted, "{tls} {rules:?}");
        }
    }

    #[test]
    fn a_host_follows_its_secret() {
        let made = |byte| Certificate { chain: vec![vec![byte]], key: Vec::new() };
        let secret = ObjectKey::new("ns", "s");
        let mut certificates = Certificates::default();
        let cell = certificates.cell();
        let found = |certificates: &mut Certificates| {
            certificates.publish();
            cell.find(&HostName::parse("a").unwrap()).map(|certificate| certificate.chain[0][0])
        };
        certificates.bind("a".into(), secret.clone());
        assert_eq!(found(&mut certificates), None);
        certificates.load(&secret, Some(made(1)));
        assert_eq!(found(&mut certificates), Some(1));
        certificates.load(&secret, Some(made(2)));
        assert_eq!(found(&mut certificates), Some(2));
        certificates.load(&secret, None);
        assert_eq!(found(&mut certificates), None);
        certificates.load(&secret, Some(made(3)));
        certificates.unbind("a");
        assert_eq!(found(&mut certificates), None);
        assert!(!certificates.uses(&secret) && certificates.loaded.is_empty());
    }
}
