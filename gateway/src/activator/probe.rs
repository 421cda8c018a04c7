//! Pods are asked whether they are ready, as Knative's activator asks: the kubelet takes a second to say so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use net_pingora_routing::{Backend, Endpoint, Pods, Revision, Target};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::Activator;
use crate::observe::metrics::ActivatorMetrics;

/// Between two questions to a pod that is not there yet. It refuses them at once; a queue-proxy whose application is
/// not ready keeps the question until it is.
const PAUSE: Duration = Duration::from_millis(8);

/// A pod is as near as the next machine: what is lost on the way is better sent anew.
const CONNECT: Duration = Duration::from_millis(50);

/// Until a question is answered.
const ANSWER: Duration = Duration::from_secs(1);

/// How often who asks looks whether anybody still wants to know.
const LOOK: Duration = Duration::from_secs(1);

/// More than a queue-proxy that is ready says.
const BODY: usize = 64;

impl Activator {
    /// Asks the pods of a revision until nobody waits for one, unless somebody does already.
    pub(crate) fn probe(&self, backend: &Arc<Backend>, revision: &Arc<Revision>) {
        if revision.begin_asking() {
            let (backend, revision, metrics) = (Arc::clone(backend), Arc::clone(revision), self.metrics.clone());
            self.runtime.spawn(async move { run(&backend, &revision, &metrics).await });
        }
    }
}

async fn run(backend: &Backend, revision: &Arc<Revision>, metrics: &ActivatorMetrics) {
    loop {
        ask_all(backend, revision, metrics).await;
        revision.end_asking();
        if pods(backend, revision).is_none_or(|pods| !is_wanted(&pods)) || !revision.begin_asking() {
            return;
        }
    }
}

/// Asks until nobody wants to know any more.
async fn ask_all(backend: &Backend, revision: &Arc<Revision>, metrics: &ActivatorMetrics) {
    let mut asked: Vec<SocketAddr> = Vec::new();
    let mut asking = FuturesUnordered::new();
    while let Some(pods) = pods(backend, revision).filter(is_wanted) {
        for pod in pods.unproven().filter(|pod| !asked.contains(&pod.address)).collect::<Vec<_>>() {
            asked.push(pod.address);
            let address = SocketAddr::new(pod.address.ip(), pods.probe_port.unwrap_or(pod.address.port()));
            asking.push(ask_until_answered(Arc::clone(pod), address, metrics));
        }
        tokio::select! {
            () = revision.other_pods() => {}
            Some((pod, ready)) = asking.next() => {
                asked.retain(|&address| address != pod.address);
                if ready {
                    pod.prove();
                    revision.wake();
                }
            }
            () = sleep(LOOK) => {}
        }
    }
}

/// Whether somebody waits, or a pod has to say that it is still there.
fn is_wanted(pods: &Pods) -> bool {
    pods.revision.waiting() > 0 || pods.unproven().any(|pod| pod.is_doubted())
}

fn pods(backend: &Backend, revision: &Arc<Revision>) -> Option<Pods> {
    match &backend.upstream().target {
        Target::Revision(pods) if Arc::ptr_eq(&pods.revision, revision) => Some(pods.clone()),
        _ => None,
    }
}

/// One question, and a pause if the answer is no.
async fn ask_until_answered(
    pod: Arc<Endpoint>,
    address: SocketAddr,
    metrics: &ActivatorMetrics,
) -> (Arc<Endpoint>, bool) {
    let answered = timeout(ANSWER, ask(address)).await;
    let ready = matches!(answered, Ok(Some(true)));
    metrics.probed(ready);
    if !ready {
        sleep(PAUSE).await;
    }
    (pod, ready)
}

/// Whether the queue-proxy says that its pod is ready (`knative.dev/serving` `pkg/activator/net/revision_backends.go`);
/// nothing if it does not answer.
async fn ask(address: SocketAddr) -> Option<bool> {
    let stream = timeout(CONNECT, TcpStream::connect(address)).await.ok()?.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let request = Request::get("/healthz")
        .header(header::HOST, address.to_string())
        .header(header::USER_AGENT, "Knative-Activator-Probe")
        .header("K-Network-Probe", "queue")
        .body(Empty::<Bytes>::new());
    let response = sender.send_request(request.ok()?).await.ok()?;
    let status = response.status();
    let body = Limited::new(response.into_body(), BODY).collect().await.ok()?.to_bytes();
    Some(status == StatusCode::OK && body == "queue")
}
