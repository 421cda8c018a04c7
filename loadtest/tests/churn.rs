//! Routes that change under load, at a server that reads the same directory and whose delays are known.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

use common::{Server, head};
use net_pingora_loadtest::Stop;
use net_pingora_loadtest::churn::{Error, Place, Plan, Report, run};

/// What a busy machine may add to an effect.
const TOLERANCE: Duration = Duration::from_millis(60);

/// How a server differs from one that is never late.
#[derive(Clone, Copy, Default)]
struct Faults {
    /// From a change to its effect.
    delay: Duration,
    /// From there to its effect on connections that are kept.
    kept: Duration,
    /// From the change on, everybody is answered 503 for so long.
    broken: Duration,
    /// What is there first stays.
    never: bool,
}

/// Where a host leads: before and after its last change, and when that was seen.
#[derive(Clone)]
struct Lead {
    old: String,
    new: String,
    since: Instant,
}

/// A gateway that looks into its directory for every request.
struct Gateway {
    directory: PathBuf,
    faults: Faults,
    leads: Mutex<HashMap<String, Lead>>,
}

impl Gateway {
    fn start(directory: &Path, faults: Faults) -> Server {
        let gateway = Arc::new(Self { directory: directory.to_owned(), faults, leads: Mutex::default() });
        // Changes are seen when they are made, not when somebody asks.
        let looking = Arc::downgrade(&gateway);
        std::thread::spawn(move || {
            while let Some(gateway) = looking.upgrade() {
                gateway.look();
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Server::start(move |stream| {
            let gateway = Arc::clone(&gateway);
            async move {
                let mut stream = BufStream::new(stream);
                while let Some(head) = head(&mut stream).await {
                    let answer = gateway.answer(&head).await;
                    if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                        return;
                    }
                }
            }
        })
    }

    fn look(&self) {
        let mut leads = self.leads.lock().unwrap();
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            let Some(text) = fs::read_to_string(entry.path()).ok().filter(|_| !hidden) else { continue };
            let object: Value = serde_json::from_str(&text).unwrap();
            let Some(host) = object.pointer("/spec/rules/0/hosts/0").and_then(Value::as_str) else { continue };
            let new = object.pointer("/spec/rules/0/http/paths/0/splits/0/serviceName").unwrap();
            let new = new.as_str().unwrap().to_owned();
            let since = Instant::now();
            let lead = leads.entry(host.to_owned()).or_insert(Lead { old: new.clone(), new: new.clone(), since });
            if lead.new != new {
                *lead = Lead { old: lead.new.clone(), new, since };
            }
        }
    }

    async fn answer(&self, head: &str) -> String {
        let head = head.to_ascii_lowercase();
        let host = head.split_once("host: ").unwrap().1.lines().next().unwrap();
        let status = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let lead = self.leads.lock().unwrap().get(host).cloned();
        let Some(Lead { old, new, since }) = lead else { return status("404 Not Found") };
        if old != new && since.elapsed() < self.faults.broken {
            return status("503 Service Unavailable");
        }
        let kept = !head.contains("connection: close");
        let delay = self.faults.delay + if kept { self.faults.kept } else { Duration::ZERO };
        let late = self.faults.never || since.elapsed() < delay;
        let slice = self.directory.join(format!("{}-endpoints.yaml", if late { old } else { new }));
        let slice: Value = serde_json::from_str(&fs::read_to_string(slice).unwrap()).unwrap();
        let port = u16::try_from(slice["ports"][0]["port"].as_u64().unwrap()).unwrap();
        let mut backend = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        backend.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 1024];
        let length = backend.read(&mut answer).await.unwrap();
        String::from_utf8(answer[..length].to_vec()).unwrap()
    }
}

fn plan(server: &Server, directory: &TempDir) -> Plan {
    Plan {
        gateway: format!("http://{}/", server.address).parse().unwrap(),
        place: Place::Directory(directory.path().to_owned()),
        namespace: "default".to_owned(),
        class: "pingora.ingress.networking.knative.dev".to_owned(),
        routes: 3,
        changes: 6,
        pause: Duration::from_millis(200),
        rate: 100.0,
        connections: 4,
        timeout: Duration::from_secs(5),
        grace: Duration::from_secs(1),
        patience: Duration::from_secs(5),
    }
}

/// Changes at a server with these faults; none of the files is left.
fn churn(faults: Faults, change: impl FnOnce(&mut Plan)) -> Result<Report, Error> {
    let directory = TempDir::new().unwrap();
    let server = Gateway::start(directory.path(), faults);
    let mut plan = plan(&server, &directory);
    change(&mut plan);
    let report = run(&plan, &Stop::default(), |_| ());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "files are left");
    report
}

#[test]
fn effects_are_as_late_as_the_server_and_nothing_else_is_wrong() {
    let delay = Duration::from_millis(80);
    let report = churn(Faults { delay, ..Faults::default() }, |_| ()).unwrap();
    let effects = report.effects();
    assert_eq!((effects.len(), report.errors(), report.stale), (6, 0, 0), "{report:?}");
    assert!(effects[0] >= delay && effects[2] < delay + TOLERANCE, "{effects:?}");
    let routes: Vec<usize> = report.changes.iter().map(|change| change.route).collect();
    assert_eq!(routes, [0, 1, 2, 0, 1, 2]);
    // Six changes of 280 ms or more, and the last pause, at 100 requests a second.
    assert!(report.requests >= 100 && report.probes >= 12, "{report:?}");
}

#[test]
fn an_old_answer_after_a_new_one_is_stale() {
    let kept = Duration::from_millis(120);
    let report = churn(Faults { kept, ..Faults::default() }, |_| ()).unwrap();
    // A third of 100 requests a second, for 120 ms after each of six changes, is 24: five deviations on either side.
    assert!((1..=48).contains(&report.stale), "{report:?}");
    assert!(report.stalest < kept + TOLERANCE && report.stalest > kept / 2, "{report:?}");
    assert_eq!(report.errors(), 0, "{report:?}");
}

#[test]
fn an_old_answer_after_the_grace_is_stale_though_nobody_has_seen_a_new_one() {
    let slow = Faults { delay: Duration::from_millis(150), ..Faults::default() };
    let report = churn(slow, |plan| plan.grace = Duration::from_millis(50)).unwrap();
    assert!(report.stale > 0 && report.stalest > Duration::from_millis(50), "{report:?}");
}

#[test]
fn requests_that_a_change_breaks_are_counted_by_kind() {
    let report = churn(Faults { broken: Duration::from_millis(50), ..Faults::default() }, |_| ()).unwrap();
    assert!(report.failures["status 503"] >= 6 && report.failures.len() == 1, "{report:?}");
    assert_eq!(report.stale, 0, "{report:?}");
}

#[test]
fn a_change_without_effect_and_a_route_that_is_not_served_are_told() {
    let never = Faults { never: true, ..Faults::default() };
    let change = |plan: &mut Plan| (plan.changes, plan.patience) = (1, Duration::from_millis(200));
    let report = churn(never, change).unwrap();
    assert_eq!((report.without_effect(), report.changes.len()), (1, 1), "{report:?}");
    let elsewhere = TempDir::new().unwrap();
    let server = Gateway::start(elsewhere.path(), Faults::default());
    let error = churn(Faults::default(), |plan| {
        plan.gateway = format!("http://{}/", server.address).parse().unwrap();
        plan.patience = Duration::from_millis(50);
    });
    let said = error.unwrap_err().to_string();
    assert!(said.contains("not served within 50ms, status 404"), "{said}");
}

#[test]
fn an_address_that_kubernetes_would_refuse_is_refused_before_anything_is_written() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(["churn", "--kubernetes", "--advertise", "127.0.0.1", "http://10.0.0.1/"]);
    let output = command.env("KUBECONFIG", "/nowhere").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--advertise 127.0.0.1: Kubernetes refuses such endpoints; write the address"), "{said}");
}

#[test]
fn the_command_prints_and_judges() {
    let directory = TempDir::new().unwrap();
    let server = Gateway::start(directory.path(), Faults::default());
    let churn = |flags: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
        command.arg("churn").args(flags.split_whitespace()).arg("--directory").arg(directory.path());
        let output = command.arg(format!("http://{}/", server.address)).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let few = "--routes 2 --changes 3 --pause 20ms";
    let kept = "--threshold effect_p90<5s --threshold errors=0 --threshold stale=0";
    let (code, out, err) = churn(&format!("{few} {kept}"));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("Changes:\t3 of 2 routes\n") && out.contains("  Stale answers:\t0\n"), "{out}");
    let (code, _, err) = churn(&format!("{few} --threshold effect_max<1us"));
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("threshold effect_max<1us missed: "), "{err}");
    let (_, out, _) = churn(&format!("{few} --json -"));
    let figures: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(figures["changes"].as_array().unwrap().len(), 3);
    for wrong in [
        "--routes 0",
        "--rate 0",
        "-c 0",
        "--threshold p99<1s",
        "--kubernetes --advertise 10.0.0.1",
        "--advertise 10.0.0.1",
    ] {
        assert_eq!(churn(wrong).0, Some(2), "{wrong}");
    }
}
