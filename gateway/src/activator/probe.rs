//! Pods are asked whether they are ready, as Knative's activator asks: the kubelet takes a second to say so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use http::{StatusCode, header};
use net_pingora_routing::{Backend, Endpoint, Pods, Protocol, Revision, Target};
use pingora_error::Result;
use pingora_http::RequestHeader;
use tokio::time::{sleep, timeout};

use super::Activator;
use crate::part::Part;
use crate::settings::Timeouts;
use crate::upstream::{Choice, Upstream};

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
    ///
    /// It is done on the thread of the request that waits: the answer wakes that one thread.
    pub(crate) fn probe(&self, backend: &Arc<Backend>, revision: &Arc<Revision>) {
        if revision.begin_probing() {
            let (activator, backend, revision) = (self.clone(), Arc::clone(backend), Arc::clone(revision));
            tokio::spawn(async move { activator.probe_while_wanted(&backend, &revision).await });
        }
    }

    async fn probe_while_wanted(&self, backend: &Backend, revision: &Arc<Revision>) {
        loop {
            self.probe_all(backend, revision).await;
            revision.end_probing();
            if pods(backend, revision).is_none_or(|pods| !is_wanted(&pods)) || !revision.begin_probing() {
                return;
            }
        }
    }

    /// Probes until nobody wants to know any more.
    async fn probe_all(&self, backend: &Backend, revision: &Arc<Revision>) {
        let mut under_way: Vec<SocketAddr> = Vec::new();
        let mut probes = FuturesUnordered::new();
        while let Some(pods) = pods(backend, revision).filter(is_wanted) {
            for pod in pods.unproven().filter(|pod| !under_way.contains(&pod.address)).collect::<Vec<_>>() {
                under_way.push(pod.address);
                probes.push(self.probe_pod(Arc::clone(pod), pods.probe_port, revision));
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

    /// One probe, and a pause if the answer is no.
    async fn probe_pod(&self, pod: Arc<Endpoint>, port: Option<u16>, revision: &Revision) -> (Arc<Endpoint>, bool) {
        let asked = port.map_or_else(|| Arc::clone(&pod), |port| Endpoint::new((pod.address.ip(), port).into()));
        let answered = timeout(ANSWER, self.ask(&Choice::plain(asked), port.is_none())).await;
        let ready = matches!(answered, Ok(Ok(true)));
        self.shared.metrics.probed(ready);
        if !ready {
            sleep(if revision.waiting() > 0 { PAUSE } else { IDLE_PAUSE }).await;
        }
        (pod, ready)
    }

    /// Whether the queue-proxy says that its pod is ready (`knative.dev/serving` `pkg/activator/net/revision_backends.go`).
    /// If so, the connection is kept for the request that waits, where `keep` says that it can take that.
    async fn ask(&self, choice: &Choice, keep: bool) -> Result<bool> {
        let timeouts = Timeouts { connect: CONNECT, ..self.settings.load().timeouts };
        let mut up = self.connections.open(choice, Protocol::Http1, true, &timeouts).await?;
        up.begin(question(choice.endpoint.address)?, true)?;
        up.send(Bytes::new(), true).await?;
        let ready = is_yes(&mut up).await?;
        if ready && keep {
            self.connections.keep(choice, up);
        }
        Ok(ready)
    }
}

fn question(address: SocketAddr) -> Result<Box<RequestHeader>> {
    let mut request = RequestHeader::build_no_case("GET", b"/healthz", None)?;
    request.insert_header(header::HOST, address.to_string())?;
    request.insert_header(header::USER_AGENT, "Knative-Activator-Probe")?;
    request.insert_header("K-Network-Probe", "queue")?;
    Ok(Box::new(request))
}

async fn is_yes(up: &mut Upstream) -> Result<bool> {
    let (mut ok, mut body) = (false, Vec::new());
    loop {
        let part = up.session.next().await?;
        let end = part.is_end();
        match part {
            Part::Head(head, _) => ok = head.status == StatusCode::OK,
            Part::Body(data, _) if body.len() + data.len() <= BODY => body.extend_from_slice(&data),
            Part::Body(..) => return Ok(false),
            Part::Trailers(_) | Part::End => {}
        }
        if end {
            return Ok(ok && body == b"queue");
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
