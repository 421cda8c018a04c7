//! What changed objects mean for TLS, with clients and with upstreams.

use std::collections::BTreeSet;

use net_pingora_routing::{Listener, ObjectKey};

use super::{Batch, DefaultCertificates, Engine};
use crate::api::{Ingress, Kind, id};
use crate::certificates::{Audience, bindings};
use crate::compile::secret;
use crate::fault::Origin;
use crate::references;
use crate::store::Touched;
use crate::trust::{self, Reread};

impl Engine {
    /// Shows these certificates to clients that ask for no host that has one.
    pub(super) fn bind_defaults(&mut self, defaults: DefaultCertificates) {
        let DefaultCertificates { external, internal } = defaults;
        for (listener, secret) in [(Listener::External, external), (Listener::Internal, internal)] {
            let others = Audience { listener, host: None };
            match secret {
                Some(secret) => {
                    self.certificates.bind(others, secret.clone());
                    self.unread.insert(secret);
                }
                None => self.certificates.unbind(&others),
            }
        }
    }

    /// Takes over what `config-network` and the sources of trust say; it is about every backend.
    pub(super) fn refresh_trust(&mut self, touched: &mut Touched, batch: &mut Batch) {
        if !trust::is_touched(&self.system_namespace, touched) {
            return;
        }
        let Reread { changed, faults } = self.upstreams.trust.read(&self.system_namespace, &self.store);
        let clients = self.client_trust.read(&self.system_namespace, &self.store);
        for (id, fault) in faults.into_iter().chain(clients.faults) {
            batch.fault(&id, &Origin::default(), fault);
        }
        if changed {
            touched.endpoints.extend(self.backends.services().cloned());
            touched.revisions.extend(self.store.keys(Kind::Revision).cloned());
        }
        if clients.changed {
            self.certificates.trust_clients_of(self.client_trust.roots());
        }
    }

    /// Takes certificates off hosts that a new version gives up, before others get those hosts.
    pub(super) fn unbind_outdated(&mut self, key: &ObjectKey, next: &Ingress) {
        let Some(served) = self.served.get(key) else { return };
        let stays = bindings(next);
        for audience in served.certificates.iter().filter(|audience| !stays.contains_key(*audience)) {
            self.certificates.unbind(audience);
        }
    }

    /// Reads the Secrets that changed or that a host was bound to; a bad one leaves what was there.
    pub(super) fn refresh_certificates(&mut self, touched: &Touched, batch: &mut Batch) {
        let fresh: BTreeSet<_> = std::mem::take(&mut self.unread);
        let unread = fresh.into_iter().filter(|secret| !self.certificates.is_loaded(secret));
        let all: BTreeSet<_> = unread.chain(touched.secrets.iter().cloned()).collect();
        for key in all.iter().filter(|key| self.certificates.uses(key)).collect::<Vec<_>>() {
            match self.store.secret(key) {
                None => {
                    self.certificates.load(key, None);
                    if self.certificates.is_default(key) {
                        batch.fault(&id(Kind::Secret, key), &Origin::default(), references::no_default_certificate());
                    }
                }
                Some((secret, origin)) => match secret::certificate(secret) {
                    Ok(certificate) => self.certificates.load(key, Some(certificate)),
                    Err(fault) => batch.fault(&id(Kind::Secret, key), origin, fault),
                },
            }
        }
    }
}
