//! How many queries a second one core answers.
//!
//! `cargo run --release -p net-pingora-dns --example throughput -- 10000 10` asks 10,000 times a second for 10
//! seconds, by UDP over loopback, and measures the thread that answers.

#![allow(clippy::unwrap_used, missing_docs, reason = "a tool of ours that ends at the first surprise")]

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::{Name, RecordType};
use net_pingora_dns::{Counters, Responder, Settings, Zone, Zones};

/// Questions are sent in bursts of this length.
const TICK: Duration = Duration::from_millis(1);

/// What resolvers ask: names of every form, those without an address, and those that are not ours.
const QUESTIONS: [(&str, RecordType); 10] = [
    ("hello.default.10-0-0-5.sslip.io.", RecordType::A),
    ("hello.default.10-0-0-5.sslip.io.", RecordType::AAAA),
    ("hello.default.10.0.0.5.nip.io.", RecordType::A),
    ("hello.default.0a000005.nip.io.", RecordType::A),
    ("hello.default.2001-db8--5.sslip.io.", RecordType::AAAA),
    ("hello.default.apps.example.com.", RecordType::A),
    ("hello.default.apps.example.com.", RecordType::HTTPS),
    ("hello.default.sslip.io.", RecordType::A),
    ("10-0-0-6.nip.io.", RecordType::A),
    ("www.example.org.", RecordType::A),
];

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u32>().unwrap());
    let (rate, seconds) = (arguments.next().unwrap_or(10_000), arguments.next().unwrap_or(10));
    let (address, counters, thread) = respond();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let theirs = socket.try_clone().unwrap();
    let receiving = thread::spawn(move || receive(&theirs));

    let before = cpu(&thread);
    let started = Instant::now();
    let sent = send(&socket, rate, started + Duration::from_secs(seconds.into()));
    let took = started.elapsed();
    let received = receiving.join().unwrap();
    let answered: u64 = counters.snapshot().map(|(_, _, count)| count).sum();
    let used = cpu(&thread).checked_sub(before).unwrap();

    let rate = f64::from(sent) / took.as_secs_f64();
    let busy = used.as_secs_f64() / took.as_secs_f64();
    let each = used / u32::try_from(answered.max(1)).unwrap();
    println!("asked {sent} in {:.1} s ({rate:.0}/s), answered {answered}, received {received}", took.as_secs_f64());
    println!("the thread that answers was busy {:.1} % of the time, {each:.1?} an answer", 100.0 * busy);
    println!("one core would answer {:.0}/s", 1.0 / each.as_secs_f64());
}

/// Answers on a thread of its own; returns where, what it counts, and the thread's directory in `/proc`.
fn respond() -> (SocketAddr, Arc<Counters>, PathBuf) {
    let own: [IpAddr; 2] = ["10.0.0.5".parse().unwrap(), "2001:db8::5".parse().unwrap()];
    let zones = [("sslip.io", Zone::magic(own)), ("nip.io", Zone::magic(own)), ("apps.example.com", Zone::domain(own))];
    let zones = Arc::new(ArcSwap::from_pointee(Zones::new(zones).unwrap()));
    let settings = Settings { listen: vec!["127.0.0.1:0".parse().unwrap()], udp_rate: None, ..Settings::default() };
    let (started, start) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let responder = Responder::bind(settings, zones).unwrap();
            let thread = std::fs::read_link("/proc/thread-self").unwrap();
            let thread = PathBuf::from("/proc").join(thread);
            started.send((responder.local_addrs()[0], responder.counters(), thread)).unwrap();
            responder.run(std::future::pending()).await;
        });
    });
    start.recv().unwrap()
}

/// Time that a thread has been on a core (`schedstat` in proc(5)).
fn cpu(thread: &std::path::Path) -> Duration {
    let statistics = std::fs::read_to_string(thread.join("schedstat")).unwrap();
    Duration::from_nanos(statistics.split(' ').next().unwrap().parse().unwrap())
}

/// Sends `rate` questions a second until `end`; returns how many.
fn send(socket: &UdpSocket, rate: u32, end: Instant) -> u32 {
    let packets: Vec<_> = QUESTIONS.into_iter().map(packet).collect();
    let mut packets = packets.iter().cycle();
    let started = Instant::now();
    let mut sent = 0;
    while Instant::now() < end {
        let due = started.elapsed().as_secs_f64() * f64::from(rate);
        while f64::from(sent) < due {
            socket.send(packets.next().unwrap()).unwrap();
            sent += 1;
        }
        sleep(TICK);
    }
    sent
}

fn packet((name, record_type): (&str, RecordType)) -> Vec<u8> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), record_type));
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    message.set_edns(edns);
    message.to_vec().unwrap()
}

/// Counts answers until a second passes without any.
fn receive(socket: &UdpSocket) -> u32 {
    let mut buffer = [0; 2048];
    std::iter::from_fn(|| socket.recv(&mut buffer).ok()).map(|_| 1).sum()
}
