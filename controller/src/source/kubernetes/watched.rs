//! Objects as a watch delivers them, cut to what is kept.

use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta as WireMeta;
use kube::core::NamespaceResourceScope;
use net_pingora_routing::ObjectKey;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::api::core::{REVISION_LABEL, SERVICE_NAME_LABEL, SERVICE_TYPE_LABEL};
use crate::api::ingress::CLASS_ANNOTATION;
use crate::api::revision::{CONFIGURATION_LABEL, Container, GENERATION_LABEL};
use crate::api::route::{MAPPING_LABEL, ROUTE_LABEL, SERVICE_LABEL, VISIBILITY_LABEL};
use crate::api::{
    ClusterDomainClaim, ConfigMap, Configuration, DomainMapping, EndpointSlice, Fields, Ingress, Kind, KnativeService,
    Object, ObjectId, ObjectMeta, Revision, Route, Secret, Service,
};
use crate::compile::route::rollout::{ROLLOUT_ANNOTATION, Rollout};
use crate::configure::CONFIG_PINGORA;
use crate::engine::{CONFIG_DOMAIN, CONFIG_FEATURES, OWN_DOMAIN_ANNOTATION};
use crate::trust::{CLIENT_AUTHORITIES_LABEL, CONFIG_NETWORK, TRUST_BUNDLE_LABEL};

/// Labels of ConfigMaps whose values are authorities.
const AUTHORITIES: [&str; 2] = [TRUST_BUNDLE_LABEL, CLIENT_AUTHORITIES_LABEL];

/// A kind that is watched.
pub(super) trait Watched: DeserializeOwned + Clone + Debug + Send + 'static {
    /// The kind.
    const KIND: Kind;
    /// Its group, version and plural in the API.
    const API: (&'static str, &'static str, &'static str);
    /// Drops what is not needed.
    fn trim(&mut self);
    /// The object.
    fn into_object(self) -> Object;
}

/// One object of a watch; what cannot be read stops no other.
#[derive(Clone, Debug)]
pub(super) struct Read<T> {
    /// Name, namespace and version, for the watch.
    wire: WireMeta,
    /// The object as JSON, until [`Read::content`] takes it.
    value: Value,
    kind: std::marker::PhantomData<T>,
}

impl<T: Watched> Read<T> {
    /// Which object it is.
    pub(super) fn id(&self) -> ObjectId {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        ObjectId { kind: T::KIND, key: ObjectKey::new(&text(&self.wire.namespace), &text(&self.wire.name)) }
    }

    /// The object's JSON.
    pub(super) fn value(&self) -> &Value {
        &self.value
    }

    /// The object.
    ///
    /// # Errors
    /// The field that cannot be read, and why.
    pub(super) fn content(self) -> Result<Object, (String, String)> {
        let mut content: T = serde_path_to_error::deserialize(self.value)
            .map_err(|error| (error.path().to_string(), error.inner().to_string()))?;
        content.trim();
        Ok(content.into_object())
    }
}

impl<'de, T> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        drop_nulls(&mut value);
        let text = |field: &str| Some(value.get("metadata")?.get(field)?.as_str()?.to_owned());
        let wire = WireMeta {
            name: text("name"),
            namespace: text("namespace"),
            resource_version: text("resourceVersion"),
            ..WireMeta::default()
        };
        Ok(Self { wire, value, kind: std::marker::PhantomData })
    }
}

/// Go writes lists and maps that are not set as `null`.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

impl<T: Watched> kube::Resource for Read<T> {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        T::KIND.to_string().into()
    }

    fn group((): &()) -> Cow<'_, str> {
        T::API.0.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        T::API.1.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        T::API.2.into()
    }

    fn meta(&self) -> &WireMeta {
        &self.wire
    }

    fn meta_mut(&mut self) -> &mut WireMeta {
        &mut self.wire
    }
}

/// Watched kinds of which everything that is read is also kept.
macro_rules! watched_whole {
    ($($kind:ident, $group:literal, $version:literal, $plural:literal;)*) => {$(
        impl Watched for $kind {
            const KIND: Kind = Kind::$kind;
            const API: (&'static str, &'static str, &'static str) = ($group, $version, $plural);

            fn trim(&mut self) {}

            fn into_object(self) -> Object {
                Object::$kind(Arc::new(self))
            }
        }
    )*};
}

watched_whole! {
    Route, "serving.knative.dev", "v1", "routes";
    KnativeService, "serving.knative.dev", "v1", "services";
    Configuration, "serving.knative.dev", "v1", "configurations";
    DomainMapping, "serving.knative.dev", "v1beta1", "domainmappings";
    ClusterDomainClaim, "networking.internal.knative.dev", "v1alpha1", "clusterdomainclaims";
}

/// Keeps the one annotation and the one label that are read.
fn trim(metadata: &mut ObjectMeta) {
    metadata.annotations.keep_only(CLASS_ANNOTATION);
    metadata.labels.keep_only(SERVICE_NAME_LABEL);
}

impl Ingress {
    /// A rollout that has ended is of no use to who takes over.
    fn keep_rollout(&mut self) {
        let text = self.metadata.annotations.get(ROLLOUT_ANNOTATION).unwrap_or_default();
        if Rollout::parse(text).is_none_or(|rollout| rollout.is_done()) {
            self.metadata.annotations.keep_only(CLASS_ANNOTATION);
        }
    }
}

impl Watched for Ingress {
    const KIND: Kind = Kind::Ingress;
    const API: (&'static str, &'static str, &'static str) =
        ("networking.internal.knative.dev", "v1alpha1", "ingresses");

    fn trim(&mut self) {
        self.keep_rollout();
        self.metadata.annotations.retain(&[CLASS_ANNOTATION, ROLLOUT_ANNOTATION]);
        self.metadata.labels.retain(&[ROUTE_LABEL, MAPPING_LABEL]);
    }

    fn into_object(self) -> Object {
        Object::Ingress(Arc::new(self.with_defaults()))
    }
}

impl Watched for Service {
    const KIND: Kind = Kind::Service;
    const API: (&'static str, &'static str, &'static str) = ("", "v1", "services");

    fn trim(&mut self) {
        // Of a revision's two Services the private one is asked for its revision.
        let of_revision: &[&str] = &[SERVICE_TYPE_LABEL, REVISION_LABEL];
        // A placeholder is asked for its Route, and who may see it.
        let others: &[&str] = &[ROUTE_LABEL, VISIBILITY_LABEL];
        self.metadata.labels.retain(if self.revision().is_some() { of_revision } else { others });
        self.metadata.annotations = Fields::default();
        unversioned(&mut self.metadata);
        if !self.spec.is_external_name() {
            self.spec.kind = String::new();
        }
    }

    fn into_object(self) -> Object {
        Object::Service(Arc::new(self))
    }
}

impl Watched for EndpointSlice {
    const KIND: Kind = Kind::EndpointSlice;
    const API: (&'static str, &'static str, &'static str) = ("discovery.k8s.io", "v1", "endpointslices");

    fn trim(&mut self) {
        trim_unversioned(&mut self.metadata);
    }

    fn into_object(self) -> Object {
        Object::EndpointSlice(Arc::new(self))
    }
}

impl Watched for Secret {
    const KIND: Kind = Kind::Secret;
    const API: (&'static str, &'static str, &'static str) = ("", "v1", "secrets");

    fn trim(&mut self) {
        trim_unversioned(&mut self.metadata);
    }

    fn into_object(self) -> Object {
        Object::Secret(Arc::new(self))
    }
}

impl Watched for ConfigMap {
    const KIND: Kind = Kind::ConfigMap;
    const API: (&'static str, &'static str, &'static str) = ("", "v1", "configmaps");

    fn trim(&mut self) {
        let is_bundle = AUTHORITIES.iter().any(|label| self.metadata.labels.get(label).is_some());
        if !is_bundle
            && ![CONFIG_NETWORK, CONFIG_PINGORA, CONFIG_DOMAIN, CONFIG_FEATURES].contains(&&*self.metadata.name)
        {
            self.data.clear();
        }
        self.metadata.annotations.keep_only(OWN_DOMAIN_ANNOTATION);
        self.metadata.labels.retain(&AUTHORITIES);
        let (uid, annotations) =
            (std::mem::take(&mut self.metadata.uid), std::mem::take(&mut self.metadata.annotations));
        unversioned(&mut self.metadata);
        (self.metadata.uid, self.metadata.annotations) = (uid, annotations);
        self.data.remove("_example");
    }

    fn into_object(self) -> Object {
        Object::ConfigMap(Arc::new(self))
    }
}

impl Watched for Revision {
    const KIND: Kind = Kind::Revision;
    const API: (&'static str, &'static str, &'static str) = ("serving.knative.dev", "v1", "revisions");

    fn trim(&mut self) {
        self.metadata.annotations = Fields::default();
        self.metadata.labels.retain(&[CONFIGURATION_LABEL, GENERATION_LABEL, SERVICE_LABEL]);
        self.metadata.uid = Arc::default();
        self.status.conditions.retain(|condition| condition.kind == "Ready");
        if self.queue_proxy_knows() {
            // All that is left to know is which protocol it speaks.
            let http2 = self.is_http2();
            self.spec.containers = if http2 { vec![Container::http2()] } else { Vec::new() };
        }
    }

    fn into_object(self) -> Object {
        Object::Revision(Arc::new(self))
    }
}

/// Of all kinds but KIngress nobody asks for a version.
fn trim_unversioned(metadata: &mut ObjectMeta) {
    trim(metadata);
    unversioned(metadata);
}

fn unversioned(metadata: &mut ObjectMeta) {
    *metadata = ObjectMeta {
        namespace: std::mem::take(&mut metadata.namespace),
        name: std::mem::take(&mut metadata.name),
        labels: std::mem::take(&mut metadata.labels),
        ..ObjectMeta::default()
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_keeps_only_what_is_read() {
        let object = json!({
            "metadata": {"namespace": "n", "name": "i", "uid": "u", "generation": 2, "resourceVersion": "7",
                "annotations": {CLASS_ANNOTATION: "c", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
                "labels": {"app": "x"}, "managedFields": [{}]},
            "spec": {"rules": [{"hosts": ["a"], "http": {"paths": [{"splits": [{"serviceName": "s"}]}]}}]},
        });
        let read: Read<Ingress> = serde_json::from_value(object).unwrap();
        assert_eq!(read.id(), ObjectId { kind: Kind::Ingress, key: ObjectKey::new("n", "i") });
        let Ok(Object::Ingress(ingress)) = read.content() else { panic!("not read") };
        assert_eq!(ingress.metadata.annotations.iter().count(), 1);
        assert!(ingress.metadata.labels.is_empty());
        assert_eq!((&*ingress.metadata.uid, ingress.metadata.generation), ("u", 2));
        assert_eq!(ingress.spec.rules[0].visibility, "ExternalIP");
    }

    #[test]
    fn null_is_what_is_not_set() {
        let object = json!({"metadata": {"namespace": "n", "name": "s", "labels": null}, "endpoints": null,
            "ports": [{"name": "http", "port": null}]});
        let read: Read<EndpointSlice> = serde_json::from_value(object).unwrap();
        let Ok(Object::EndpointSlice(slice)) = read.content() else { panic!("not read") };
        assert_eq!((slice.endpoints.len(), slice.ports.len()), (0, 1));
    }

    #[test]
    fn an_object_that_cannot_be_read_still_has_a_name() {
        let object = json!({"metadata": {"namespace": "n", "name": "s"}, "spec": {"ports": "none"}});
        let read: Read<Service> = serde_json::from_value(object).unwrap();
        assert_eq!(read.id().key, ObjectKey::new("n", "s"));
        assert_eq!(read.content().unwrap_err().0, "spec.ports");
    }
}
