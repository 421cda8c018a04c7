//! Knative's Route, and the Service and Configuration that stand behind it.

mod validate;

use net_pingora_routing::ObjectKey;
use serde::{Deserialize, Serialize};

use super::ObjectMeta;
use super::condition::Conditions;

pub(super) use self::validate::{Owner, validate};

/// The label with the name of the Knative Service that an object was made for.
pub const SERVICE_LABEL: &str = "serving.knative.dev/service";

/// The label with the name of the Route that a placeholder Service or a KIngress was made for.
pub const ROUTE_LABEL: &str = "serving.knative.dev/route";

/// The label of a KIngress that was made for a DomainMapping.
pub const MAPPING_LABEL: &str = "serving.knative.dev/domainMappingUID";

/// The label that makes a Route, or one target of it by its placeholder Service, cluster-local.
pub const VISIBILITY_LABEL: &str = "networking.knative.dev/visibility";

/// `serving.knative.dev/v1` Route
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Route {
    /// Name, namespace, labels and annotations, all of which decide about hosts.
    pub metadata: ObjectMeta,
    /// What it routes to.
    pub spec: RouteSpec,
}

/// `spec` of a Route, and the part of a Knative Service's that it gets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteSpec {
    /// Targets; only a Knative Service may leave them out.
    pub traffic: Vec<TrafficTarget>,
}

/// One target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrafficTarget {
    /// Gives the target a host of its own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tag: String,
    /// A pinned revision.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub revision_name: String,
    /// Its latest ready revision.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub configuration_name: String,
    /// Whether it follows a Configuration; as `revisionName` has it when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_revision: Option<bool>,
    /// Share of the requests to the Route's own host; absent is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<i64>,
    /// Only in status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl TrafficTarget {
    /// Whether it follows a Configuration (knative.dev/serving `pkg/apis/serving/v1/route_defaults.go`).
    pub fn is_latest(&self) -> bool {
        self.latest_revision.unwrap_or(self.revision_name.is_empty())
    }
}

/// `serving.knative.dev/v1` Service, called ksvc to tell it from core Kubernetes' Service
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KnativeService {
    /// Name, namespace, labels and annotations, which its Route gets.
    pub metadata: ObjectMeta,
    /// The Route's part of it.
    pub spec: RouteSpec,
}

/// `serving.knative.dev/v1` Configuration
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Configuration {
    /// Name and namespace.
    pub metadata: ObjectMeta,
    /// What Serving has found.
    pub status: ConfigurationStatus,
}

/// `status` of a Configuration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigurationStatus {
    /// Newest revision that has become ready.
    pub latest_ready_revision_name: String,
    /// `Ready` among them.
    #[serde(flatten)]
    pub conditions: Conditions,
}

impl KnativeService {
    /// The Route that Serving makes of it (knative.dev/serving `pkg/reconciler/service/resources/route.go`).
    pub fn route(&self) -> Route {
        let mut metadata = self.metadata.clone();
        metadata.labels = metadata.labels.with(SERVICE_LABEL, &self.metadata.name);
        let mut traffic = self.spec.traffic.clone();
        if traffic.is_empty() {
            traffic.push(TrafficTarget { percent: Some(100), ..TrafficTarget::default() });
        }
        for target in traffic.iter_mut().filter(|target| target.revision_name.is_empty()) {
            target.configuration_name = self.metadata.name.to_string();
        }
        Route { metadata, spec: RouteSpec { traffic } }
    }
}

impl Route {
    /// The Configuration or Revision of its namespace with this name.
    pub(crate) fn sibling(&self, name: &str) -> ObjectKey {
        ObjectKey { namespace: self.metadata.namespace.clone(), name: name.into() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_route_of_a_ksvc_follows_the_configuration_of_its_name_and_bears_its_label() {
        for (traffic, wanted) in [
            (json!([]), json!([{"configurationName": "hello", "percent": 100}])),
            (
                json!([{"revisionName": "hello-1", "percent": 90}, {"latestRevision": true, "percent": 10, "tag": "t"}]),
                json!([{"revisionName": "hello-1", "percent": 90},
                    {"configurationName": "hello", "latestRevision": true, "percent": 10, "tag": "t"}]),
            ),
        ] {
            let object = json!({"metadata": {"name": "hello", "labels": {"a": "b"}}, "spec": {"traffic": traffic}});
            let route = serde_json::from_value::<KnativeService>(object).unwrap().route();
            assert_eq!(serde_json::to_value(&route.spec.traffic).unwrap(), wanted);
            let labels: Vec<_> = route.metadata.labels.iter().collect();
            assert_eq!(labels, [("a", "b"), (SERVICE_LABEL, "hello")]);
        }
    }

    #[test]
    fn a_target_without_a_revision_is_the_latest() {
        for (target, wanted) in [
            (json!({"revisionName": "a"}), false),
            (json!({"configurationName": "a"}), true),
            (json!({"latestRevision": false}), false),
        ] {
            assert_eq!(
                serde_json::from_value::<TrafficTarget>(target.clone()).unwrap().is_latest(),
                wanted,
                "{target}"
            );
        }
    }
}
