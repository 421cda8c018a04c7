//! What the tests need of an API server, in memory: one Lease and the review of tokens, over kube's real client.
//!
//! It lets the tests cut, delay and lose answers in virtual time; the cluster tests run against a real one.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::sleep;
use tower::{BoxError, service_fn};

pub(crate) const NAMESPACE: &str = "knative-serving";
pub(crate) const LEASE: &str = "net-pingora";

/// How a client's requests fare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    Good,
    /// Requests take so long, half of it in each direction.
    Slow(Duration),
    /// Requests and answers are lost.
    Cut,
    /// Requests come through, answers are lost.
    Deaf,
    /// The server fails.
    Failing,
}

/// Where a client's network is set.
#[derive(Clone)]
pub(crate) struct Link(Arc<Mutex<Network>>);

impl Link {
    pub(crate) fn set(&self, network: Network) {
        *self.0.lock().unwrap() = network;
    }

    fn get(&self) -> Network {
        *self.0.lock().unwrap()
    }
}

#[derive(Clone, Default)]
pub(crate) struct ApiServer(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    lease: Option<Value>,
    version: u64,
    /// `status` of a review by token.
    tokens: HashMap<String, Value>,
}

impl ApiServer {
    pub(crate) fn client(&self) -> (Client, Link) {
        let link = Link(Arc::new(Mutex::new(Network::Good)));
        let (server, network) = (self.clone(), link.clone());
        let service = service_fn(move |request: Request<Body>| {
            let (server, network) = (server.clone(), network.get());
            async move { server.serve(request, network).await }
        });
        (Client::new(service, NAMESPACE), link)
    }

    /// Knows a token that is bound to the pod, of service account net-pingora and for our audience.
    pub(crate) fn allow(&self, token: &str, pod: &str) {
        let user = format!("system:serviceaccount:{NAMESPACE}:net-pingora");
        self.review_as(token, &review(&user, pod, "net-pingora"));
    }

    pub(crate) fn review_as(&self, token: &str, status: &Value) {
        self.stored().tokens.insert(token.to_owned(), status.clone());
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap()
    }

    async fn serve(self, request: Request<Body>, network: Network) -> Result<Response<Body>, BoxError> {
        let half = if let Network::Slow(delay) = network { delay / 2 } else { Duration::ZERO };
        sleep(half).await;
        if network == Network::Cut {
            pending::<()>().await;
        }
        let (parts, body) = request.into_parts();
        let body: Value = serde_json::from_slice(&body.collect_bytes().await?).unwrap_or_default();
        let (code, answer) = match network {
            Network::Failing => (503, failure(503, "ServiceUnavailable")),
            _ => self.stored().answer(&parts.method, parts.uri.path(), body),
        };
        sleep(half).await;
        if network == Network::Deaf {
            pending::<()>().await;
        }
        Ok(Response::builder().status(code).body(serde_json::to_vec(&answer)?.into())?)
    }
}

impl Stored {
    fn answer(&mut self, method: &Method, path: &str, body: Value) -> (u16, Value) {
        let leases = format!("/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases");
        match (method.as_str(), path) {
            ("POST", "/apis/authentication.k8s.io/v1/tokenreviews") => (201, self.review(&body)),
            ("POST", path) if path == leases => match self.lease {
                None => (201, self.store(body)),
                Some(_) => (409, failure(409, "AlreadyExists")),
            },
            (_, path) if path != format!("{leases}/{LEASE}") => (404, failure(404, "NotFound")),
            ("GET", _) => self.lease.clone().map_or_else(|| (404, failure(404, "NotFound")), |lease| (200, lease)),
            ("PUT", _) => match &self.lease {
                Some(lease) if lease["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"] => {
                    (200, self.store(body))
                }
                Some(_) => (409, failure(409, "Conflict")),
                None => (404, failure(404, "NotFound")),
            },
            _ => (405, failure(405, "MethodNotAllowed")),
        }
    }

    fn store(&mut self, mut lease: Value) -> Value {
        self.version += 1;
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.lease = Some(lease.clone());
        lease
    }

    fn review(&self, review: &Value) -> Value {
        assert_eq!(review["spec"]["audiences"], json!(["net-pingora"]));
        let token = review["spec"]["token"].as_str().unwrap_or_default();
        let refused = json!({"authenticated": false, "error": "unknown token"});
        json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "metadata": {},
            "spec": {},
            "status": self.tokens.get(token).unwrap_or(&refused),
        })
    }
}

/// `status` of the review of a good token.
pub(crate) fn review(user: &str, pod: &str, audience: &str) -> Value {
    json!({
        "authenticated": true,
        "audiences": [audience],
        "user": {"username": user, "extra": {"authentication.kubernetes.io/pod-name": [pod]}},
    })
}

fn failure(code: u16, reason: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": reason, "message": reason, "code": code})
}
