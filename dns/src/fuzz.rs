//! Random packets, beside a reader of whole messages.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use net_pingora_fuzz::{Corpus, bytes};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::service::{Rate, Service};
use crate::zones::{Zone, Zones};

/// What a query is made of, and what has fooled parsers.
const WORDS: [&[u8]; 22] = [
    b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0",
    b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\x01",
    b"\x80",
    b"\0\0",
    b"\0\x01",
    b"\xFF\xFF",
    b"\xC0\x0C",
    b"\xC0\x00",
    b"\xC0\x10",
    b"\0\x01\0\x01",
    b"\0\x1C\0\x01",
    b"\0\x06\0\x01",
    b"\0\xFF\0\x01",
    b"\x03app",
    b"\x0210\x010\x010\x015",
    b"\x0810-0-0-5",
    b"\x080a000005",
    b"\x0b2001-db8--5",
    b"\x03nip\x02io\0",
    b"\x05sslip\x02io\0",
    b"\0\0\x29\x04\xD0\0\0\0\0\0\0",
    &[b'?'; 63],
];

#[test]
fn any_packet_gets_a_whole_answer_within_its_bound_or_none() {
    let corpus = Corpus::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/packets"));
    let service = service();
    bytes("packets", 20_000, &corpus, &WORDS, |packet| {
        let datagram = service.datagram(packet, Rate::Within);
        let message = service.message(packet);
        prop_assert_eq!(datagram.is_some(), message.is_some());
        if let (Some(datagram), Some(message)) = (datagram, message) {
            prop_assert!(datagram.len() <= (4 * packet.len()).min(1232));
            prop_assert!(datagram == message || read(&datagram)?.truncation);
            answers(packet, &datagram)?;
            answers(packet, &message)?;
        }
        if let Some(limited) = service.datagram(packet, Rate::Over) {
            prop_assert!(limited.len() <= packet.len() && read(&limited)?.truncation);
        }
        Ok(())
    });
}

/// A service that knows zones of every kind.
fn service() -> Service {
    let own: [IpAddr; 2] = ["10.0.0.5".parse().unwrap(), "2001:db8::5".parse().unwrap()];
    let zones = [
        ("nip.io", Zone::magic(own)),
        ("sslip.io", Zone::magic(own).telling(["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()])),
        ("apps.example.com", Zone::domain(own)),
        // A little more than fits beside a short question, and than a datagram takes.
        ("few.example", Zone::domain((0..6).map(|last| IpAddr::from([192, 0, 2, last])))),
        ("many.example", Zone::domain((0..80).map(|last| IpAddr::from([192, 0, 2, last])))),
    ];
    let zones = Arc::new(ArcSwap::from_pointee(Zones::new(zones).unwrap()));
    Service { zones, ttl: 60, counters: Arc::default() }
}

/// Whether an answer is one to this packet, as another reader of both sees it.
fn answers(packet: &[u8], answer: &[u8]) -> TestCaseResult {
    let said = read(answer)?;
    prop_assert_eq!(said.message_type, MessageType::Response);
    prop_assert!(!said.recursion_available && !said.authentic_data && !said.checking_disabled);
    let Ok(asked) = Message::from_vec(packet) else { return Ok(()) };
    prop_assert_eq!((said.id, said.op_code), (asked.id, asked.op_code));
    prop_assert_eq!(said.recursion_desired, asked.recursion_desired);
    if asked.op_code != OpCode::Query {
        prop_assert_eq!(said.response_code, ResponseCode::NotImp);
    } else if let ([question], true) = (&asked.queries[..], records(&asked) <= 4) {
        // A question that points at the header is one to that reader.
        let is_read = said.response_code != ResponseCode::FormErr;
        prop_assert!(is_read || packet.get(12..).is_some_and(|name| name.contains(&0xC0)));
        if is_read {
            prop_assert!(said.queries[0].name().eq_case(question.name()));
            prop_assert_eq!(packet.get(12..12 + echoed(&said)), answer.get(12..12 + echoed(&said)));
            prop_assert_eq!(said.edns.is_some(), asked.edns.is_some());
        }
    }
    Ok(())
}

fn records(message: &Message) -> usize {
    let signatures = usize::from(message.signature.is_some());
    message.all_sections().count() + usize::from(message.edns.is_some()) + signatures
}

/// Octets of the question.
fn echoed(message: &Message) -> usize {
    message.queries.iter().flat_map(|query| query.name().iter()).map(|label| label.len() + 1).sum::<usize>() + 5
}

fn read(answer: &[u8]) -> Result<Message, TestCaseError> {
    Message::from_vec(answer).map_err(|error| TestCaseError::fail(error.to_string()))
}
