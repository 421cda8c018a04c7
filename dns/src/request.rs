//! What a packet asks.

use hickory_proto::op::{Edns, Header, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, DecodeError};

/// Records a query may bring: OPT, and signatures, which we do not look at.
const MOST_RECORDS: u16 = 4;

/// A question that can be answered.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) metadata: Metadata,
    pub(crate) question: Query,
    pub(crate) edns: Option<Edns>,
}

/// A packet that asks nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It has no whole header, or is a response itself: whoever answers one answers for ever.
    Unanswerable,
    /// It is answered with this code.
    Code(Metadata, ResponseCode),
}

impl Request {
    /// Reads a message without its framing.
    pub(crate) fn read(packet: &[u8]) -> Result<Self, Fault> {
        let mut decoder = BinDecoder::new(packet);
        let Ok(Header { metadata, counts }) = Header::read(&mut decoder) else { return Err(Fault::Unanswerable) };
        if metadata.message_type == MessageType::Response {
            return Err(Fault::Unanswerable);
        }
        if metadata.op_code != OpCode::Query {
            return Err(Fault::Code(metadata, ResponseCode::NotImp));
        }
        let records = counts.answers.saturating_add(counts.authorities).saturating_add(counts.additionals);
        // One question: RFC 9619 §4.
        if counts.queries != 1 || records > MOST_RECORDS {
            return Err(Fault::Code(metadata, ResponseCode::FormErr));
        }
        let mut rest = || Ok((read_question(&mut decoder)?, read_edns(&mut decoder, records)?));
        let (question, edns) = rest().map_err(|Malformed| Fault::Code(metadata, ResponseCode::FormErr))?;
        Ok(Self { metadata, question, edns })
    }

    /// Octets that whoever asked takes in a datagram (RFC 6891 §6.2.3).
    pub(crate) fn payload(&self) -> u16 {
        self.edns.as_ref().map_or(512, Edns::max_payload)
    }
}

/// What follows the header cannot be read.
struct Malformed;

impl From<DecodeError> for Malformed {
    fn from(_: DecodeError) -> Self {
        Self
    }
}

/// Reads the question. It stands first, so its name has nothing to point to, and is as long in the answer.
fn read_question(decoder: &mut BinDecoder<'_>) -> Result<Query, Malformed> {
    let start = decoder.index();
    let question = Query::read(decoder)?;
    let labels: usize = question.name().iter().map(|label| label.len() + 1).sum();
    if decoder.index() - start == labels + 1 + 4 { Ok(question) } else { Err(Malformed) }
}

/// Reads what follows the question, of which only an OPT record counts (RFC 6891 §6.1).
fn read_edns(decoder: &mut BinDecoder<'_>, records: u16) -> Result<Option<Edns>, Malformed> {
    let mut edns = None;
    for _ in 0..records {
        let owner = Name::read(decoder)?;
        let record_type = RecordType::read(decoder)?;
        let class = decoder.read_u16()?.unverified(/* any is the size of a payload */);
        let ttl = decoder.read_u32()?.unverified(/* any is flags */);
        let length = decoder.read_u16()?.unverified(/* the next line verifies it */);
        decoder.read_slice(usize::from(length))?;
        if record_type != RecordType::OPT {
            continue;
        }
        let [_, version, flags, _] = ttl.to_be_bytes();
        let mut read = Edns::new();
        read.set_max_payload(class).set_version(version).set_dnssec_ok(flags & 0x80 != 0);
        if !owner.is_root() || edns.replace(read).is_some() {
            return Err(Malformed);
        }
    }
    Ok(edns)
}
