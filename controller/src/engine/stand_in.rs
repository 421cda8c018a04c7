//! What listeners that stand in for Knative's activator serve: each revision by its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use net_pingora_routing::{Backend, BackendKey, Change, Host, ObjectKey, Path, Publisher, ServicePort, TableCell};

use super::{Batch, Engine};
use crate::api::core::Service;
use crate::compile::revision::ready_addresses;
use crate::store::Touched;

/// The Service whose endpoints are all activators.
pub(super) const ACTIVATOR_SERVICE: &str = "activator-service";

/// Revisions that are served by name, and the backend of each.
#[derive(Debug, Default)]
pub(super) struct ByName {
    publisher: Publisher,
    backends: BTreeMap<ObjectKey, Arc<Backend>>,
    /// Activators that are not ours.
    strangers: usize,
}

impl ByName {
    /// The table of revisions, each as a host `name.namespace`.
    pub(super) fn table(&self) -> Arc<TableCell> {
        self.publisher.cell()
    }

    /// Frees replaced tables that no request reads any more.
    pub(super) fn reclaim(&mut self) {
        self.publisher.reclaim();
    }
}

impl Engine {
    /// Adds what depends on who the activators are: which of us gives out whose pods. Says so when others than we come
    /// or go.
    pub(super) fn refresh_keepers(&mut self, touched: &mut Touched, batch: &mut Batch) {
        self.refresh_activators(touched);
        let Some(holds) = &self.upstreams.holds else { return };
        if !touched.endpoints.contains(&holds.activators) && !touched.endpoints.contains(&holds.ours) {
            return;
        }
        touched.endpoints.extend(self.by_name.backends.keys().cloned());
        let all = ready_addresses(&self.store, &holds.activators);
        let ours = ready_addresses(&self.store, &holds.ours);
        let strangers = all.difference(&ours).count();
        if std::mem::replace(&mut self.by_name.strangers, strangers) != strangers {
            let all = all.len();
            batch
                .applied
                .notices
                .push(format!("{strangers} of {all} endpoints of {} are activators other than ours", holds.activators));
        }
    }

    /// Takes note that the last activator has gone, or that the first is there.
    fn refresh_activators(&mut self, touched: &mut Touched) {
        let activators = ObjectKey::new(&self.system_namespace, ACTIVATOR_SERVICE);
        if !touched.endpoints.contains(&activators) {
            return;
        }
        let none = ready_addresses(&self.store, &activators).is_empty();
        if std::mem::replace(&mut self.upstreams.no_activators, none) != none {
            touched.endpoints.extend(self.backends.services().cloned());
        }
    }

    /// Serves revisions that are new, as they are now, and those that are gone no more.
    pub(super) fn refresh_revisions(&mut self, touched: &Touched) {
        if self.upstreams.holds.is_none() {
            return;
        }
        let mut changes = Vec::new();
        for revision in &touched.revisions {
            let wanted = self.backend_by_name(revision);
            let served = self.by_name.backends.get(revision).map(|backend| backend.key.clone());
            if wanted == served {
                continue;
            }
            if let Some(served) = served {
                self.by_name.backends.remove(revision);
                self.backends.release(&served);
                changes.push(Change::Remove(host_name(revision)));
            }
            if let Some(wanted) = wanted {
                let backend = self.acquire(wanted);
                changes.push(Change::Set(host(revision, &backend)));
                self.by_name.backends.insert(revision.clone(), backend);
            }
        }
        if !changes.is_empty() {
            self.by_name.publisher.publish(changes);
        }
    }

    /// The port of its public Service that a revision is reached by.
    fn backend_by_name(&self, revision: &ObjectKey) -> Option<BackendKey> {
        self.store.revision(revision)?;
        let port = port(self.store.service(revision)?, self.upstreams.trust.is_enabled())?;
        let (namespace, service) = (Arc::clone(&revision.namespace), Arc::clone(&revision.name));
        Some(BackendKey { namespace, service, port: ServicePort::Number(port) })
    }

    fn acquire(&mut self, key: BackendKey) -> Arc<Backend> {
        self.backends.acquire(key, |cell| cell.set(self.upstreams.next(cell, &self.store)))
    }
}

/// `https` where traffic inside the cluster is encrypted, otherwise what is not.
fn port(service: &Service, encrypted: bool) -> Option<u16> {
    let wanted: &[&str] = if encrypted { &["https"] } else { &["http", "http2"] };
    let port = service.spec.ports.iter().find(|port| wanted.contains(&port.name.as_str()))?;
    u16::try_from(port.port).ok()
}

fn host_name(revision: &ObjectKey) -> Box<str> {
    format!("{}.{}", revision.name, revision.namespace).into()
}

fn host(revision: &ObjectKey, backend: &Arc<Backend>) -> Arc<Host> {
    Host::new(&host_name(revision), [(Arc::new(Path::to_backend(revision, backend)), false)])
}
