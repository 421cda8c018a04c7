//! What a comparison has shown, and texts made of it.

pub(crate) mod configuration;
pub(crate) mod json;
pub(crate) mod markdown;
mod svg;
pub(crate) mod table;

use std::time::Duration;

use super::check::Judged;
use super::cores::Cores;
use super::machine::Machine;
use super::outcome::Outcome;
use super::proxies::Kind;
use super::rounds::Scale;

/// A comparison that is over.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// The command line.
    pub(crate) command: String,
    pub(crate) machine: Machine,
    pub(crate) cores: Cores,
    pub(crate) scale: Scale,
    /// How long it took.
    pub(crate) took: Duration,
    /// What took part, and its version.
    pub(crate) versions: Vec<(Kind, String)>,
    /// How each was configured for HTTP/1.1 and one route.
    pub(crate) configurations: Vec<(Kind, String)>,
    /// What did not take part, and how it is installed.
    pub(crate) left_out: Vec<String>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) judged: Vec<Judged>,
}

impl Comparison {
    /// Whether nothing failed and all rules were kept to.
    pub(crate) fn is_good(&self) -> bool {
        self.judged.iter().all(|judged| judged.kept) && self.outcomes.iter().all(|outcome| outcome.failed.is_empty())
    }
}

/// Bytes in MiB.
#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^53 bytes")]
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
