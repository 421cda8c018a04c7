//! What bursts have shown, in the form of the summary of a run.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

use super::{Burst, PERCENTILES, Report};
use crate::order;

/// Letters of the longest bar.
const LONGEST: usize = 40;

/// The summary.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    // A String takes everything.
    let _ = write(&mut text, report);
    text
}

fn write(to: &mut String, report: &Report) -> fmt::Result {
    let mut messages = BTreeMap::<&str, u64>::new();
    for (number, burst) in (1..).zip(&report.bursts) {
        write!(to, "\nBurst {number} of {}:", report.asked.repeat)?;
        self::burst(to, burst)?;
        burst.messages.iter().for_each(|(message, count)| *messages.entry(message).or_default() += count);
    }
    let first_bytes = report.first_bytes();
    if !first_bytes.is_empty() {
        writeln!(to, "\nTime to first byte of good answers:")?;
    }
    for percent in PERCENTILES {
        if let Some(time) = order::percentile(&first_bytes, percent) {
            writeln!(to, "  {percent}% in {} secs", seconds(time))?;
        }
    }
    if let firsts @ [least, .., longest] = report.firsts().as_slice() {
        let median = order::percentile(firsts, 50.0).unwrap_or_default();
        let (count, least, median, longest) = (firsts.len(), seconds(*least), seconds(median), seconds(*longest));
        writeln!(to, "\nFirst answers of {count} bursts:")?;
        writeln!(to, "  Earliest:\t{least} secs\n  Median:\t{median} secs\n  Latest:\t{longest} secs")?;
    }
    if !messages.is_empty() {
        writeln!(to, "\nError distribution:")?;
        for (message, count) in messages {
            writeln!(to, "  [{count}]\t{message}")?;
        }
    }
    Ok(())
}

fn burst(to: &mut String, burst: &Burst) -> fmt::Result {
    let or_none = |time: Option<Duration>| time.map_or_else(|| "none".to_owned(), |time| seconds(time) + " secs");
    writeln!(to, "\n  Requests:\t{}", burst.requests.len())?;
    writeln!(to, "  First answer:\t{}", or_none(burst.first()))?;
    writeln!(to, "  Last answer:\t{}", or_none(burst.last()))?;
    for (end, count) in burst.ends() {
        writeln!(to, "  [{end}]\t{count} requests")?;
    }
    writeln!(to, "  {:>10}  {:>8}  {:>8}  {:>8}", "until, s", "waiting", "answered", "errors")?;
    for step in burst.timeline() {
        let bar = "■".repeat((step.waiting * LONGEST).div_ceil(burst.requests.len().max(1)));
        let (until, waiting, answered) = (step.until.as_secs_f64(), step.waiting, step.answered);
        writeln!(to, "  {until:>10.3}  {waiting:>8}  {answered:>8}  {:>8}  |{bar}", step.errors)?;
    }
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.4}", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cold::tests::seen;

    #[test]
    fn the_summary_tells_what_was_held_and_when_it_was_answered() {
        let mut report = seen();
        let text_of_one = text(&report);
        for part in [
            "\nBurst 1 of 1:\n  Requests:\t10\n  First answer:\t0.9500 secs\n  Last answer:\t0.9950 secs\n",
            "  [200]\t8 requests\n  [503]\t1 requests\n  [reset]\t1 requests\n",
            "       0.900        10         0         0  |■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■\n",
            "       1.000         0         7         2  |\n",
            "\n  50% in 0.9700 secs\n",
            "\nError distribution:\n  [1]\treset <by> peer\n",
        ] {
            assert!(text_of_one.contains(part), "{part}\n--- not in\n{text_of_one}");
        }
        assert!(!text_of_one.contains("First answers"));
        report.bursts.push(report.bursts[0].clone());
        assert!(text(&report).contains("First answers of 2 bursts:\n  Earliest:\t0.9500 secs\n"));
    }
}
