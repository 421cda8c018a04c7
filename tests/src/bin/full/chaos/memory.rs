//! Memory of a gateway while the chaos goes on.

use std::time::{Duration, Instant};

use super::Chaos;
use crate::accounting::resident;
use crate::findings::{Findings, tell};

/// How often memory is looked at, and how often it is told.
const LOOK: Duration = Duration::from_secs(1);
const TELL: Duration = Duration::from_mins(1);

/// What the peak of the last third may be of the first one's.
const MOST_GROWTH: f64 = 1.05;

/// Resident bytes, one figure a second.
#[derive(Debug, Default)]
pub(super) struct Memory(Vec<u64>);

impl Memory {
    /// Looks until the chaos is over.
    pub(super) fn watch(chaos: &Chaos, process: u32) -> anyhow::Result<Self> {
        let (mut seen, mut told) = (Vec::new(), Instant::now());
        while chaos.rest(LOOK) {
            let bytes = resident(process)?;
            seen.push(bytes);
            if told.elapsed() >= TELL {
                told = Instant::now();
                tell(format_args!("{}, memory {:.1} MB", chaos.figures.progress(), bytes as f64 / 1e6));
            }
        }
        Ok(Self(seen))
    }

    /// Tells its figures; `demand` that it is flat: what is new to a gateway in its first seconds is no growth.
    pub(super) fn judge(&self, found: &mut Findings, demand: bool) {
        let third = self.0.len() / 3;
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else { return };
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let peak = |bytes: &[u64]| bytes.iter().copied().max().unwrap_or_default();
        let (early, late) = (peak(&self.0[..third]), peak(&self.0[self.0.len() - third..]));
        found.figure(format_args!("memory {:.1} MB, in the end {:.1} MB", megabytes(*first), megabytes(*last)));
        let peaks = (megabytes(early), megabytes(late));
        found.figure(format_args!("peaks of the first third {:.1} MB, of the last {:.1} MB", peaks.0, peaks.1));
        let growth = late as f64 / early.max(1) as f64;
        found.demand(!demand || growth <= MOST_GROWTH, format_args!("memory grew to {growth:.3}"), "at most 1.05");
    }
}
