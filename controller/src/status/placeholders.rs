//! Objects that Serving makes beside KIngresses: the Services that pods reach Routes by, and claims of domains.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use net_pingora_routing::ObjectKey;
use serde_json::{Value, json};

use super::board::Board;
use super::writer::{Work, Write};
use crate::api::route::ROUTE_LABEL;
use crate::api::{Kind, ObjectId, id};
use crate::engine::Engine;

/// When an object that could not be made is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// What is still to be made, while Serving is not there to make it.
#[derive(Debug, Default)]
pub struct Placeholders {
    /// Full name of our internal Service, to which they lead; `None` makes nothing.
    target: Option<Box<str>>,
    /// Routes and DomainMappings to be looked at.
    dirty: BTreeSet<ObjectKey>,
    /// To be looked at later.
    later: BTreeSet<(Instant, ObjectKey)>,
    /// What has been begun and not ended.
    making: BTreeSet<ObjectId>,
}

impl Placeholders {
    /// Makes them so that they lead to the Service of this name, if there is one.
    pub fn new(target: Option<Box<str>>) -> Self {
        Self { target, ..Self::default() }
    }

    /// These may have other hosts now, or lack something.
    pub fn applied<'a>(&mut self, affected: impl IntoIterator<Item = &'a ObjectKey>) {
        if self.target.is_some() {
            self.dirty.extend(affected.into_iter().cloned());
        }
    }

    /// Everything is to be looked at: who leads, or who is responsible, is another.
    pub fn reconsider(&mut self, engine: &Engine) {
        self.applied(engine.store().derived().map(|(key, _)| key));
    }

    /// When [`Placeholders::next`] is to be asked even if nothing happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.later.first().map(|(at, _)| *at)
    }

    /// The next object to make, if this replica is the leader and Serving is not there.
    pub fn next(&mut self, board: &Board, engine: &Engine, now: Instant) -> Option<Work> {
        while self.next_deadline().is_some_and(|at| at <= now) {
            self.dirty.extend(self.later.pop_first().map(|(_, key)| key));
        }
        while let Some(key) = self.dirty.first().cloned() {
            let may_write = board.leads() && engine.serves_routes();
            match self.lacking(&key, engine).filter(|_| may_write) {
                Some(work) => {
                    self.making.insert(work.id.clone());
                    return Some(work);
                }
                None => drop(self.dirty.pop_first()),
            }
        }
        None
    }

    fn lacking(&self, key: &ObjectKey, engine: &Engine) -> Option<Work> {
        let target = self.target.as_deref()?;
        let missing = engine.lacking_placeholders(key).into_iter().map(|name| {
            let id = id(Kind::Service, &ObjectKey { namespace: key.namespace.clone(), name: name.as_str().into() });
            (id, key.clone())
        });
        let claim = engine.lacking_claim(key).map(|domain| (id(Kind::ClusterDomainClaim, &domain), key.clone()));
        let (id, source) = missing.chain(claim).find(|(id, _)| !self.making.contains(id))?;
        let object = match id.kind {
            Kind::ClusterDomainClaim => claim_of(&id.key, &source),
            _ => service(&id.key, &source, &engine.uid_of(key)?, target),
        };
        Some(Work { id, write: Write::Make { source, object } })
    }

    /// An object has been made, or could not be.
    pub fn written(&mut self, id: &ObjectId, source: ObjectKey, succeeded: bool, now: Instant) {
        if succeeded {
            // The watch tells of it; until then it counts as being made.
            self.later.insert((now + RETRY, source));
            return;
        }
        self.making.remove(id);
        self.later.insert((now + RETRY, source));
    }

    /// The cluster has these objects now.
    pub fn seen(&mut self, ids: impl Iterator<Item = ObjectId>) {
        for id in ids {
            self.making.remove(&id);
        }
    }
}

/// knative.dev/serving `pkg/reconciler/route/resources/service.go`, leading to us.
fn service(key: &ObjectKey, route: &ObjectKey, uid: &str, target: &str) -> Value {
    let owner = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Route", "name": route.name, "uid": uid,
        "controller": true, "blockOwnerDeletion": true});
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": key.name, "namespace": key.namespace, "labels": {ROUTE_LABEL: route.name},
            "ownerReferences": [owner]},
        "spec": {"type": "ExternalName", "externalName": target, "sessionAffinity": "None",
            "ports": [{"name": "http2", "port": 80, "targetPort": 80, "appProtocol": "kubernetes.io/h2c"}]},
    })
}

fn claim_of(domain: &ObjectKey, mapping: &ObjectKey) -> Value {
    json!({
        "apiVersion": "networking.internal.knative.dev/v1alpha1",
        "kind": "ClusterDomainClaim",
        "metadata": {"name": domain.name},
        "spec": {"namespace": mapping.namespace},
    })
}
