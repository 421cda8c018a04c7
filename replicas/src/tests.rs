//! Whole replicas; sockets and TLS are real, the API server is in memory.

use std::io::Write;
use std::net::Ipv4Addr;
use std::time::Duration;

use net_pingora_routing::ObjectKey;
use tempfile::NamedTempFile;
use tokio::time::timeout;

use super::*;
use crate::testing::{ApiServer, LEASE, NAMESPACE};

/// Longer than anything here takes, so that a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(20);

struct Replica {
    replicas: Replicas,
    leadership: watch::Receiver<Leadership>,
    reports: mpsc::Receiver<Report>,
    served: Served,
    _token_file: NamedTempFile,
}

fn settings(name: &str, token_file: &NamedTempFile) -> Settings {
    // An address of its own on loopback, so that no other process has the port.
    let address = Ipv4Addr::new(127, fastrand::u8(1..), fastrand::u8(..), fastrand::u8(1..255));
    let address = SocketAddr::from((address, 9002));
    let channel = Channel {
        listen: address,
        advertised: address,
        token_file: token_file.path().to_owned(),
        service_account: "net-pingora".into(),
    };
    Settings { identity: name.into(), namespace: NAMESPACE.into(), lease: LEASE.into(), channel: Some(channel) }
}

fn replica(api: &ApiServer, name: &str) -> Replica {
    api.allow(name, name);
    let mut token_file = NamedTempFile::new().unwrap();
    write!(token_file, "{name}").unwrap();
    let served = Served::default();
    let settings = settings(name, &token_file);
    let (replicas, leadership, reports) = Replicas::start(settings, api.client().0, served.clone()).unwrap();
    Replica { replicas, leadership, reports, served, _token_file: token_file }
}

impl Replica {
    async fn knows(&mut self, wanted: impl Fn(&Leadership) -> bool) {
        timeout(PATIENCE, self.leadership.wait_for(wanted)).await.unwrap().unwrap();
    }

    /// The next events of a replica; those of others are left out.
    async fn hears(&mut self, replica: &str, wanted: &[Event]) {
        for event in wanted {
            let heard = loop {
                let report = timeout(PATIENCE, self.reports.recv()).await.unwrap().unwrap();
                if report.replica == replica {
                    break report.event;
                }
            };
            assert_eq!(heard, *event, "{replica}");
        }
    }
}

#[tokio::test]
async fn the_leader_hears_all_replicas_and_the_next_one_does_when_it_leaves() {
    let server = ApiServer::default();
    let change = |generation| vec![(ObjectKey::new("ns", "a"), Some(Version { uid: "u".into(), generation }))];
    let everything = |generation| [Event::Connected, Event::Serves(change(generation))];
    let mut first = replica(&server, "first");
    first.served.apply(change(1));
    first.knows(|leadership| *leadership == Leadership::Us).await;
    first.hears("first", &everything(1)).await;
    let mut second = replica(&server, "second");
    second.served.apply(change(2));
    first.hears("second", &everything(2)).await;
    second.served.apply(change(3));
    first.hears("second", &[Event::Serves(change(3))]).await;

    first.replicas.release().await;
    first.hears("first", &[Event::Disconnected]).await;
    second.knows(|leadership| *leadership == Leadership::Us).await;
    second.hears("first", &everything(1)).await;
    first.knows(|leadership| matches!(leadership, Leadership::Other(leader) if leader.identity == "second")).await;
    drop(first);
    second.hears("first", &[Event::Disconnected]).await;
}

#[tokio::test]
async fn a_taken_port_is_told_at_the_start() {
    let (server, token_file) = (ApiServer::default(), NamedTempFile::new().unwrap());
    let settings = settings("pod", &token_file);
    let address = settings.channel.as_ref().unwrap().listen;
    let _taken = std::net::TcpListener::bind(address).unwrap();
    let error = Replicas::start(settings, server.client().0, Served::default()).err().unwrap().to_string();
    assert!(error.starts_with(&format!("cannot listen on {address} for the other replicas: ")), "{error}");
}

#[tokio::test]
async fn one_without_a_pod_leads_and_hears_itself() {
    let (server, token_file) = (ApiServer::default(), NamedTempFile::new().unwrap());
    let settings = Settings { channel: None, ..settings("process", &token_file) };
    let (_replicas, _, mut reports) = Replicas::start(settings, server.client().0, Served::default()).unwrap();
    for event in [Event::Connected, Event::Serves(Vec::new())] {
        let report = timeout(PATIENCE, reports.recv()).await.unwrap().unwrap();
        assert_eq!(report, Report { replica: "process".into(), event });
    }
}
