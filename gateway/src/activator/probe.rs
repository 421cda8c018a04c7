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

/// Between two probes of a pod that is not there yet, while somebody waits. It refuses them at once; a queue-proxy whose
/// application is not ready keeps a probe until it is.
const PAUSE: Duration = Duration::from_millis(8);

/// The same while nobody waits; a request that comes may have to wait for as long.
const IDLE_PAUSE: Duration = Duration::from_millis(100);

/// How often it is looked whether anybody waits.
const LOOK: Duration = Duration::from_secs(1);

/// A pod is as near as the next machine: what is lost on the way is better sent anew.
const CONNECT: Duration = Duration::from_millis(50);

/// Until a probe is answered.
const ANSWER: Duration = Duration::from_secs(1);

/// More than a queue-proxy that is ready says.
const BODY: usize = 64;

impl Activator {
    /// Probes the pods of a revision until nobody waits for one, unless somebody does already.
    pub(crate) fn probe(&self, backend: &Arc<Backend>, revision: &Arc<Revision>) {
        if revision.begin_probing() {
            let (backend, revision, metrics) = (Arc::clone(backend), Arc::clone(revision), self.metrics.clone());
            self.runtime.spawn(async move { run(&backend, &revision, &metrics).await });
        }
    }
}

async fn run(backend: &Backend, revision: &Arc<Revision>, metrics: &ActivatorMetrics) {
    loop {
        probe_all(backend, revision, metrics).await;
        revision.end_probing();
        if pods(backend, revision).is_none_or(|pods| !is_wanted(&pods)) || !revision.begin_probing() {
            return;
        }
    }
}

/// Probes until nobody wants to know any more.
async fn probe_all(backend: &Backend, revision: &Arc<Revision>, metrics: &ActivatorMetrics) {
    let mut under_way: Vec<SocketAddr> = Vec::new();
    let mut probes = FuturesUnordered::new();
    while let Some(pods) = pods(backend, revision).filter(is_wanted) {
        for pod in pods.unproven().filter(|pod| !under_way.contains(&pod.address)).collect::<Vec<_>>() {
            under_way.push(pod.address);
            let address = SocketAddr::new(pod.address.ip(), pods.probe_port.unwrap_or(pod.address.port()));
            probes.push(probe(Arc::clone(pod), address, revision, metrics));
        }
        tokio::select! {
            () = revision.other_pods() => {}
            Some((pod, ready)) = probes.next() => {
                under_way.retain(|&address| address != pod.address);
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

/// One probe, and a pause if the answer is no.
async fn probe(
    pod: Arc<Endpoint>,
    address: SocketAddr,
    revision: &Revision,
    metrics: &ActivatorMetrics,
) -> (Arc<Endpoint>, bool) {
    let answered = timeout(ANSWER, ask(address)).await;
    let ready = matches!(answered, Ok(Some(true)));
    metrics.probed(ready);
    if !ready {
        sleep(if revision.waiting() > 0 { PAUSE } else { IDLE_PAUSE }).await;
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
