//! Whether the gateway takes new requests, as `/ready` tells it.

use std::sync::atomic::{AtomicU8, Ordering};

/// Where the gateway is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// The first table is not there yet.
    #[default]
    Starting,
    /// It serves.
    Ready,
    /// It finishes what it has begun.
    Draining,
}

/// The state of now; shared by whoever starts, drains and asks.
#[derive(Debug, Default)]
pub struct Readiness(AtomicU8);

impl Readiness {
    /// The state of now.
    pub fn get(&self) -> State {
        [State::Starting, State::Ready, State::Draining]
            .into_iter()
            .find(|state| *state as u8 == self.0.load(Ordering::Acquire))
            .unwrap_or_default()
    }

    /// Moves on. The way is one: a drain never becomes ready again.
    pub fn advance(&self, state: State) {
        self.0.fetch_max(state as u8, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_never_becomes_ready_again() {
        let readiness = Readiness::default();
        for (step, state) in [
            (State::Starting, State::Starting),
            (State::Ready, State::Ready),
            (State::Draining, State::Draining),
            (State::Ready, State::Draining),
        ] {
            readiness.advance(step);
            assert_eq!(readiness.get(), state, "after {step:?}");
        }
    }
}
