//! The cells of all Service ports that some route sends to.

use std::collections::HashMap;
use std::sync::Arc;

use net_pingora_routing::{Backend, BackendKey, ObjectKey, ServicePort};

/// Backend cells, kept as long as a served KIngress refers to them.
#[derive(Debug, Default)]
pub(crate) struct Backends(HashMap<ObjectKey, Vec<Counted>>);

/// A cell and how often it is referred to.
#[derive(Debug)]
struct Counted {
    cell: Arc<Backend>,
    users: usize,
}

/// Where the cell of a port is, or would be: the cells of a Service are kept in the order of ports.
fn position(cells: &[Counted], port: &ServicePort) -> Result<usize, usize> {
    cells.binary_search_by(|counted| counted.cell.key.port.cmp(port))
}

impl Backends {
    /// The cell of a Service port, counted once more; a new one is handed to `fill` first.
    pub(crate) fn acquire(&mut self, key: BackendKey, fill: impl FnOnce(&Backend)) -> Arc<Backend> {
        let cells = self.0.entry(service_of(&key)).or_insert_with(|| Vec::with_capacity(1));
        let at = position(cells, &key.port).unwrap_or_else(|at| {
            let cell = Backend::new(key);
            fill(&cell);
            cells.insert(at, Counted { cell, users: 0 });
            at
        });
        let counted = &mut cells[at];
        counted.users += 1;
        Arc::clone(&counted.cell)
    }

    /// Counts a cell once less; the last one drops it.
    pub(crate) fn release(&mut self, key: &BackendKey) {
        let service = service_of(key);
        let Some(cells) = self.0.get_mut(&service) else { return };
        let Ok(at) = position(cells, &key.port) else { return };
        cells[at].users -= 1;
        if cells[at].users == 0 {
            cells.remove(at);
        }
        if cells.is_empty() {
            self.0.remove(&service);
        }
    }

    /// The Services with cells.
    pub(crate) fn services(&self) -> impl Iterator<Item = &ObjectKey> {
        self.0.keys()
    }

    /// The cells of a Service's ports.
    pub(crate) fn of_service(&self, service: &ObjectKey) -> impl Iterator<Item = &Arc<Backend>> {
        self.0.get(service).into_iter().flatten().map(|counted| &counted.cell)
    }
}

/// The Service a backend belongs to.
pub(crate) fn service_of(key: &BackendKey) -> ObjectKey {
    ObjectKey { namespace: Arc::clone(&key.namespace), name: Arc::clone(&key.service) }
}

#[cfg(test)]
mod tests {
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
        assert!(backends.0.is_empty());
        backends.release(&key(80));
    }
}
