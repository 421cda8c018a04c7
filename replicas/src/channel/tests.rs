//! Real sockets and real TLS on loopback; the API server is in memory.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use net_pingora_routing::ObjectKey;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{advance, pause, timeout};
use tokio_rustls::client::TlsStream;

use super::line::MAX_LINE;
use super::{Gate, Hearing, Identity, Listener, MAX_OBJECTS, Sender, tls};
use crate::election::{Leader, Leadership};
use crate::report::{Event, Report};
use crate::served::{Served, Version};
use crate::testing::{ApiServer, NAMESPACE, review};

/// Longer than anything here takes and less than a silent connection lives, so that a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(8);

/// A leader.
struct Stage {
    leader: Leader,
    leadership: watch::Sender<Leadership>,
    reports: mpsc::Receiver<Report>,
    tasks: JoinSet<()>,
}

impl Stage {
    fn new(server: &ApiServer) -> Self {
        let identity = Identity::generate().unwrap();
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let leader = Leader {
            identity: "leader".into(),
            address: Some(listener.0.local_addr().unwrap()),
            fingerprint: identity.fingerprint(),
        };
        let (leadership, known) = watch::channel(Leadership::Us);
        let (sender, reports) = mpsc::channel(64);
        let gate = Gate::new(server.client().0, NAMESPACE, "net-pingora");
        let hearing = Hearing::new(identity.acceptor().unwrap(), gate, known, sender);
        let mut tasks = JoinSet::new();
        tasks.spawn(listener.run(hearing));
        Self { leader, leadership, reports, tasks }
    }

    async fn heard(&mut self) -> Report {
        timeout(PATIENCE, self.reports.recv()).await.expect("nothing is heard").unwrap()
    }

    async fn hears(&mut self, replica: &str, events: &[Event]) {
        for event in events {
            assert_eq!(self.heard().await, Report { replica: replica.into(), event: event.clone() });
        }
    }

    /// A connection over which nothing was said yet.
    async fn connect(&self) -> TlsStream<TcpStream> {
        let (connector, name) = tls::connector(self.leader.fingerprint).unwrap();
        let stream = TcpStream::connect(self.leader.address.unwrap()).await.unwrap();
        connector.connect(name, stream).await.unwrap()
    }

    /// A replica that says these lines, after the first.
    async fn replica(&self, pod: &str, token: &str, lines: &[Value]) -> TlsStream<TcpStream> {
        let mut stream = self.connect().await;
        say(&mut stream, &json!({"replica": pod, "token": token})).await;
        for line in lines {
            say(&mut stream, line).await;
        }
        stream
    }
}

async fn say(stream: &mut TlsStream<TcpStream>, line: &Value) {
    stream.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

/// Waits until the leader has closed the connection.
async fn closed(stream: &mut TlsStream<TcpStream>) {
    let read = timeout(PATIENCE, stream.read(&mut [0])).await.expect("the connection stays open");
    assert!(!matches!(read, Ok(1..)), "the leader has said something");
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("ns", name)
}

fn serves(name: &str, generation: i64) -> (ObjectKey, Option<Version>) {
    (key(name), Some(Version { uid: "u".into(), generation }))
}

fn everything() -> Value {
    json!({"all": true, "set": [["ns/a", "u", 1]]})
}

fn told_everything() -> [Event; 2] {
    [Event::Connected, Event::Serves(vec![serves("a", 1)])]
}

/// What a replica tells, and to whom.
struct Telling {
    served: Served,
    leadership: watch::Sender<Leadership>,
    /// What it tells itself.
    reports: mpsc::Receiver<Report>,
    _token_file: NamedTempFile,
}

/// A whole replica of the name, with the token of the same name.
fn telling(tasks: &mut JoinSet<()>, pod: &str, leadership: Leadership) -> Telling {
    let mut token_file = NamedTempFile::new().unwrap();
    writeln!(token_file, "{pod}").unwrap();
    let (served, (leadership, known), (sender, reports)) =
        (Served::default(), watch::channel(leadership), mpsc::channel(64));
    served.apply(vec![serves("a", 1)]);
    tasks.spawn(
        Sender {
            identity: pod.into(),
            served: served.clone(),
            leadership: known,
            reports: sender,
            token_file: Some(token_file.path().to_owned()),
        }
        .run(),
    );
    Telling { served, leadership, reports, _token_file: token_file }
}

fn server() -> ApiServer {
    let server = ApiServer::default();
    server.allow("pod", "pod");
    server
}

#[tokio::test]
async fn a_replica_tells_everything_and_then_each_change() {
    let mut stage = Stage::new(&server());
    let telling = telling(&mut stage.tasks, "pod", Leadership::Other(stage.leader.clone()));
    stage.hears("pod", &told_everything()).await;
    telling.served.apply(vec![serves("a", 2)]);
    stage.hears("pod", &[Event::Serves(vec![serves("a", 2)])]).await;
    telling.served.apply(vec![(key("a"), None)]);
    stage.hears("pod", &[Event::Serves(vec![(key("a"), None)])]).await;
    // More than a line holds is heard at once.
    telling.served.apply((0..5000).map(|number| serves(&number.to_string(), 1)).collect());
    let Event::Serves(changes) = stage.heard().await.event else { panic!("not served") };
    assert_eq!(changes.len(), 5000);
    drop(telling);
    stage.hears("pod", &[Event::Disconnected]).await;
}

#[tokio::test]
async fn a_replica_goes_on_with_the_next_leader_and_the_leader_hears_itself() {
    let server = server();
    let (mut first, mut second) = (Stage::new(&server), Stage::new(&server));
    let mut telling = telling(&mut first.tasks, "pod", Leadership::Other(first.leader.clone()));
    first.hears("pod", &told_everything()).await;
    telling.leadership.send_replace(Leadership::Other(second.leader.clone()));
    first.hears("pod", &[Event::Disconnected]).await;
    second.hears("pod", &told_everything()).await;
    telling.leadership.send_replace(Leadership::Us);
    second.hears("pod", &[Event::Disconnected]).await;
    let mut own = Vec::new();
    timeout(PATIENCE, telling.reports.recv_many(&mut own, 1)).await.unwrap();
    timeout(PATIENCE, telling.reports.recv_many(&mut own, 1)).await.unwrap();
    telling.leadership.send_replace(Leadership::Unknown);
    timeout(PATIENCE, telling.reports.recv_many(&mut own, 1)).await.unwrap();
    let [connected, everything] = told_everything();
    let events: Vec<_> = own.into_iter().map(|report| report.event).collect();
    assert_eq!(events, [connected, everything, Event::Disconnected]);
}

#[tokio::test]
async fn only_the_certificate_in_the_lease_is_accepted() {
    let stage = Stage::new(&server());
    let (connector, name) = tls::connector(Identity::generate().unwrap().fingerprint()).unwrap();
    let stream = TcpStream::connect(stage.leader.address.unwrap()).await.unwrap();
    let error = connector.connect(name, stream).await.err().unwrap();
    assert_eq!(error.to_string(), "invalid peer certificate: ApplicationVerificationFailure");
}

#[tokio::test]
async fn who_is_no_replica_is_refused() {
    let server = server();
    let account = |name: &str| format!("system:serviceaccount:{name}");
    let ours = account("knative-serving:net-pingora");
    server.review_as("other namespace", &review(&account("default:net-pingora"), "pod", "net-pingora"));
    server.review_as("other account", &review(&account("knative-serving:other"), "pod", "net-pingora"));
    server.review_as("other audience", &review(&ours, "pod", "https://kubernetes.default.svc"));
    server.review_as(
        "no pod",
        &json!({
            "authenticated": true, "audiences": ["net-pingora"], "user": {"username": ours},
        }),
    );
    server.review_as("no status", &json!({}));
    let mut stage = Stage::new(&server);
    for (pod, token) in [
        ("other", "pod"),
        ("", "pod"),
        ("pod", ""),
        ("pod", "unknown"),
        ("pod", "other namespace"),
        ("pod", "other account"),
        ("pod", "other audience"),
        ("pod", "no pod"),
        ("pod", "no status"),
    ] {
        closed(&mut stage.replica(pod, token, &[]).await).await;
    }
    for line in [&b"{}\n"[..], b"\n", &vec![b' '; 20_000]] {
        let mut stream = stage.connect().await;
        // It may be closed before all is written.
        let _ = stream.write_all(line).await;
        let _ = stream.flush().await;
        closed(&mut stream).await;
    }
    let _plain =
        TcpStream::connect(stage.leader.address.unwrap()).await.unwrap().write_all(b"GET / HTTP/1.1\r\n\r\n").await;
    // Nothing was heard of all of them.
    let _good = stage.replica("pod", "pod", &[everything()]).await;
    stage.hears("pod", &told_everything()).await;
}

#[tokio::test]
async fn nonsense_ends_what_is_heard_of_a_replica() {
    let long = json!({"all": true, "from a later version": "a".repeat(MAX_LINE)});
    let object = |number: usize| (format!("n/{number}"), "u", 1);
    let many: Vec<_> = (0..=MAX_OBJECTS).map(object).collect();
    let mut many: Vec<_> = many.chunks(20_000).map(|set| json!({"set": set, "more": true})).collect();
    many[0]["all"] = json!(true);
    for lines in [vec![long], vec![json!(1)], vec![json!({"set": [["ns", "u", 1]]})], many] {
        let mut stage = Stage::new(&server());
        let mut stream = stage.replica("pod", "pod", &[everything()]).await;
        stage.hears("pod", &told_everything()).await;
        for line in lines {
            // It may be closed before all is written.
            let _ = stream.write_all(format!("{line}\n").as_bytes()).await;
        }
        let _ = stream.flush().await;
        stage.hears("pod", &[Event::Disconnected]).await;
    }
}

#[tokio::test]
async fn a_change_counts_for_nothing_before_everything_was_told() {
    let mut stage = Stage::new(&server());
    closed(&mut stage.replica("pod", "pod", &[json!({"set": [["ns/a", "u", 1]]})]).await).await;
    let stream = stage.replica("pod", "pod", &[everything(), json!({}), everything()]).await;
    stage.hears("pod", &told_everything()).await;
    stage.hears("pod", &told_everything()).await;
    drop(stream);
    stage.hears("pod", &[Event::Disconnected]).await;
}

#[tokio::test]
async fn a_replica_is_heard_over_its_latest_connection_only() {
    let mut stage = Stage::new(&server());
    let mut first = stage.replica("pod", "pod", &[everything()]).await;
    stage.hears("pod", &told_everything()).await;
    let _second = stage.replica("pod", "pod", &[everything()]).await;
    stage.hears("pod", &[Event::Disconnected]).await;
    stage.hears("pod", &told_everything()).await;
    closed(&mut first).await;
}

#[tokio::test]
async fn replicas_are_heard_only_while_this_one_leads() {
    let mut stage = Stage::new(&server());
    let mut early = stage.replica("pod", "pod", &[everything()]).await;
    stage.hears("pod", &told_everything()).await;
    stage.leadership.send_replace(Leadership::Unknown);
    stage.hears("pod", &[Event::Disconnected]).await;
    closed(&mut early).await;
    let mut late = TcpStream::connect(stage.leader.address.unwrap()).await.unwrap();
    assert!(!matches!(timeout(PATIENCE, late.read(&mut [0])).await.unwrap(), Ok(1..)));
    // The replica itself tries until it is heard.
    let _telling = telling(&mut stage.tasks, "pod", Leadership::Other(stage.leader.clone()));
    yield_now().await;
    stage.leadership.send_replace(Leadership::Us);
    stage.hears("pod", &told_everything()).await;
}

/// Lets everything happen that can without time going by.
async fn settle() {
    for _ in 0..10 {
        // For the kernel, which may hand over in a thread of its own.
        std::thread::sleep(Duration::from_millis(1));
        for _ in 0..100 {
            yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_silent_replica_is_given_up_and_one_with_nothing_to_tell_is_not() {
    let server = server();
    server.allow("silent", "silent");
    let mut stage = Stage::new(&server);
    let _telling = telling(&mut stage.tasks, "pod", Leadership::Other(stage.leader.clone()));
    stage.hears("pod", &told_everything()).await;
    let _silent = stage.replica("silent", "silent", &[everything()]).await;
    stage.hears("silent", &told_everything()).await;
    pause();
    for _ in 0..12 {
        settle().await;
        advance(Duration::from_secs(5)).await;
    }
    settle().await;
    stage.hears("silent", &[Event::Disconnected]).await;
    assert!(stage.reports.try_recv().is_err());
}
