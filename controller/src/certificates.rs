//! Which certificate each host is served with.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use net_pingora_routing::{Listener, ObjectKey};
use net_pingora_tls::{CertificateCell, CertificateCells, Certificates as Shown};
use rustls::RootCertStore;
use rustls::sign::CertifiedKey;

use crate::api::Ingress;
use crate::compile::ingress::{rule_hosts, table_form};

/// Who is shown a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Audience {
    /// Clients of this kind of listener.
    pub(crate) listener: Listener,
    /// That ask for this host, in the table's form; `None` for those that ask for no host that has a certificate.
    pub(crate) host: Option<Arc<str>>,
}

/// The certificates that a KIngress shows, by audience, with the Secret each is in.
///
/// A `tls` entry counts for a rule only when it covers all of the rule's hosts; of several, the first.
/// One that has `*.example.com` covers every host with one label more (RFC 6125 §6.4.3).
pub(crate) fn bindings(ingress: &Ingress) -> BTreeMap<Audience, ObjectKey> {
    let entries: Vec<_> = ingress.spec.tls.iter().map(|tls| (Covered::new(&tls.hosts), tls.secret())).collect();
    let mut bindings = BTreeMap::new();
    for rule in ingress.spec.rules.iter().filter(|rule| !rule.hosts.is_empty()) {
        let hosts = rule_hosts(rule);
        let entry = entries.iter().find(|(covered, _)| hosts.iter().all(|host| covered.has(host)));
        let Some((_, secret)) = entry else { continue };
        let listeners: &[_] =
            if rule.is_public() { &[Listener::External, Listener::Internal] } else { &[Listener::Internal] };
        for host in hosts.into_iter().map(Arc::<str>::from) {
            for &listener in listeners {
                let audience = Audience { listener, host: Some(Arc::clone(&host)) };
                bindings.entry(audience).or_insert_with(|| secret.clone());
            }
        }
    }
    bindings
}

/// The hosts of a `tls` entry.
struct Covered(BTreeSet<Box<str>>);

impl Covered {
    fn new(hosts: &[String]) -> Self {
        let form = |host: &String| match host.strip_prefix("*.") {
            Some(domain) => table_form(domain).map(|domain| format!("*.{domain}").into()),
            None => table_form(host),
        };
        Self(hosts.iter().filter_map(form).collect())
    }

    fn has(&self, host: &str) -> bool {
        let wildcard = || host.split_once('.').is_some_and(|(_, domain)| self.0.contains(&*format!("*.{domain}")));
        self.0.contains(host) || wildcard()
    }
}

/// The certificates of all served hosts, and the cell the data plane reads.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    secret_of: HashMap<Audience, ObjectKey>,
    audiences_of: HashMap<ObjectKey, BTreeSet<Audience>>,
    loaded: HashMap<ObjectKey, Arc<CertifiedKey>>,
    /// What is shown from the next [`Certificates::publish`] on, by kind of listener.
    external: Next,
    internal: Next,
    /// Secrets that lost their last audience in this batch; another may still be bound to them.
    unused: BTreeSet<ObjectKey>,
    client_authorities: Arc<ArcSwapOption<RootCertStore>>,
}

/// What a kind of listener shows next.
#[derive(Debug, Default)]
struct Next {
    cell: Arc<CertificateCell>,
    shown: Shown,
    changed: bool,
}

impl Next {
    fn show(&mut self, host: Option<&Arc<str>>, certificate: Option<Arc<CertifiedKey>>) {
        match (host, certificate) {
            (None, certificate) => self.shown.default = certificate,
            (Some(host), Some(certificate)) => drop(self.shown.by_host.insert(Arc::clone(host), certificate)),
            (Some(host), None) => drop(self.shown.by_host.remove(host)),
        }
        self.changed = true;
    }
}

impl Certificates {
    /// The cells to hand to the data plane.
    pub(crate) fn cells(&self) -> CertificateCells {
        CertificateCells {
            external: Arc::clone(&self.external.cell),
            internal: Arc::clone(&self.internal.cell),
            client_authorities: Arc::clone(&self.client_authorities),
        }
    }

    /// From now on these vouch for clients outside.
    pub(crate) fn trust_clients_of(&self, authorities: Option<Arc<RootCertStore>>) {
        self.client_authorities.store(authorities);
    }

    /// Whether the Secret is shown to somebody.
    pub(crate) fn uses(&self, secret: &ObjectKey) -> bool {
        self.audiences_of.contains_key(secret)
    }

    /// Whether the Secret is shown to clients that ask for no host that has a certificate.
    pub(crate) fn is_default(&self, secret: &ObjectKey) -> bool {
        self.audiences_of.get(secret).into_iter().flatten().any(|audience| audience.host.is_none())
    }

    /// Whether the Secret's certificate was read.
    pub(crate) fn is_loaded(&self, secret: &ObjectKey) -> bool {
        self.loaded.contains_key(secret)
    }

    /// Shows the Secret's certificate from now on.
    pub(crate) fn bind(&mut self, audience: Audience, secret: ObjectKey) {
        if self.secret_of.get(&audience) == Some(&secret) {
            return;
        }
        self.unbind(&audience);
        if let Some(certificate) = self.loaded.get(&secret).map(Arc::clone) {
            self.show(&audience, Some(certificate));
        }
        self.audiences_of.entry(secret.clone()).or_default().insert(audience.clone());
        self.secret_of.insert(audience, secret);
    }

    /// Shows no certificate from now on.
    pub(crate) fn unbind(&mut self, audience: &Audience) {
        let Some(secret) = self.secret_of.remove(audience) else { return };
        self.show(audience, None);
        if let Some(audiences) = self.audiences_of.get_mut(&secret) {
            audiences.remove(audience);
            if audiences.is_empty() {
                self.audiences_of.remove(&secret);
                self.unused.insert(secret);
            }
        }
    }

    /// Takes a Secret's certificate for all it is shown to, or none when the Secret is gone.
    pub(crate) fn load(&mut self, secret: &ObjectKey, certificate: Option<CertifiedKey>) {
        let certificate = certificate.map(Arc::new);
        for audience in self.audiences_of.get(secret).cloned().into_iter().flatten() {
            self.show(&audience, certificate.clone());
        }
        match certificate {
            Some(certificate) => self.loaded.insert(secret.clone(), certificate),
            None => self.loaded.remove(secret),
        };
    }

    fn show(&mut self, audience: &Audience, certificate: Option<Arc<CertifiedKey>>) {
        let next = match audience.listener {
            Listener::External => &mut self.external,
            Listener::Internal | Listener::Activator => &mut self.internal,
        };
        next.show(audience.host.as_ref(), certificate);
    }

    /// Puts all changes into effect at once.
    pub(crate) fn publish(&mut self) {
        for secret in std::mem::take(&mut self.unused) {
            if !self.audiences_of.contains_key(&secret) {
                self.loaded.remove(&secret);
            }
        }
        for next in [&mut self.external, &mut self.internal] {
            if std::mem::take(&mut next.changed) {
                next.cell.set(next.shown.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Listener, host and Secret of every binding; the rules are `host host...`, `-` before those of the cluster.
    fn bound(tls: &Value, rules: &[&str]) -> String {
        let rule = |text: &&str| {
            let visibility = if text.starts_with('-') { "ClusterLocal" } else { "ExternalIP" };
            json!({"visibility": visibility, "hosts": text.trim_start_matches('-').split_whitespace().collect::<Vec<_>>()})
        };
        let rules: Vec<_> = rules.iter().map(rule).collect();
        let ingress: Ingress = serde_json::from_value(json!({"spec": {"tls": tls, "rules": rules}})).unwrap();
        let text = |(audience, secret): (Audience, ObjectKey)| {
            let kind = if audience.listener == Listener::External { "+" } else { "-" };
            format!("{kind}{}={}", audience.host.unwrap(), secret.name)
        };
        bindings(&ingress).into_iter().map(text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_tls_entry_counts_only_when_it_covers_all_hosts_of_a_rule() {
        let entry = |hosts: &[&str], name: &str| json!({"hosts": hosts, "secretName": name, "secretNamespace": "ns"});
        for (tls, rules, wanted) in [
            (json!([entry(&["a", "x"], "s")]), &["A."][..], "+a=s -a=s"),
            (json!([entry(&["a"], "s")]), &["a b"], ""),
            (json!([entry(&["a"], "s"), entry(&["b", "a"], "t")]), &["-a b"], "-a=t -b=t"),
            (json!([entry(&["a"], "s"), entry(&["a"], "t")]), &["-a"], "-a=s"),
            (json!([entry(&["a"], "s")]), &["a", "-a"], "+a=s -a=s"),
            (json!([entry(&[], "s")]), &[""], ""),
            (json!([entry(&["*.Example."], "s")]), &["-a.example", "-b.a.example", "-example"], "-a.example=s"),
        ] {
            assert_eq!(bound(&tls, rules), wanted, "{tls} {rules:?}");
        }
    }

    fn made() -> CertifiedKey {
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        CertifiedKey::from_der(vec![made.cert.der().clone()], key, &rustls::crypto::ring::default_provider()).unwrap()
    }

    #[test]
    fn a_host_follows_its_secret() {
        let secret = ObjectKey::new("ns", "s");
        let audience = Audience { listener: Listener::Internal, host: Some("a".into()) };
        let mut certificates = Certificates::default();
        let cells = certificates.cells();
        let shown = |certificates: &mut Certificates| {
            certificates.publish();
            assert!(cells.external.find(Some("a")).is_none());
            cells.internal.find(Some("a")).map(|certificate| certificate.cert.clone())
        };
        let (first, second) = (made(), made());
        let chains = [first.cert.clone(), second.cert.clone()].map(Some);
        certificates.bind(audience.clone(), secret.clone());
        assert_eq!(shown(&mut certificates), None);
        certificates.load(&secret, Some(first));
        assert_eq!(shown(&mut certificates), chains[0]);
        certificates.load(&secret, Some(second));
        assert_eq!(shown(&mut certificates), chains[1]);
        certificates.load(&secret, None);
        assert_eq!(shown(&mut certificates), None);
        certificates.load(&secret, Some(made()));
        certificates.unbind(&audience);
        assert_eq!(shown(&mut certificates), None);
        assert!(!certificates.uses(&secret) && certificates.loaded.is_empty());
    }

    #[test]
    fn who_names_no_known_host_is_shown_the_default() {
        let (default, own) = (ObjectKey::new("ns", "default"), ObjectKey::new("ns", "own"));
        let mut certificates = Certificates::default();
        let cells = certificates.cells();
        certificates.bind(Audience { listener: Listener::External, host: None }, default.clone());
        certificates.bind(Audience { listener: Listener::External, host: Some("a".into()) }, own.clone());
        for secret in [&default, &own] {
            certificates.load(secret, Some(made()));
        }
        certificates.publish();
        let of = |name| cells.external.find(name).map(|certificate| certificate.cert.clone());
        assert!(of(None).is_some() && of(None) == of(Some("b")) && of(None) != of(Some("a")));
        assert!(cells.internal.find(None).is_none());
        assert!(certificates.is_default(&default) && !certificates.is_default(&own));
    }
}
