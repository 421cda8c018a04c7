//! The summary as hey prints it, then what hey does not tell.

use std::fmt::{self, Write};
use std::time::Duration;

use super::{Report, mean};
use crate::record::Bounds;

/// Bars of the histogram.
const BARS: u32 = 10;

/// Letters of the longest bar.
const LONGEST: u64 = 40;

/// Stages in hey's words and order.
const STAGES: [&str; 5] = ["DNS+dialup", "DNS-lookup", "req write", "resp wait", "resp read"];

/// The summary.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    // A String takes everything.
    let _ = write(&mut text, report);
    text
}

fn write(to: &mut String, report: &Report) -> fmt::Result {
    summary(to, report)?;
    writeln!(to, "\nResponse time histogram:\n{}", histogram(report))?;
    writeln!(to, "\nLatency distribution:")?;
    for percent in [10, 25, 50, 75, 90, 95, 99] {
        if report.answered() > 0 {
            writeln!(to, "  {percent}% in {} secs", seconds(report.percentile(f64::from(percent))))?;
        }
    }
    writeln!(to, "\nDetails (average, fastest, slowest):")?;
    for (name, Bounds { sum, min, max }) in STAGES.into_iter().zip(report.stages) {
        let (mean, min, max) = (mean(sum, report.answered()), min.unwrap_or_default(), max);
        writeln!(to, "  {name}:\t{} secs, {} secs, {} secs", seconds(mean), seconds(min), seconds(max))?;
    }
    writeln!(to, "\nStatus code distribution:")?;
    for (status, count) in &report.statuses {
        writeln!(to, "  [{status}]\t{count} responses")?;
    }
    writeln!(to)?;
    if !report.messages.is_empty() {
        writeln!(to, "Error distribution:")?;
        for (message, count) in &report.messages {
            writeln!(to, "  [{count}]\t{message}")?;
        }
    }
    more(to, report)
}

fn summary(to: &mut String, report: &Report) -> fmt::Result {
    #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^53")]
    let rate = report.requests() as f64 / report.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
    writeln!(to, "\nSummary:")?;
    writeln!(to, "  Total:\t{} secs", seconds(report.elapsed))?;
    writeln!(to, "  Slowest:\t{} secs", seconds(report.latency.max))?;
    writeln!(to, "  Fastest:\t{} secs", seconds(report.latency.min.unwrap_or_default()))?;
    writeln!(to, "  Average:\t{} secs", seconds(report.mean()))?;
    writeln!(to, "  Requests/sec:\t{rate:.4}\n  ")?;
    if let Some(each) = report.bytes.checked_div(report.answered()).filter(|_| report.bytes > 0) {
        writeln!(to, "  Total data:\t{} bytes\n  Size/request:\t{each} bytes", report.bytes)?;
    }
    Ok(())
}

fn histogram(report: &Report) -> String {
    let (Some(fastest), slowest) = (report.latency.min, report.latency.max) else { return String::new() };
    let step = slowest.saturating_sub(fastest) / BARS;
    let marks: Vec<Duration> = (0..=BARS).map(|bar| if bar == BARS { slowest } else { fastest + step * bar }).collect();
    let mut counts = vec![0; marks.len()];
    for (latency, count) in report.counts() {
        let bar = marks.iter().position(|mark| latency <= *mark).unwrap_or(marks.len() - 1);
        counts[bar] += count;
    }
    let most = counts.iter().copied().max().unwrap_or_default().max(1);
    let mut text = String::new();
    for (mark, count) in marks.into_iter().zip(counts) {
        let bar = usize::try_from((count * LONGEST + most / 2) / most).unwrap_or_default();
        let _ = writeln!(text, "  {:.3} [{count}]\t|{}", mark.as_secs_f64(), "■".repeat(bar));
    }
    text
}

/// What hey does not tell.
fn more(to: &mut String, report: &Report) -> fmt::Result {
    writeln!(to, "\nFurther:")?;
    if let Some(rate) = report.wanted_rate {
        writeln!(to, "  Rate wanted:\t{rate:.4} requests/sec")?;
    }
    for percent in [99.9, 99.99] {
        writeln!(to, "  {percent}% in {} secs", microseconds(report.percentile(percent)))?;
    }
    writeln!(to, "  Errors:\t{}", report.errors())?;
    for (kind, count) in &report.failures {
        writeln!(to, "    {}:\t{count}", kind.name())?;
    }
    for (status, count) in report.statuses.range(400..) {
        writeln!(to, "    status {status}:\t{count}")?;
    }
    if report.shares.is_empty() {
        return Ok(());
    }
    writeln!(to, "\nShares (expected within, at 99.9 %):")?;
    for share in &report.shares {
        let (from, until) = share.interval;
        let verdict = if share.agrees() { "as expected" } else { "NOT AS EXPECTED" };
        let (name, count, percent) = (&share.name, share.count, share.percent);
        writeln!(to, "  {name}:\t{percent:.3} % ({count}), {from:.3} to {until:.3} %, {verdict}")?;
    }
    Ok(())
}

/// Seconds as hey writes them.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.4}", time.as_secs_f64())
}

fn microseconds(time: Duration) -> String {
    format!("{:.6}", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::seen;

    #[test]
    fn the_summary_has_heys_form() {
        let text = text(&seen());
        let begins = "\nSummary:\n  Total:\t1.0000 secs\n  Slowest:\t0.0990 secs\n  Fastest:\t0.0010 secs\n  \
                      Average:\t0.0500 secs\n  Requests/sec:\t100.0000\n  \n  Total data:\t990 bytes\n  \
                      Size/request:\t10 bytes\n\nResponse time histogram:\n  0.001 [1]\t|■■■■\n  0.011 [9]\t|";
        assert!(text.starts_with(begins), "{text}");
        for part in [
            "\n\nLatency distribution:\n  10% in 0.0100 secs\n  25% in 0.0250 secs\n",
            "\n\nDetails (average, fastest, slowest):\n  DNS+dialup:\t0.0000 secs, 0.0000 secs, 0.0000 secs\n",
            "\n\nStatus code distribution:\n  [200]\t98 responses\n  [503]\t1 responses\n\nError distribution:\n  \
             [1]\tconnect 127.0.0.1:1: refused\n",
            "  Errors:\t2\n    connect_refused:\t1\n    status 503:\t1\n",
        ] {
            assert!(text.contains(part), "{part}\n--- not in\n{text}");
        }
    }
}
