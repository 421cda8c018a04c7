//! The cells of all Service ports that some route sends to.

use std::collections::HashMap;
use std::sync::Arc;

use net_pingora_routing::{Backend, BackendKey, ObjectKey};

use crate::few::Few;

/// Backend cells, kept as long as a served KIngress refers to them.
#[derive(Debug, Default)]
pub(crate) struct Backends {
    cells: HashMap<BackendKey, (Arc<Backend>, usize)>,
    of_service: HashMap<ObjectKey, Few<BackendKey>>,
}

impl Backends {
    /// The cell of a Service port, counted once more; a new one is handed to `fill` first.
    pub(crate) fn acquire(&mut self, key: BackendKey, fill: impl FnOnce(&Backend)) -> Arc<Backend> {
        if let Some((cell, users)) = self.cells.get_mut(&key) {
            *users += 1;
            return Arc::clone(cell);
        }
        let cell = Backend::new(key.clone());
        fill(&cell);
        self.of_service.entry(service_of(&key)).or_default().insert(key.clone());
        self.cells.insert(key, (Arc::clone(&cell), 1));
        cell
    }

    /// Counts a cell once less; the last one drops it.
    pub(crate) fn release(&mut self, key: &BackendKey) {
        let Some((_, users)) = self.cells.get_mut(key) else { return };
        *users -= 1;
        if *users > 0 {
            return;
        }
        self.cells.remove(key);
        let service = service_of(key);
        if let Some(keys) = self.of_service.get_mut(&service) {
            keys.remove(key);
            if keys.is_empty() {
                self.of_service.remove(&service);
            }
        }
    }

    /// The cells of a Service's ports.
    pub(crate) fn of_service(&self, service: &ObjectKey) -> impl Iterator<Item = &Arc<Backend>> {
        let keys = self.of_service.get(service).into_iter().flat_map(Few::iter);
        keys.filter_map(|key| self.cells.get(key)).map(|(cell, _)| cell)
    }
}

/// The Service a backend belongs to.
pub(crate) fn service_of(key: &BackendKey) -> ObjectKey {
    ObjectKey::new(&key.namespace, &key.service)
}

#[cfg(test)]
mod tests {
    use net_pingora_routing::ServicePort;

    use super::*;

    #[test]
    fn a_cell_lives_as_long_as_it_is_used_and_is_filled_once() {
        let key = |port| BackendKey { namespace: "ns".into(), service: "s".into(), port: ServicePort::Number(port) };
        let service = ObjectKey::new("ns", "s");
        let mut backends = Backends::default();
        let mut filled = 0;
        let first = backends.acquire(key(80), |_| filled += 1);
        let second = backends.acquire(key(80), |_| filled += 1);
        backends.acquire(key(81), |_| filled += 1);
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!((filled, backends.of_service(&service).count()), (2, 2));
        backends.release(&key(80));
        assert_eq!(backends.of_service(&service).count(), 2);
        backends.release(&key(80));
        backends.release(&key(81));
        assert_eq!(backends.of_service(&service).count(), 0);
        assert!(backends.of_service.is_empty());
        backends.release(&key(80));
    }
}
