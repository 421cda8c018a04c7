//! Objects of a cluster, through its API.

use std::fmt;

use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use serde_json::Value;
use tokio::task::JoinSet;

use super::Error;
use super::written::{name, text};

/// Who changes what, for the API server (server-side apply's field manager).
const MANAGER: &str = "loadtest";

const NOT_FOUND: u16 = 404;

/// The objects of one run.
pub(crate) struct Kubernetes {
    client: Client,
    /// Objects that may be there, in the order in which they were written.
    written: Vec<Object>,
    /// Requests that were sent.
    under_way: JoinSet<kube::Result<DynamicObject>>,
}

/// Which object it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Object {
    kind: ApiResource,
    namespace: String,
    name: String,
}

impl Kubernetes {
    /// A client of the cluster of KUBECONFIG, or of the one this pod runs in.
    pub(crate) async fn connect() -> Result<Self, Error> {
        let config = Config::infer().await.map_err(|error| Error::Cluster(error.to_string()))?;
        let client = Client::try_from(config).map_err(|error| Error::Cluster(error.to_string()))?;
        Ok(Self { client, written: Vec::new(), under_way: JoinSet::new() })
    }

    /// Creates an object, or changes the one that is there.
    pub(crate) async fn put(&mut self, content: Value) -> Result<(), Error> {
        let object = Object::new(&content);
        if !self.written.contains(&object) {
            self.written.push(object.clone());
        }
        let api = object.api(&self.client);
        // In a task, so that what was sent can be waited for even if nobody waits here any more.
        self.under_way.spawn({
            let name = object.name.clone();
            async move { api.patch(&name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&content)).await }
        });
        match self.under_way.join_next().await {
            Some(Ok(Err(error))) => Err(object.fault("write", &error)),
            _ => Ok(()),
        }
    }

    /// Removes all that can be removed; tells of the first that cannot.
    pub(crate) async fn remove(&mut self) -> Result<(), Error> {
        // What is created after it was removed would stay.
        while self.under_way.join_next().await.is_some() {}
        let mut outcome = Ok(());
        while let Some(object) = self.written.pop() {
            match object.api(&self.client).delete(&object.name, &DeleteParams::default()).await {
                Err(kube::Error::Api(status)) if status.code == NOT_FOUND => {}
                removed => outcome = outcome.and(removed.map(drop).map_err(|error| object.fault("remove", &error))),
            }
        }
        outcome
    }
}

impl fmt::Debug for Kubernetes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kubernetes").field("written", &self.written).finish_non_exhaustive()
    }
}

impl Object {
    fn new(content: &Value) -> Self {
        let api_version = text(content, "/apiVersion");
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = GroupVersionKind::gvk(group, version, text(content, "/kind"));
        Self {
            kind: ApiResource::from_gvk(&kind),
            namespace: text(content, "/metadata/namespace").to_owned(),
            name: name(content).to_owned(),
        }
    }

    fn api(&self, client: &Client) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), &self.namespace, &self.kind)
    }

    fn fault(&self, verb: &'static str, error: &kube::Error) -> Error {
        let why = match error {
            kube::Error::Api(status) if status.code == NOT_FOUND => {
                format!("{}; are Knative and the namespace there?", status.message)
            }
            kube::Error::Api(status) => status.message.clone(),
            other => other.to_string(),
        };
        Error::Object { verb, kind: self.kind.kind.clone(), name: format!("{}/{}", self.namespace, self.name), why }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use futures::FutureExt;
    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;

    use super::*;

    /// What an API server was asked for, in the order of its answers: what it is not told to refuse is done.
    type Asked = Arc<Mutex<Vec<String>>>;

    fn cluster(refused: &'static str) -> (Kubernetes, Asked) {
        let asked = Asked::default();
        let log = Arc::clone(&asked);
        let service = tower::service_fn(move |request: Request<Body>| {
            let log = Arc::clone(&log);
            async move {
                // It takes its time.
                tokio::task::yield_now().await;
                let line = format!("{} {}", request.method(), request.uri().path());
                let refused = line.ends_with(refused);
                log.lock().unwrap().push(line);
                let status =
                    json!({ "status": "Failure", "message": "not for you", "reason": "Forbidden", "code": 403 });
                let answer = if refused { status } else { json!({ "metadata": {} }) };
                let code = if refused { 403 } else { 200 };
                Ok::<_, Infallible>(
                    Response::builder().status(code).body(Body::from(answer.to_string().into_bytes())).unwrap(),
                )
            }
        });
        let client = Client::new(service, "default");
        (Kubernetes { client, written: Vec::new(), under_way: JoinSet::new() }, asked)
    }

    fn object(api_version: &str, kind: &str, name: &str) -> Value {
        json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name, "namespace": "here" } })
    }

    #[tokio::test]
    async fn each_object_is_written_at_its_place_and_removed_once_the_youngest_first() {
        let (mut cluster, asked) = cluster("PATCH /apis/discovery.k8s.io/v1/namespaces/here/endpointslices/c");
        let ingress = object("networking.internal.knative.dev/v1alpha1", "Ingress", "b");
        for object in [object("v1", "Service", "a"), ingress.clone(), ingress] {
            cluster.put(object).await.unwrap();
        }
        let refused = cluster.put(object("discovery.k8s.io/v1", "EndpointSlice", "c")).await;
        assert_eq!(refused.unwrap_err().to_string(), "cannot write EndpointSlice here/c: not for you");
        cluster.remove().await.unwrap();
        let ingress = "/apis/networking.internal.knative.dev/v1alpha1/namespaces/here/ingresses/b";
        let slice = "/apis/discovery.k8s.io/v1/namespaces/here/endpointslices/c";
        let service = "/api/v1/namespaces/here/services/a";
        let wanted = [("PATCH", service), ("PATCH", ingress), ("PATCH", ingress), ("PATCH", slice)]
            .into_iter()
            .chain([("DELETE", slice), ("DELETE", ingress), ("DELETE", service)]);
        let wanted: Vec<String> = wanted.map(|(method, path)| format!("{method} {path}")).collect();
        assert_eq!(*asked.lock().unwrap(), wanted);
    }

    #[tokio::test]
    async fn what_was_sent_is_waited_for_before_it_is_removed() {
        let (mut cluster, asked) = cluster("nothing");
        assert!(cluster.put(object("v1", "Service", "a")).now_or_never().is_none(), "the answer takes its time");
        cluster.remove().await.unwrap();
        let service = "/api/v1/namespaces/here/services/a";
        assert_eq!(*asked.lock().unwrap(), [format!("PATCH {service}"), format!("DELETE {service}")]);
    }

    #[tokio::test]
    async fn all_is_removed_that_can_be() {
        let (mut cluster, asked) = cluster("DELETE /api/v1/namespaces/here/services/b");
        for name in ["a", "b"] {
            cluster.put(object("v1", "Service", name)).await.unwrap();
        }
        let refused = cluster.remove().await;
        assert_eq!(refused.unwrap_err().to_string(), "cannot remove Service here/b: not for you");
        assert_eq!(asked.lock().unwrap().len(), 4);
    }
}
