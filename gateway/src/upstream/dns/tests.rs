//! Names against a DNS server that answers, lies or hangs.

use std::net::Ipv4Addr;
use std::sync::atomic::AtomicU32;

use futures::future::join_all;
use hickory_resolver::config::NameServerConfig;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, CNAME};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use net_pingora_routing::Publisher;
use tokio::net::UdpSocket;

use super::*;
use crate::observe::metrics::Metrics;

const IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);
/// What only a lie tells.
const LIE: Ipv4Addr = Ipv4Addr::new(10, 6, 6, 6);

/// A resolver whose only DNS server is this one; it counts queries for IPv4 addresses.
async fn names(deadline: Duration) -> (Arc<Names>, Arc<AtomicU32>) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut server = NameServerConfig::udp(Ipv4Addr::LOCALHOST.into());
    server.connections[0].port = socket.local_addr().unwrap().port();
    let config = ResolverConfig::from_name_servers(vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder.options_mut().use_hosts_file = ResolveHosts::Never;
    let asked = Arc::new(AtomicU32::new(0));
    tokio::spawn(serve(socket, Arc::clone(&asked)));
    let metrics = Metrics::new(Publisher::default().cell(), None).unwrap().dns;
    (Names::new(builder, Handle::current(), metrics, deadline).unwrap(), asked)
}

async fn serve(socket: UdpSocket, asked: Arc<AtomicU32>) {
    let mut packet = [0; 512];
    loop {
        let (length, client) = socket.recv_from(&mut packet).await.unwrap();
        let query = Message::from_vec(&packet[..length]).unwrap();
        if query.queries[0].query_type() == RecordType::A {
            asked.fetch_add(1, Ordering::Relaxed);
        }
        for packet in answers(&query) {
            socket.send_to(&packet, client).await.unwrap();
        }
    }
}

/// The packets that a query is answered with, some of them lies.
fn answers(query: &Message) -> Vec<Vec<u8>> {
    let Some(honest) = answer(query) else { return Vec::new() };
    let mut lie = honest.clone();
    match &*query.queries[0].name().to_ascii() {
        "spoofed.example." => {
            lie.metadata.id = !query.id;
            lie.answers = vec![Record::from_rdata(query.queries[0].name().clone(), 2, RData::A(A(LIE)))];
            vec![lie.to_vec().unwrap(), honest.to_vec().unwrap()]
        }
        "mistaken.example." => {
            lie.queries[0].set_name(DnsName::from_ascii("other.example.").unwrap());
            vec![lie.to_vec().unwrap()]
        }
        "garbage.example." => vec![vec![0xff; 64], Vec::new()],
        _ => vec![honest.to_vec().unwrap()],
    }
}

/// What the server says depends on the first label of the name.
fn answer(query: &Message) -> Option<Message> {
    let question = &query.queries[0];
    let name = question.name();
    let mut answer = Message::response(query.id, query.op_code);
    answer.add_query(question.clone());
    let address = |name, ttl| Record::from_rdata(name, ttl, RData::A(A(IP)));
    match &*name.to_ascii() {
        "silent.example." => return None,
        "broken.example." => answer.metadata.response_code = ResponseCode::ServFail,
        "unknown.example." => answer.metadata.response_code = ResponseCode::NXDomain,
        _ if question.query_type() != RecordType::A => {}
        "empty.example." => {}
        "here.example." => {
            answer.add_answer(Record::from_rdata(name.clone(), 2, RData::A(A(Ipv4Addr::LOCALHOST))));
        }
        "loop.example." | "pool.example." => {
            let other = if name.to_ascii().starts_with('l') { "pool.example." } else { "loop.example." };
            let target = DnsName::from_ascii(other).unwrap();
            answer.add_answer(Record::from_rdata(name.clone(), 2, RData::CNAME(CNAME(target))));
        }
        "alias.example." => {
            let target = DnsName::from_ascii("target.example.").unwrap();
            answer.add_answer(Record::from_rdata(name.clone(), 3, RData::CNAME(CNAME(target.clone()))));
            answer.add_answer(address(target, 300));
        }
        _ => {
            answer.add_answer(address(name.clone(), 2));
        }
    }
    Some(answer)
}

#[tokio::test]
async fn every_answer_of_dns_has_its_outcome() {
    let (names, _) = names(DEADLINE).await;
    let ok = |ip: &str| Ok(vec![ip.parse().unwrap()]);
    let failed =
        |host: &str| NameError::Failed { host: host.into(), error: "DNS error: error response: Server Failure".into() };
    for (host, wanted) in [
        ("a.example", ok("10.0.0.7:80")),
        ("a.example.", ok("10.0.0.7:80")),
        ("alias.example", ok("10.0.0.7:80")),
        ("spoofed.example", ok("10.0.0.7:80")),
        ("here.example", Err(NameError::Forbidden("here.example".into()))),
        ("127.0.0.1", Err(NameError::Forbidden("127.0.0.1".into()))),
        ("[::1]", Err(NameError::Forbidden("[::1]".into()))),
        ("192.0.2.1", ok("192.0.2.1:80")),
        ("2001:db8::1", ok("[2001:db8::1]:80")),
        ("[2001:db8::1]", ok("[2001:db8::1]:80")),
        ("unknown.example", Err(NameError::NotFound("unknown.example".into()))),
        ("empty.example", Err(NameError::NotFound("empty.example".into()))),
        ("broken.example", Err(failed("broken.example"))),
        ("no..name", Err(NameError::Invalid("no..name".into()))),
    ] {
        let found = names.resolve(host, 80).await.map(|found| found.iter().collect::<Vec<_>>());
        assert_eq!(found, wanted, "{host}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for_longer_than_the_deadline() {
    let (names, _) = names(Duration::from_millis(50)).await;
    let failed = names.resolve("silent.example", 80).await.unwrap_err();
    assert_eq!(failed, NameError::Timeout("silent.example".into()));
    assert_eq!((names.metrics.lookups.get(), names.metrics.failures.get()), (1, 1));
}

#[tokio::test]
async fn what_answers_no_question_of_ours_is_no_answer() {
    for host in ["mistaken.example", "garbage.example"] {
        let (names, _) = names(Duration::from_millis(500)).await;
        let found = names.resolve(host, 80).await;
        assert!(matches!(found, Err(NameError::Timeout(_) | NameError::Failed { .. })), "{host}: {found:?}");
    }
}

#[tokio::test]
async fn aliases_in_a_circle_end() {
    let (names, asked) = names(DEADLINE).await;
    let failed = names.resolve("loop.example", 80).await.unwrap_err();
    assert!(matches!(failed, NameError::NotFound(_) | NameError::Failed { .. }), "{failed}");
    assert!(asked.load(Ordering::Relaxed) < 20, "{asked:?} queries");
}

#[tokio::test]
async fn a_crowd_waits_for_one_query_of_a_server_that_says_nothing() {
    let (names, _) = names(Duration::from_millis(50)).await;
    let crowd = join_all((0..50).map(|_| names.resolve("silent.example", 80))).await;
    assert!(crowd.iter().all(Result::is_err));
    assert_eq!(names.metrics.lookups.get(), 1);
}

#[tokio::test]
async fn a_machine_without_dns_servers_says_so() {
    let mut builder = TokioResolver::builder_with_config(ResolverConfig::default(), TokioRuntimeProvider::default());
    builder.options_mut().use_hosts_file = ResolveHosts::Never;
    let metrics = Metrics::new(Publisher::default().cell(), None).unwrap().dns;
    let names = Names::new(builder, Handle::current(), metrics, DEADLINE).unwrap();
    let failed = names.resolve("a.example", 80).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "host `a.example`: DNS failed with `no connections available`; check the servers in /etc/resolv.conf"
    );
}

#[tokio::test]
async fn a_crowd_asks_once_and_the_next_not_at_all() {
    let (names, asked) = names(DEADLINE).await;
    for port in [80, 8080] {
        let crowd = join_all((0..50).map(|_| names.resolve("a.example", port))).await;
        assert!(crowd.iter().all(|found| found.as_ref().unwrap().iter().eq([SocketAddr::from((IP, port))])));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!((names.metrics.lookups.get(), names.metrics.failures.get()), (1, 0));
}

#[tokio::test]
async fn a_request_that_goes_away_leaves_its_query_to_others() {
    let (names, asked) = names(DEADLINE).await;
    let first = names.resolve("a.example", 80);
    assert!(futures::poll!(Box::pin(first)).is_pending());
    assert!(names.resolve("a.example", 80).await.is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_shortest_ttl_of_an_answer_counts() {
    let (names, _) = names(DEADLINE).await;
    for (host, seconds) in [("a.example.", 2), ("alias.example.", 3)] {
        let found = names.lookup(DnsName::from_ascii(host).unwrap()).await.unwrap();
        assert_eq!(addresses(host, &found).unwrap().1, Duration::from_secs(seconds), "{host}");
    }
}

#[tokio::test]
async fn names_are_bounded_and_the_newest_is_kept() {
    let (names, _) = names(DEADLINE).await;
    for n in 0..NAMES + 10 {
        let host = format!("host-{n}.example");
        let name = names.name(&host);
        let now = Instant::now();
        name.answer.store(Some(Arc::new(Answer::good(Arc::new([IP.into()]), Duration::ZERO, now))));
        assert!(Arc::ptr_eq(&name, &names.name(&host)));
    }
    let kept = names.known.load();
    assert_eq!(kept.len(), NAMES);
    assert!(!kept.contains_key("host-9.example") && kept.contains_key("host-10.example"));
}
