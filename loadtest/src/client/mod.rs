//! One client a protocol; each sends a request and waits for its end.

mod answer;
mod chunks;
mod connect;
pub(crate) mod grpc;
pub(crate) mod http1;
pub(crate) mod http2;
mod messages;
pub(crate) mod tls;
pub(crate) mod websocket;

use std::cell::RefCell;

pub(crate) use answer::Keep;

use crate::failure::Failure;
use crate::record::Outcome;

/// Bytes read at once.
const SCRATCH: usize = 64 << 10;

/// A connection, or a stream of one: it sends a request when it has the answer to the one before.
pub(crate) trait Client {
    /// Sends a request and reads its answer, connecting first where it must.
    ///
    /// The future may be dropped; the next request then begins on something new.
    async fn exchange(&mut self) -> Result<Outcome, Failure>;

    /// Ends what stays open between requests.
    async fn finish(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// What all clients of a thread share.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) random: RefCell<fastrand::Rng>,
    /// Where bytes are read to; borrowed within one poll only.
    scratch: RefCell<Box<[u8]>>,
}

impl Default for Local {
    fn default() -> Self {
        Self { random: RefCell::default(), scratch: RefCell::new(vec![0; SCRATCH].into()) }
    }
}
