//! From a packet to the packet that answers it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use hickory_proto::op::Message;

use crate::answer::{self, UDP_PAYLOAD};
use crate::counters::{Counters, Outcome, Transport};
use crate::request::{Fault, Request};
use crate::zones::Zones;

/// An answer in a datagram has at most this many times the octets of its question: whoever forges the address of
/// another gains nothing from us.
const AMPLIFICATION: usize = 4;

/// An answer, and how it counts.
type Answered = (Vec<u8>, Outcome);

/// What all transports share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) zones: Arc<ArcSwap<Zones>>,
    /// Seconds for which an answer counts.
    pub(crate) ttl: u32,
    pub(crate) counters: Arc<Counters>,
}

/// What the rate of its source address makes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    Within,
    /// It is told to come by TCP, where an address cannot be forged.
    Over,
}

impl Service {
    /// The answer to a datagram, if it gets one.
    pub(crate) fn datagram(&self, packet: &[u8], rate: Rate) -> Option<Vec<u8>> {
        let most = AMPLIFICATION * packet.len();
        let answered = match Request::read(packet) {
            Ok(request) if rate == Rate::Over => encoded(&answer::truncated(&request), Outcome::Limited),
            Ok(request) => {
                let limit = usize::from(request.payload().min(UDP_PAYLOAD)).min(most);
                self.fitting(&request, limit)
            }
            Err(_) if rate == Rate::Over => None,
            Err(fault) => faulty(&fault),
        };
        let within = answered.filter(|(answer, _)| answer.len() <= most);
        self.counted(Transport::Udp, within)
    }

    /// The answer to a message on a connection, if it gets one.
    pub(crate) fn message(&self, message: &[u8]) -> Option<Vec<u8>> {
        let answered = match Request::read(message) {
            Ok(request) => self.fitting(&request, usize::from(u16::MAX)),
            Err(fault) => faulty(&fault),
        };
        self.counted(Transport::Tcp, answered)
    }

    /// The answer of at most `limit` octets: all of it, or that it is truncated.
    fn fitting(&self, request: &Request, limit: usize) -> Option<Answered> {
        let message = answer::answer(request, &self.zones.load(), self.ttl);
        let outcome = Outcome::from(message.metadata.response_code);
        let whole = encoded(&message, outcome).filter(|(whole, _)| whole.len() <= limit);
        whole.or_else(|| encoded(&message.truncate(), outcome))
    }

    fn counted(&self, transport: Transport, answered: Option<Answered>) -> Option<Vec<u8>> {
        let outcome = answered.as_ref().map_or(Outcome::Dropped, |(_, outcome)| *outcome);
        self.counters.count(transport, outcome);
        answered.map(|(answer, _)| answer)
    }
}

fn faulty(fault: &Fault) -> Option<Answered> {
    let Fault::Code(metadata, code) = fault else { return None };
    encoded(&answer::fault(metadata, *code), Outcome::from(*code))
}

fn encoded(message: &Message, outcome: Outcome) -> Option<Answered> {
    Some((message.to_vec().ok()?, outcome))
}
