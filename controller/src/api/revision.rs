//! Knative's Revision: what decides how its requests are held.

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::ObjectMeta;
use super::condition::Conditions;

/// `config-defaults` `revision-timeout-seconds`, which Serving writes into every Revision.
const TIMEOUT_SECONDS: u32 = 300;

/// The label with the name of the Configuration that a Revision was made for.
pub const CONFIGURATION_LABEL: &str = "serving.knative.dev/configuration";

/// The label with the Configuration's generation that a Revision was made of.
pub const GENERATION_LABEL: &str = "serving.knative.dev/configurationGeneration";

/// `serving.knative.dev/v1` Revision
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Revision {
    /// Name and namespace.
    pub metadata: ObjectMeta,
    /// What is asked for.
    pub spec: RevisionSpec,
    /// What Serving has found; empty where it does not run.
    pub status: Conditions,
}

/// `spec` of a Revision.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RevisionSpec {
    /// Requests that a pod takes at once; 0 any number.
    pub container_concurrency: u32,
    /// Seconds a request may take in all.
    pub timeout_seconds: Option<u32>,
    /// Its containers.
    pub containers: Vec<Container>,
}

/// What of a container tells when it is ready.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Asked while it runs.
    pub readiness_probe: Option<Probe>,
    /// Asked until it has started.
    pub startup_probe: Option<IgnoredAny>,
    /// The one port that requests go to.
    pub ports: Vec<ContainerPort>,
}

impl Container {
    /// A container of which no more is known than that it speaks HTTP/2.
    pub fn http2() -> Self {
        Self { ports: vec![ContainerPort { name: "h2c".to_owned() }], ..Self::default() }
    }
}

/// A port of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPort {
    /// `h2c` for HTTP/2; `http1` or empty otherwise.
    pub name: String,
}

/// A probe.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    /// It is a command, which only the kubelet can run.
    pub exec: Option<IgnoredAny>,
}

impl Revision {
    /// From the arrival of a request until it must have a pod.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.spec.timeout_seconds.unwrap_or(TIMEOUT_SECONDS).into())
    }

    /// The Configuration it was made for.
    pub fn configuration(&self) -> Option<&str> {
        self.metadata.labels.get(CONFIGURATION_LABEL)
    }

    /// Whether it speaks HTTP/2 (knative.dev/serving `pkg/apis/serving/v1/revision_helpers.go`, `GetProtocol`).
    pub fn is_http2(&self) -> bool {
        self.spec.containers.iter().find_map(|one| one.ports.first()).is_some_and(|port| port.name == "h2c")
    }

    /// Whether its queue-proxy knows all that the kubelet asks for
    /// (`knative.dev/serving` `pkg/activator/net/revision_backends.go`).
    pub fn queue_proxy_knows(&self) -> bool {
        let by_kubelet = |probe: &Option<Probe>| probe.as_ref().is_some_and(|probe| probe.exec.is_some());
        self.spec.containers.iter().all(|one| one.startup_probe.is_none() && !by_kubelet(&one.readiness_probe))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_queue_proxy_does_not_know_of_commands_and_of_probes_at_startup() {
        for (containers, knows) in [
            (json!([{}]), true),
            (json!([{"readinessProbe": {"tcpSocket": {"port": 0}}}]), true),
            (json!([{"readinessProbe": {"exec": {"command": ["true"]}}}]), false),
            (json!([{}, {"startupProbe": {"httpGet": {}}}]), false),
        ] {
            let revision: Revision = serde_json::from_value(json!({"spec": {"containers": containers}})).unwrap();
            assert_eq!(revision.queue_proxy_knows(), knows, "{containers}");
        }
    }
}
