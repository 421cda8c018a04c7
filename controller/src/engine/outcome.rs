//! What became of the latest version of a KIngress.

use std::fmt::Write;

use net_pingora_routing::{ObjectKey, Target};

use super::Engine;
use crate::api::ingress::Split;
use crate::api::{FieldFault, Ingress, Kind, Object, ObjectId};
use crate::compile::ingress::backend_key;
use crate::compile::secret;
use crate::references;

/// Why the latest version of a KIngress is not served in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The kind of trouble.
    pub trouble: Trouble,
    /// The objects and fields, what is wrong with them and what to do, on one line.
    pub message: String,
}

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Its fields do not make sense; the last good version stays.
    Invalid,
    /// The gateway is told to protect what it cannot protect.
    Unprotected,
    /// Another KIngress owns one of its hosts; the last good version stays.
    Conflict,
    /// A Secret that it names does not exist (or is not of type `kubernetes.io/tls`).
    NoSecret,
    /// A Secret that it names holds no usable certificate.
    BadSecret,
    /// A Service, or the port of one, that it names does not exist.
    NoBackend,
    /// A Service that gets traffic has no ready endpoint.
    NoEndpoints,
    /// Its pods are to prove who they are, and nobody is trusted to vouch for them.
    NoAuthority,
}

/// How many faults a message names before it only counts them.
const NAMED: usize = 3;

impl Engine {
    /// Whether this is the latest version already.
    pub fn is_current(&self, object: &Object) -> bool {
        !self.rejected.contains_key(&object.id()) && self.store.holds(object)
    }

    /// Whether some version of the object is known, be it an unusable one.
    pub fn knows(&self, id: &ObjectId) -> bool {
        self.store.has(id) || self.rejected.contains_key(id)
    }

    /// All objects of a kind, those of which no version can be used included.
    pub fn known(&self, kind: Kind) -> impl Iterator<Item = &ObjectKey> {
        let rejected = self.rejected.keys().filter(move |id| id.kind == kind).map(|id| &id.key);
        self.store.keys(kind).chain(rejected)
    }

    /// What became of the latest version; `Ok` when it is served and all that it refers to is there.
    ///
    /// # Errors
    /// The first problem, by the order of [`Trouble`].
    pub fn outcome(&self, key: &ObjectKey) -> Result<(), Problem> {
        if let Some(faults) = self.rejected.get(&ObjectId { kind: Kind::Ingress, key: key.clone() }) {
            return Err(problem(Trouble::Invalid, faults));
        }
        let Some((ingress, _)) = self.store.ingress(key) else { return Ok(()) };
        if !self.configured.refused.is_empty() {
            return Err(problem(Trouble::Unprotected, &self.configured.refused));
        }
        if let Some((host, owner)) = self.claims.refusal(key) {
            return Err(problem(Trouble::Conflict, &[references::conflict(ingress, &host, &self.source_of(&owner))]));
        }
        for (trouble, faults) in [
            (Trouble::NoSecret, references::secrets(ingress, &self.store)),
            (Trouble::BadSecret, self.bad_secrets(ingress)),
            (Trouble::NoBackend, references::backends(ingress, &self.store)),
            (Trouble::NoEndpoints, self.idle_backends(ingress)),
            (Trouble::NoAuthority, self.untrusted_backends(ingress)),
        ] {
            if !faults.is_empty() {
                return Err(problem(trouble, &faults));
            }
        }
        Ok(())
    }

    fn bad_secrets(&self, ingress: &Ingress) -> Vec<FieldFault> {
        let secrets = ingress.secrets().into_iter();
        let bad = secrets.filter_map(|key| {
            let (found, _) = self.store.secret(&key)?;
            let fault = secret::certificate(found).err()?;
            Some(FieldFault::new(format!("Secret {key} {}", fault.path), fault.problem, fault.fix))
        });
        bad.collect()
    }

    fn idle_backends(&self, ingress: &Ingress) -> Vec<FieldFault> {
        let mut faults: Vec<FieldFault> = Vec::new();
        for split in loaded_splits(ingress).filter(|split| !self.is_there(split)) {
            let problem = format!("Service {} has no ready endpoint on port {}", split.service(), split.service_port);
            if faults.iter().all(|fault| fault.problem != problem) {
                faults.push(FieldFault::new("", problem, "it is served as soon as a pod of it is ready"));
            }
        }
        faults
    }

    fn untrusted_backends(&self, ingress: &Ingress) -> Vec<FieldFault> {
        let encrypted = ingress.paths().any(|(_, _, path)| !path.is_plain());
        self.upstreams.trust.problem().filter(|_| encrypted).into_iter().collect()
    }

    /// Whether some request could be sent to the split's backend now.
    pub(super) fn is_there(&self, split: &Split) -> bool {
        match self.upstreams.resolver(&self.store).resolve(&backend_key(split), &Target::Internal).target {
            Target::Endpoints(endpoints) => !endpoints.as_slice().is_empty(),
            Target::Missing(_) => false,
            // Requests wait until there is a pod.
            Target::Revision(_) | Target::Internal | Target::Name { .. } => true,
        }
    }
}

/// The splits that get traffic.
pub(super) fn loaded_splits(ingress: &Ingress) -> impl Iterator<Item = &Split> {
    ingress.paths().flat_map(|(_, _, path)| &path.splits).filter(|split| split.percent > 0)
}

fn problem(trouble: Trouble, faults: &[FieldFault]) -> Problem {
    Problem { trouble, message: told(faults) }
}

/// Faults for people, on one line.
pub(super) fn told(faults: &[FieldFault]) -> String {
    let mut message = String::new();
    for fault in faults.iter().take(NAMED) {
        let separator = if message.is_empty() { "" } else { ". " };
        let field = if fault.path.is_empty() { String::new() } else { format!("{}: ", fault.path) };
        // Writing to a String does not fail.
        let _ = write!(message, "{separator}{field}{}; {}", fault.problem, fault.fix);
    }
    if faults.len() > NAMED {
        let _ = write!(message, ". And {} more", faults.len() - NAMED);
    }
    message.split(char::is_control).collect::<Vec<_>>().join(" ")
}
