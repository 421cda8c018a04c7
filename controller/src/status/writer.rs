//! Writes to the API server, a few at a time.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use kube::Client;
use kube::api::{Patch, PatchParams, PostParams, Request};
use net_pingora_routing::ObjectKey;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::time::timeout;
use tracing::warn;

use super::seen::{Release, Status};
use crate::api::{Kind, ObjectId};

/// Writes on their way at once.
const AT_ONCE: usize = 16;
/// How long the API server may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// One write.
#[derive(Clone, Debug)]
pub enum Write {
    /// The status of a Route or a DomainMapping.
    Source {
        /// Which object of that name.
        uid: Arc<str>,
        /// What it is to be.
        status: Value,
    },
    /// The status of a KIngress.
    Status {
        /// Which object of that name.
        uid: Arc<str>,
        /// What it is to be.
        status: Box<Status>,
    },
    /// An object that is not there is made.
    Make {
        /// The Route or DomainMapping that it is made for.
        source: ObjectKey,
        /// The object.
        object: Value,
    },
    /// The shared finalizer of a KIngress that is being deleted is taken off.
    Release {
        /// Which object of that name.
        uid: Arc<str>,
        /// What stays.
        release: Release,
    },
}

/// A write and the object it is for.
#[derive(Clone, Debug)]
pub struct Work {
    /// Which object.
    pub id: ObjectId,
    /// What to write.
    pub write: Write,
}

/// The writes that are on their way.
pub struct Writer {
    client: Client,
    running: FuturesUnordered<BoxFuture<'static, (Work, bool)>>,
}

impl Writer {
    /// A writer that has nothing to do.
    pub fn new(client: Client) -> Self {
        Self { client, running: FuturesUnordered::new() }
    }

    /// Whether another write may begin.
    pub fn has_room(&self) -> bool {
        self.running.len() < AT_ONCE
    }

    /// Begins a write.
    pub fn begin(&mut self, work: Work) {
        let client = self.client.clone();
        self.running.push(Box::pin(async move {
            let written = timeout(DEADLINE, write(client, &work)).await;
            let written = written.unwrap_or_else(|_| Err("no answer in time".to_owned()));
            if let Err(error) = &written {
                warn!(kind = %work.id.kind, object = %work.id.key, error, "it could not be written and is tried again");
            }
            (work, written.is_ok())
        }));
    }

    /// The next write that has ended, and whether it succeeded; never when there is none.
    pub async fn ended(&mut self) -> (Work, bool) {
        match self.running.next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

/// Writes; an object that is gone needs no write any more, and one made anew is refused by its uid.
async fn write(client: Client, work: &Work) -> Result<(), String> {
    let ObjectKey { namespace, name } = &work.id.key;
    let api = Request::new(match work.id.kind {
        Kind::Service => format!("/api/v1/namespaces/{namespace}/services"),
        Kind::ClusterDomainClaim => "/apis/networking.internal.knative.dev/v1alpha1/clusterdomainclaims".to_owned(),
        Kind::Route => format!("/apis/serving.knative.dev/v1/namespaces/{namespace}/routes"),
        Kind::DomainMapping => format!("/apis/serving.knative.dev/v1beta1/namespaces/{namespace}/domainmappings"),
        _ => format!("/apis/networking.internal.knative.dev/v1alpha1/namespaces/{namespace}/ingresses"),
    });
    let parameters = PatchParams::default();
    let request = match &work.write {
        Write::Source { uid, status } => {
            let patch = json!({"metadata": {"uid": uid}, "status": status});
            api.patch_subresource("status", name, &parameters, &Patch::Merge(patch))
        }
        Write::Status { uid, status } => {
            let patch = json!({"metadata": {"uid": uid}, "status": status.json()});
            api.patch_subresource("status", name, &parameters, &Patch::Merge(patch))
        }
        Write::Make { object, .. } => api.create(&PostParams::default(), object.to_string().into_bytes()),
        Write::Release { uid, release } => {
            let Release { resource_version, others } = release;
            let metadata = json!({"uid": uid, "resourceVersion": resource_version, "finalizers": others});
            api.patch(name, &parameters, &Patch::Merge(json!({"metadata": metadata})))
        }
    };
    match client.request::<IgnoredAny>(request.map_err(|error| error.to_string())?).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 && !is_new(work) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 && is_new(work) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether the object is to be there only after the write.
fn is_new(work: &Work) -> bool {
    matches!(work.write, Write::Make { .. })
}
