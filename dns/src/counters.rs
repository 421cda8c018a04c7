//! How many queries came, and how they were answered.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hickory_proto::op::ResponseCode;

/// Queries since the start, by transport and outcome.
#[derive(Debug, Default)]
pub struct Counters([[AtomicU64; Outcome::ALL.len()]; Transport::ALL.len()]);

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// On a connection.
    Tcp,
}

/// What became of a query: the code of its answer, or why there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered, with records or with none of the type.
    NoError,
    /// No question that can be read.
    FormErr,
    /// No such name.
    NxDomain,
    /// No query but another operation.
    NotImp,
    /// Outside our zones, an address we do not tell, or a type we do not answer.
    Refused,
    /// A version of EDNS other than 0.
    BadVers,
    /// Over the rate of its source address, and told to come by TCP.
    Limited,
    /// Not answered: no query, or over the rate of its source address.
    Dropped,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Udp, Self::Tcp];

    /// The name, for the label of a metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::NoError,
        Self::FormErr,
        Self::NxDomain,
        Self::NotImp,
        Self::Refused,
        Self::BadVers,
        Self::Limited,
        Self::Dropped,
    ];

    /// The name, for the label of a metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoError => "noerror",
            Self::FormErr => "formerr",
            Self::NxDomain => "nxdomain",
            Self::NotImp => "notimp",
            Self::Refused => "refused",
            Self::BadVers => "badvers",
            Self::Limited => "limited",
            Self::Dropped => "dropped",
        }
    }
}

impl From<ResponseCode> for Outcome {
    fn from(code: ResponseCode) -> Self {
        match code {
            ResponseCode::NoError => Self::NoError,
            ResponseCode::NXDomain => Self::NxDomain,
            ResponseCode::NotImp => Self::NotImp,
            ResponseCode::Refused => Self::Refused,
            ResponseCode::BADVERS => Self::BadVers,
            _ => Self::FormErr,
        }
    }
}

impl Counters {
    /// The counts of every transport and outcome, zeros included.
    pub fn snapshot(&self) -> impl Iterator<Item = (Transport, Outcome, u64)> {
        let outcomes = |transport| Outcome::ALL.map(|outcome| (transport, outcome));
        let all = Transport::ALL.into_iter().flat_map(outcomes);
        all.map(|(transport, outcome)| (transport, outcome, self.cell(transport, outcome).load(Relaxed)))
    }

    pub(crate) fn count(&self, transport: Transport, outcome: Outcome) {
        self.cell(transport, outcome).fetch_add(1, Relaxed);
    }

    fn cell(&self, transport: Transport, outcome: Outcome) -> &AtomicU64 {
        &self.0[transport as usize][outcome as usize]
    }
}
