//! What nobody gets out of us by a forged address.

use std::time::Instant;

use net_pingora_dns::{Outcome, Transport};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::client::{A, Tcp, Udp, addresses, opt, padding, question};
use super::server::Server;

const NAMES: [&str; 12] = [
    "",
    ".",
    "sslip.io",
    "nip.io",
    "many.example",
    "most.example",
    "apps.example.com",
    "10-0-0-5.sslip.io",
    "10.0.0.5.nip.io",
    "5.nip.io",
    "2001-db8--5.site.example",
    "example.org",
];

/// A query that is mostly right.
fn query() -> impl Strategy<Value = Vec<u8>> {
    let types = prop_oneof![Just(1_u16), Just(28), Just(2), Just(6), Just(255), any::<u16>()];
    let edns = proptest::option::of((any::<u16>(), prop_oneof![4 => Just(0), 1 => any::<u8>()], 0..1400_u16));
    let labels = vec("[a-z0-9]{1,20}", 0..8);
    let broken = proptest::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    (labels, prop::sample::select(&NAMES[..]), types, edns, broken).prop_map(|(labels, name, asked, edns, broken)| {
        let mut packet = question(&format!("{}.{name}", labels.join(".")), asked);
        if let Some((payload, version, length)) = edns {
            opt(&mut packet, payload, [0, version, 0x80, 0], &padding(length));
        }
        if let Some((at, to)) = broken {
            let at = at.index(packet.len());
            packet[at] = to;
        }
        packet
    })
}

#[test]
fn no_datagram_has_more_than_four_times_the_octets_of_its_question() {
    let server = Server::start();
    let udp = Udp::new(server.address);
    let packets = prop_oneof![4 => query(), 1 => vec(any::<u8>(), 0..600)];
    let mut runner = TestRunner::new(Config { cases: 5_000, failure_persistence: None, ..Config::default() });
    let done = runner.run(&packets, |packet| {
        prop_assume!(!packet.starts_with(b"!!"));
        for answer in udp.ask_in_vain(&packet) {
            prop_assert!(answer.len() <= (4 * packet.len()).min(1232), "{} for {}", answer.len(), packet.len());
            prop_assert_eq!((&answer[..2], answer[2] & 0x80, answer[3] & 0x80), (&packet[..2], 0x80, 0));
        }
        Ok(())
    });
    done.unwrap();
    let answered = [Outcome::NoError, Outcome::NxDomain, Outcome::FormErr, Outcome::Refused, Outcome::BadVers];
    for outcome in answered {
        assert!(server.count(Transport::Udp, outcome) > 100, "{outcome:?}");
    }
}

#[test]
fn over_its_rate_an_address_is_told_to_come_by_tcp() {
    let server = Server::limited_to(1);
    let udp = Udp::new(server.address);
    let packet = question("app.10-0-0-5.sslip.io", A);
    let started = Instant::now();
    let answers: Vec<_> = (0..100).map(|_| udp.ask(&packet)).collect();
    let (full, rest): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| !addresses(answer).is_empty());
    let most = 2.0 + started.elapsed().as_secs_f64();
    assert!(!full.is_empty() && (u32::try_from(full.len()).map(f64::from).unwrap()) < most, "{}", full.len());
    // No longer than the question, and not authoritative for anything.
    let truncated = [&packet[..2], &[0x83, 0], &packet[4..]].concat();
    assert!(!rest.is_empty() && rest.iter().all(|answer| *answer == truncated));
    assert_eq!(server.count(Transport::Udp, Outcome::Limited), rest.len() as u64);
    // What would be a mistake gets nothing, another address and another transport everything.
    udp.send(&packet[..12]);
    assert_eq!(addresses(&Udp::from([127, 0, 0, 2], server.address).ask(&packet)).len(), 1);
    assert_eq!(addresses(&Tcp::new(server.address).ask(&packet).unwrap()).len(), 1);
    assert_eq!(server.count(Transport::Udp, Outcome::Dropped), 1);
}
