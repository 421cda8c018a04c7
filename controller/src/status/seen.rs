//! A KIngress as the API server has it, apart from its spec.

use net_pingora_replicas::Version;
use serde_json::Value;

use super::condition::{Conditions, Truth};

/// The finalizer that all implementations of Knative's ingress share.
///
/// knative.dev/networking generates it from the name of the resource; we never set it.
pub(super) const SHARED_FINALIZER: &str = "ingresses.networking.internal.knative.dev";

/// What is followed of a KIngress beside its content.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The latest version.
    pub version: Version,
    /// Its status.
    pub status: Status,
    /// Set when the object is being deleted and waits for the shared finalizer of another ingress.
    pub(super) release: Option<Release>,
}

/// How to let a KIngress go.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// The version of the object that this was read from.
    pub(super) resource_version: Box<str>,
    /// The finalizers of others.
    pub(super) others: Vec<String>,
}

/// `status` of a KIngress.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// The generation that the conditions are about.
    pub observed_generation: i64,
    /// The conditions.
    pub conditions: Conditions,
    /// Host names of the public and the private load balancer.
    pub(super) addresses: (Option<Box<str>>, Option<Box<str>>),
}

impl Seen {
    /// Reads an object of the API; what is missing has its default.
    pub(crate) fn read(object: &Value) -> Self {
        let at = |pointer: &str| object.pointer(pointer);
        let text = |pointer: &str| at(pointer).and_then(Value::as_str).unwrap_or_default();
        let number = |pointer: &str| at(pointer).and_then(Value::as_i64).unwrap_or_default();
        let address = |list: &str| {
            let first = at(&format!("/status/{list}/ingress/0/domainInternal"));
            first.and_then(Value::as_str).map(Into::into)
        };
        let status = Status {
            observed_generation: number("/status/observedGeneration"),
            conditions: Conditions::read(at("/status/conditions").unwrap_or(&Value::Null)),
            addresses: (address("publicLoadBalancer"), address("privateLoadBalancer")),
        };
        let version = Version { uid: text("/metadata/uid").into(), generation: number("/metadata/generation") };
        Self { version, status, release: release(object) }
    }

    /// Whether everybody takes it as ready: its status is about this generation, and good.
    pub fn is_ready(&self) -> bool {
        self.status.observed_generation == self.version.generation && self.status.conditions.ready.truth == Truth::True
    }
}

fn release(object: &Value) -> Option<Release> {
    object.pointer("/metadata/deletionTimestamp")?.as_str()?;
    let finalizers = object.pointer("/metadata/finalizers")?.as_array()?.iter().filter_map(Value::as_str);
    let (shared, others): (Vec<_>, Vec<_>) = finalizers.partition(|finalizer| *finalizer == SHARED_FINALIZER);
    let resource_version = object.pointer("/metadata/resourceVersion")?.as_str()?.into();
    let others = others.into_iter().map(str::to_owned).collect();
    (!shared.is_empty()).then_some(Release { resource_version, others })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ready_counts_only_for_its_own_generation() {
        for (generation, observed, ready, wanted) in
            [(2, 2, "True", true), (2, 1, "True", false), (2, 2, "Unknown", false)]
        {
            let object = json!({"metadata": {"generation": generation},
                "status": {"observedGeneration": observed, "conditions": [{"type": "Ready", "status": ready}]}});
            assert_eq!(Seen::read(&object).is_ready(), wanted, "{object}");
        }
        assert!(!Seen::read(&json!({})).is_ready() || Seen::read(&json!({})).version.generation == 0);
    }

    #[test]
    fn only_the_shared_finalizer_of_a_deleted_object_is_released() {
        let (now, other) = ("2026-01-01T00:00:00Z", "example.com/own");
        for (deleted, finalizers, wanted) in [
            (Some(now), vec![SHARED_FINALIZER, other], Some(vec![other.to_owned()])),
            (Some(now), vec![SHARED_FINALIZER], Some(vec![])),
            (Some(now), vec![other], None),
            (None, vec![SHARED_FINALIZER], None),
        ] {
            let object = json!({"metadata":
                {"deletionTimestamp": deleted, "finalizers": finalizers, "resourceVersion": "7"}});
            let release = Seen::read(&object).release;
            assert_eq!(release.map(|release| release.others), wanted, "{object}");
        }
    }
}
