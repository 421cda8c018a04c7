//! What changes have shown, for people.

use std::fmt::{self, Write};
use std::time::Duration;

use super::{PERCENTILES, Report};
use crate::order;

/// The summary.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    // A String takes everything.
    let _ = write(&mut text, report);
    text
}

fn write(to: &mut String, report: &Report) -> fmt::Result {
    writeln!(to, "\nChanges:\t{} of {} routes", report.changes.len(), report.routes)?;
    let effects = report.effects();
    if !effects.is_empty() {
        writeln!(to, "  From change to effect:")?;
    }
    for percent in PERCENTILES {
        if let Some(time) = order::percentile(&effects, percent) {
            writeln!(to, "  {percent}% in {}", milliseconds(time))?;
        }
    }
    if let Some(longest) = effects.last() {
        writeln!(to, "  Longest:\t{}", milliseconds(*longest))?;
    }
    writeln!(to, "  Without effect:\t{}", report.without_effect())?;
    let rate = f64::from(u32::try_from(report.requests).unwrap_or(u32::MAX)) / report.elapsed.as_secs_f64().max(1e-9);
    writeln!(to, "\nRequests:\t{} ({rate:.1} a second), {} probes", report.requests, report.probes)?;
    writeln!(to, "  Failed:\t{}", report.errors())?;
    for (kind, count) in &report.failures {
        writeln!(to, "    {kind}:\t{count}")?;
    }
    writeln!(to, "  Stale answers:\t{}", report.stale)?;
    if report.stale > 0 {
        writeln!(to, "    sent up to {} after the change", milliseconds(report.stalest))?;
    }
    Ok(())
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::churn::tests::seen;

    #[test]
    fn the_summary_tells_effects_failures_and_stale_answers() {
        let wanted = "\nChanges:\t10 of 3 routes\n  From change to effect:\n  50% in 5.000 ms\n  90% in 9.000 ms\n  \
                      99% in 10.000 ms\n  Longest:\t10.000 ms\n  Without effect:\t0\n\nRequests:\t400 (200.0 a second), \
                      55 probes\n  Failed:\t1\n    status 404:\t1\n  Stale answers:\t2\n    sent up to 7.000 ms after \
                      the change\n";
        assert_eq!(text(&seen()), wanted);
    }
}
