//! Which changes the store may see: valid ones, of our class.

use std::sync::Arc;

use super::{Batch, Engine};
use crate::api::ingress::CLASS_ANNOTATION;
use crate::api::{FieldFault, Ingress, Kind, Object, ObjectId, validate};
use crate::fault::{Fault, Origin, one_line};
use crate::store::ObjectChange;

/// Whether objects of the kind are told what became of them, so that faults are kept.
fn is_answered(kind: Kind) -> bool {
    matches!(kind, Kind::Ingress | Kind::Route | Kind::KnativeService | Kind::DomainMapping)
}

impl Engine {
    /// The change as the store may see it: valid, with defaults, of our class.
    pub(super) fn admit(&mut self, change: ObjectChange, batch: &mut Batch) -> Option<ObjectChange> {
        let (object, origin) = match change {
            ObjectChange::Apply(object, origin) => (object, origin),
            ObjectChange::Unreadable(id, fault) => {
                self.reject(&id, &Origin::default(), vec![fault], batch);
                return None;
            }
            ObjectChange::Remove(id) => {
                self.accept(&id);
                return Some(ObjectChange::Remove(id));
            }
        };
        let id = object.id();
        let object = match object {
            Object::Ingress(ingress) => {
                if let Some(notice) = self.foreign(&ingress) {
                    batch.applied.notices.push(one_line(&notice));
                    self.accept(&id);
                    return Some(ObjectChange::Remove(id));
                }
                Object::Ingress(Arc::new(Arc::unwrap_or_clone(ingress).with_defaults()))
            }
            other => other,
        };
        let faults = validate(&object);
        if faults.is_empty() {
            self.accept(&id);
            return Some(ObjectChange::Apply(object, origin));
        }
        self.reject(&id, &origin, faults, batch);
        None
    }

    /// The latest version of the object is in the store, or it is gone.
    fn accept(&mut self, id: &ObjectId) {
        self.rejected.remove(id);
    }

    /// The latest version of the object cannot be used.
    fn reject(&mut self, id: &ObjectId, origin: &Origin, faults: Vec<FieldFault>, batch: &mut Batch) {
        batch.applied.faults.extend(faults.iter().map(|fault| Fault::of(id, origin, fault.clone())));
        if is_answered(id.kind) {
            batch.applied.affected.insert(id.key.clone());
            self.rejected.insert(id.clone(), faults);
        }
    }

    /// Why a KIngress is not ours, if it is not.
    fn foreign(&self, ingress: &Ingress) -> Option<String> {
        let key = ingress.metadata.key();
        let class = &self.class;
        match ingress.metadata.annotations.get(CLASS_ANNOTATION) {
            Some(given) if given == class => None,
            Some(given) => Some(format!(
                "Ingress {key} is left to its class {given:?}; to serve it here, write {CLASS_ANNOTATION}: {class}"
            )),
            None => Some(format!(
                "Ingress {key} has no class and is skipped; to serve it here, write the annotation {CLASS_ANNOTATION}: {class}"
            )),
        }
    }
}
