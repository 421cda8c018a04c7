//! Requests for revisions without a pod: held, released, bounded (Knative's activator, inside the gateway).
//!
//! Queue-proxies and the autoscaler are played by servers here; the real ones are in the cluster suites.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests only")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use net_pingora_gateway::settings::ActivatorSettings;
use net_pingora_routing::{
    Backend, Change, Endpoint, EndpointSet, Host, ObjectKey, Path, Pods, Protocol, Publisher, Revision, Target,
    Transport, Upstream,
};
use net_pingora_tests::gateway::{Route, TestGateway};
use net_pingora_tests::raw::{read_until, talk};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// A queue-proxy: answers probes once it is ready, and requests after `work`.
struct Pod {
    address: SocketAddr,
    ready: Arc<AtomicBool>,
    probes: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
    most_at_once: Arc<AtomicU64>,
    heads: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Pod {
    async fn start(work: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pod = Self {
            address: listener.local_addr().unwrap(),
            ready: Arc::default(),
            probes: Arc::default(),
            connections: Arc::default(),
            most_at_once: Arc::default(),
            heads: Arc::default(),
        };
        let (ready, probes) = (Arc::clone(&pod.ready), Arc::clone(&pod.probes));
        let (most, heads, now) = (Arc::clone(&pod.most_at_once), Arc::clone(&pod.heads), Arc::new(AtomicU64::new(0)));
        let connections = Arc::clone(&pod.connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                let (ready, probes, most) = (Arc::clone(&ready), Arc::clone(&probes), Arc::clone(&most));
                let (heads, now) = (Arc::clone(&heads), Arc::clone(&now));
                tokio::spawn(async move {
                    loop {
                        let head = read_until(&mut stream, |read| read.ends_with(b"\r\n\r\n")).await;
                        if head.is_empty() {
                            return;
                        }
                        let answer = if head.to_lowercase().contains("k-network-probe: queue") {
                            probes.fetch_add(1, Ordering::Relaxed);
                            probe_answer(ready.load(Ordering::Relaxed))
                        } else {
                            heads.lock().unwrap().push(head);
                            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                            sleep(work).await;
                            now.fetch_sub(1, Ordering::Relaxed);
                            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
                        };
                        if stream.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        pod
    }

    fn set_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn probe_answer(ready: bool) -> &'static str {
    if ready {
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nqueue"
    } else {
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
    }
}

/// A revision whose pods the test sets, as the control plane does.
struct Served {
    gateway: TestGateway,
    backend: Arc<Backend>,
    pods: Pods,
}

impl Served {
    fn start(concurrency: u32, change: impl FnOnce(&mut Pods, &mut ActivatorSettings)) -> Self {
        let mut pods = Pods {
            revision: Revision::new(ObjectKey::new("default", "a-00001")),
            concurrency,
            timeout: Duration::from_secs(20),
            keeper: None,
            probe_port: None,
            ready: EndpointSet::default(),
            starting: EndpointSet::default(),
        };
        let mut settings = ActivatorSettings::default();
        change(&mut pods, &mut settings);
        let route = Route::to_target("a", Target::Revision(pods.clone()), Protocol::Http1);
        let gateway = TestGateway::with_activator(settings, [route]);
        let backend = gateway.backend("a");
        Self { gateway, backend, pods }
    }

    fn set(&mut self, ready: &[&Pod], starting: &[&Pod]) {
        let addresses = |pods: &[&Pod]| pods.iter().map(|pod| pod.address).collect::<Vec<_>>();
        let known = [self.pods.ready.clone(), self.pods.starting.clone()];
        let known = [&known[0], &known[1]];
        self.pods.ready = EndpointSet::keeping(addresses(ready), &known);
        self.pods.starting = EndpointSet::keeping(addresses(starting), &known);
        let target = Target::Revision(self.pods.clone());
        self.backend.set(Upstream { protocol: Protocol::Http1, transport: Transport::Plain, target });
    }

    fn ask(&self, request: &'static str) -> JoinHandle<String> {
        let address = self.gateway.external;
        tokio::spawn(async move { talk(address, request.as_bytes()).await.unwrap() })
    }

    async fn waits(&self, wanted: usize) {
        let reached = async {
            while self.pods.revision.waiting() != wanted {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let waiting = self.pods.revision.waiting();
        timeout(Duration::from_secs(5), reached).await.unwrap_or_else(|_| panic!("{waiting} wait, not {wanted}"));
    }
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

#[tokio::test]
async fn requests_wait_until_kubernetes_calls_a_pod_ready_and_go_all_at_once() {
    let pod = Pod::start(Duration::from_millis(300)).await;
    let mut served = Served::start(0, |_, _| {});
    let asked: Vec<_> = (0..50).map(|_| served.ask(GET)).collect();
    served.waits(50).await;
    served.set(&[&pod], &[]);
    for answer in asked {
        assert_eq!(status(&answer.await.unwrap()), "200");
    }
    assert_eq!(pod.most_at_once.load(Ordering::Relaxed), 50);
    assert_eq!(pod.probes.load(Ordering::Relaxed), 0, "Kubernetes is trusted");
    assert!(pod.heads().iter().all(|head| head.to_lowercase().contains("k-proxy-request: activator")));
}

#[tokio::test]
async fn a_pod_that_says_it_is_ready_is_trusted_before_kubernetes_says_so() {
    let pod = Pod::start(Duration::ZERO).await;
    let mut served = Served::start(0, |_, _| {});
    let asked = served.ask(GET);
    served.waits(1).await;
    served.set(&[], &[&pod]);
    sleep(Duration::from_millis(100)).await;
    assert!(!asked.is_finished() && pod.probes.load(Ordering::Relaxed) > 2);
    pod.set_ready();
    let answer = timeout(Duration::from_secs(2), asked).await.unwrap().unwrap();
    assert_eq!(status(&answer), "200");
    sleep(Duration::from_millis(50)).await;
    let probes = pod.probes.load(Ordering::Relaxed);
    assert_eq!(pod.connections.load(Ordering::Relaxed), probes, "the request goes where the pod said yes");
    sleep(Duration::from_millis(100)).await;
    assert_eq!(pod.probes.load(Ordering::Relaxed), probes, "nobody waits: nobody asks");
}

#[tokio::test]
async fn no_pod_has_more_requests_than_its_container_concurrency_and_all_are_answered() {
    for (concurrency, pods) in [(1, 3), (2, 1), (5, 2)] {
        let mut started = Vec::new();
        for _ in 0..pods {
            started.push(Pod::start(Duration::from_millis(10)).await);
        }
        let mut served = Served::start(concurrency, |_, _| {});
        let asked: Vec<_> = (0..60).map(|_| served.ask(GET)).collect();
        served.waits(60).await;
        served.set(&started.iter().collect::<Vec<_>>(), &[]);
        let later: Vec<_> = (0..30).map(|_| served.ask(GET)).collect();
        for answer in asked.into_iter().chain(later) {
            let answer = timeout(Duration::from_secs(10), answer).await.expect("nobody is forgotten").unwrap();
            assert_eq!(status(&answer), "200");
        }
        for pod in &started {
            let most = pod.most_at_once.load(Ordering::Relaxed);
            assert!((1..=u64::from(concurrency)).contains(&most), "{most} at once");
        }
    }
}

#[tokio::test]
async fn who_may_not_wait_is_answered_503_at_once_and_who_waits_too_long_504() {
    let served = Served::start(0, |pods, settings| {
        pods.timeout = Duration::from_millis(700);
        settings.held_per_revision = 2;
    });
    let began = Instant::now();
    let asked = [served.ask(GET), served.ask(GET)];
    served.waits(2).await;
    assert_eq!(status(&served.ask(GET).await.unwrap()), "503");
    assert!(began.elapsed() < Duration::from_millis(600));
    for answer in asked {
        assert_eq!(status(&answer.await.unwrap()), "504");
    }
    assert!(began.elapsed() >= Duration::from_millis(700));
    served.waits(0).await;
}

#[tokio::test]
async fn a_client_that_goes_waits_no_longer() {
    let served = Served::start(1, |_, _| {});
    let mut client = TcpStream::connect(served.gateway.external).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    served.waits(1).await;
    drop(client);
    served.waits(0).await;
    assert_eq!(served.pods.revision.demand.under_way(), 0);
}

#[tokio::test]
async fn a_pod_that_takes_no_connection_gets_no_request_until_it_says_it_is_ready() {
    let pod = Pod::start(Duration::ZERO).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gone = Pod { address: gone, ..Pod::start(Duration::ZERO).await };
    let mut served = Served::start(0, |_, _| {});
    served.set(&[&gone], &[]);
    let asked = served.ask(GET);
    served.waits(1).await;
    served.set(&[&gone, &pod], &[]);
    let answer = timeout(Duration::from_secs(2), asked).await.unwrap().unwrap();
    assert_eq!(status(&answer), "200");
}

#[tokio::test]
async fn a_pod_that_closes_a_connection_without_an_answer_gets_no_request_until_it_says_it_is_ready() {
    let pod = Pod::start(Duration::ZERO).await;
    let dying = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = dying.local_addr().unwrap();
    tokio::spawn(async move { while dying.accept().await.is_ok() {} });
    let dying = Pod { address, ..Pod::start(Duration::ZERO).await };
    let mut served = Served::start(0, |_, _| {});
    served.set(&[&dying], &[]);
    let asked: Vec<_> = (0..5).map(|_| served.ask(GET)).collect();
    served.waits(5).await;
    served.set(&[&dying, &pod], &[]);
    for answer in asked {
        assert_eq!(status(&answer.await.unwrap()), "200");
    }
}

#[tokio::test]
async fn what_another_replica_gives_out_is_passed_on_to_it_and_given_out_here_when_it_is_gone() {
    let (pod, keeper) = (Pod::start(Duration::ZERO).await, Pod::start(Duration::ZERO).await);
    let mut publisher = Publisher::default();
    let revisions = publisher.cell();
    let mut served = Served::start(1, |pods, settings| {
        pods.keeper = Some(Endpoint::new(keeper.address));
        settings.revisions = revisions;
    });
    publisher.publish([by_name(&served)]);
    served.set(&[&pod], &[]);
    let counted = "k-proxy-request: activator";
    assert_eq!(status(&served.ask(GET).await.unwrap()), "200");
    assert!(pod.heads().is_empty());
    let head = keeper.heads().remove(0).to_lowercase();
    assert!(!head.contains(counted), "it is counted there");
    assert!(
        head.contains("knative-serving-revision: a-0\r\n") && head.contains("knative-serving-namespace: default\r\n")
    );
    assert_eq!(served.pods.revision.demand.see(0), net_pingora_routing::Demand::default().see(0));

    let passed_on = b"GET / HTTP/1.1\r\nHost: a\r\nKnative-Serving-Revision: a-00001\r\n\
        Knative-Serving-Namespace: default\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&talk(served.gateway.activator, passed_on).await.unwrap()), "200");
    assert_eq!((pod.heads().len(), keeper.heads().len()), (1, 1), "what was passed on is not passed on again");

    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    served.pods.keeper = Some(Endpoint::new(gone));
    served.set(&[&pod], &[]);
    assert_eq!(status(&served.ask(GET).await.unwrap()), "200");
    assert!(pod.heads().remove(1).to_lowercase().contains(counted));
}

#[tokio::test]
async fn requests_that_wait_go_on_when_the_revision_is_served_through_us_no_more() {
    let pod = Pod::start(Duration::ZERO).await;
    let served = Served::start(1, |_, _| {});
    let asked: Vec<_> = (0..5).map(|_| served.ask(GET)).collect();
    served.waits(5).await;
    let target = net_pingora_tests::gateway::endpoints([pod.address]);
    served.backend.set(Upstream { protocol: Protocol::Http1, transport: Transport::Plain, target });
    for answer in asked {
        assert_eq!(status(&answer.await.unwrap()), "200");
    }
}

#[tokio::test]
async fn a_probe_of_a_cold_revision_is_answered_and_wakes_nobody() {
    let pod = Pod::start(Duration::ZERO).await;
    let mut served = Served::start(0, |_, _| {});
    let probe = |hash: &str| {
        let head = "GET /healthz HTTP/1.1\r\nHost: a\r\nK-Network-Probe: probe\r\n";
        let request = format!("{head}{hash}Connection: close\r\n\r\n");
        let address = served.gateway.external;
        async move { talk(address, request.as_bytes()).await.unwrap() }
    };
    for (hash, wanted, echoed) in [
        ("K-Network-Hash: abc\r\n", "200", "k-network-hash: abc"),
        ("K-Network-Hash: override\r\n", "200", "k-network-hash: the-hash"),
        ("", "400", ""),
    ] {
        let answer = probe(hash).await;
        assert_eq!(status(&answer), wanted);
        assert!(answer.to_lowercase().contains(echoed), "{answer}");
    }
    assert_eq!(served.pods.revision.demand.see(0), net_pingora_routing::Demand::default().see(0));
    let answered = probe("K-Network-Hash: abc\r\n");
    served.set(&[&pod], &[]);
    assert_eq!(status(&answered.await), "200");
    let heads = pod.heads();
    assert_eq!(heads.len(), 1, "a pod that is there answers by itself");
    assert!(!heads[0].to_lowercase().contains("k-proxy-request"));
}

/// A revision by its name, as the control plane makes it.
fn by_name(served: &Served) -> Change {
    let path = Path::to_backend(&served.pods.revision.key, &served.backend);
    Change::Set(Host::new("a-00001.default", [(Arc::new(path), false)]))
}

#[tokio::test]
async fn the_activators_own_ports_answer_probes_and_serve_revisions_by_name() {
    let pod = Pod::start(Duration::ZERO).await;
    let mut publisher = Publisher::default();
    let revisions = publisher.cell();
    let mut served = Served::start(0, |_, settings| settings.revisions = revisions);
    publisher.publish([by_name(&served)]);
    let activator = served.gateway.activator;
    let ask = |head: &'static str| async move {
        let request = format!("GET /a HTTP/1.1\r\n{head}\r\nConnection: close\r\n\r\n");
        talk(activator, request.as_bytes()).await.unwrap()
    };
    for (head, wanted, end) in [
        ("Host: x\r\nUser-Agent: kube-probe/1.34", "200", ""),
        ("Host: x\r\nK-Kubelet-Probe: anything", "200", ""),
        ("Host: x\r\nK-Network-Probe: activator", "200", "activator"),
        ("Host: x\r\nK-Network-Probe: probe\r\nK-Network-Hash: abc", "200", ""),
        ("Host: x\r\nK-Network-Probe: probe", "400", ""),
        ("Host: x\r\nK-Network-Probe: queue", "400", ""),
        ("Host: x", "404", ""),
        ("Host: b-00001.default.svc.cluster.local", "404", ""),
        ("Host: x\r\nKnative-Serving-Revision: b-00001\r\nKnative-Serving-Namespace: default", "404", ""),
    ] {
        let answer = ask(head).await;
        assert_eq!(status(&answer), wanted, "{head}");
        assert!(answer.ends_with(end), "{head}: {answer}");
    }
    assert_eq!(served.pods.revision.demand.under_way(), 0);
    let named =
        "Host: x\r\nKnative-Serving-Revision: a-00001\r\nKnative-Serving-Namespace: default\r\nK-Network-Hash: abc";
    let asked = [tokio::spawn(ask(named)), tokio::spawn(ask("Host: a-00001.default.svc.cluster.local:80"))];
    served.waits(2).await;
    served.set(&[&pod], &[]);
    for answer in asked {
        assert_eq!(status(&answer.await.unwrap()), "200");
    }
    for head in pod.heads().iter().map(|head| head.to_lowercase()) {
        assert!(head.contains("k-proxy-request: activator"), "{head}");
        assert!(!head.contains("knative-serving") && !head.contains("k-network-hash"), "{head}");
    }
}
