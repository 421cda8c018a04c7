//! What is said to a question.

use std::borrow::Cow;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Metadata, ResponseCode};
use hickory_proto::rr::rdata::{NS, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use crate::request::Request;
use crate::zones::{Apex, Known, Zones};

/// Octets of a datagram that no network cuts into pieces (DNS Flag Day 2020).
pub(crate) const UDP_PAYLOAD: u16 = 1232;

/// Nobody copies our zones, so nobody goes by these numbers of an SOA record; all are in seconds but the first.
const SERIAL: u32 = 1;
const REFRESH: i32 = 3600;
const RETRY: i32 = 600;
const EXPIRE: i32 = 86_400;

/// The answer to a question, for as long as `ttl`, in seconds.
pub(crate) fn answer(request: &Request, zones: &Zones, ttl: u32) -> Message {
    let mut message = empty(request);
    message.metadata.response_code = resolve(request, zones, ttl, &mut message);
    message
}

/// An answer that tells to come again by TCP (RFC 1035 §4.2.1).
pub(crate) fn truncated(request: &Request) -> Message {
    let mut message = empty(request);
    message.metadata.truncation = true;
    message
}

/// An answer of a header alone, as the question cannot be read.
pub(crate) fn fault(metadata: &Metadata, code: ResponseCode) -> Message {
    let mut message = response(metadata);
    message.metadata.response_code = code;
    message
}

fn response(metadata: &Metadata) -> Message {
    let mut message = Message::response(metadata.id, metadata.op_code);
    message.metadata.recursion_desired = metadata.recursion_desired;
    message
}

/// The question again, as it came, letter case included.
fn empty(request: &Request) -> Message {
    let mut message = response(&request.metadata);
    message.add_query(request.question.clone());
    message.edns = request.edns.as_ref().map(|theirs| {
        let mut ours = Edns::new();
        ours.set_max_payload(UDP_PAYLOAD).set_dnssec_ok(theirs.flags().dnssec_ok);
        ours
    });
    message
}

/// Puts records in the message; returns its code.
fn resolve(request: &Request, zones: &Zones, ttl: u32, message: &mut Message) -> ResponseCode {
    if request.edns.as_ref().is_some_and(|edns| edns.version() != 0) {
        return ResponseCode::BADVERS;
    }
    let question = &request.question;
    if question.query_class() != DNSClass::IN || is_meta(question.query_type()) {
        return ResponseCode::Refused;
    }
    let name = text(question.name());
    let Some((apex, front)) = zones.find(&name) else { return ResponseCode::Refused };
    let (addresses, code) = match apex.zone().name(front) {
        Known::Addresses(addresses) => (addresses, ResponseCode::NoError),
        Known::Nothing => (Cow::default(), ResponseCode::NXDomain),
        Known::Untold => return ResponseCode::Refused,
    };
    message.metadata.authoritative = true;
    let record = |data| Record::from_rdata(question.name().clone(), ttl, data);
    match question.query_type() {
        RecordType::SOA if front.is_empty() => message.add_answer(record(apex.soa(ttl))),
        RecordType::NS if front.is_empty() => message.add_answer(record(RData::NS(NS(apex.server.clone())))),
        wanted => {
            let data = addresses.iter().map(|address| RData::from(*address));
            message.add_answers(data.filter(|data| data.record_type() == wanted).map(record))
        }
    };
    if message.answers.is_empty() {
        // RFC 2308 §3.
        let owner = question.name().trim_to(apex.labels);
        message.add_authority(Record::from_rdata(owner, ttl, apex.soa(ttl)));
    }
    code
}

impl Apex {
    fn soa(&self, ttl: u32) -> RData {
        RData::SOA(SOA::new(self.server.clone(), self.mailbox.clone(), SERIAL, REFRESH, RETRY, EXPIRE, ttl))
    }
}

/// Whether a type asks for something else than records of that type (RFC 6895 §3.1): a transfer, or whatever there
/// is, to which nobody need answer (RFC 8482 §1).
fn is_meta(record_type: RecordType) -> bool {
    record_type == RecordType::OPT || (128..=255).contains(&u16::from(record_type))
}

/// A name in lower case, with dots between its labels, and no byte that could be read as something else.
fn text(name: &Name) -> String {
    let mut text = String::with_capacity(name.len());
    for label in name {
        if !text.is_empty() {
            text.push('.');
        }
        text.extend(label.iter().map(|byte| match byte.to_ascii_lowercase() {
            plain @ (b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') => char::from(plain),
            _ => '?',
        }));
    }
    text
}

/// A time in whole seconds, as records have it (RFC 2181 §8).
pub(crate) fn seconds(ttl: Duration) -> u32 {
    u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX).min(i32::MAX.unsigned_abs())
}
