//! Tables, in Markdown that is aligned for a terminal as well.

use std::fmt::Write;

use super::mebibytes;
use crate::compare::figures::{Spread, Turn};
use crate::compare::outcome::Outcome;
use crate::compare::proxies::Kind;
use crate::compare::work::{IDLE, Work};

/// The part of the proxy's cores that others may have without a word; interrupts have some of it.
const QUIET: f64 = 0.05;

/// A table of one kind of work, and what must be said of it.
pub(crate) fn text(outcome: &Outcome) -> String {
    let mut text = if outcome.work == Work::Idle { idle(outcome) } else { races(outcome) };
    for row in outcome.rows.iter().filter(|row| row.void() > 0) {
        let (name, void) = (row.kind.name(), row.void());
        let _ = writeln!(text, "\n{name}: {void} turns are void, with more time on cores than the cores have.");
    }
    for row in outcome.rows.iter().filter(|row| 2 * row.slowed() > row.turns.len()) {
        let (name, slowed, turns) = (row.kind.name(), row.slowed(), row.turns.len());
        let _ =
            writeln!(text, "\n{name}: the machine slowed {slowed} of {turns} turns: measure again when it is quiet.");
    }
    let disturbed = outcome.rows.iter().filter_map(|row| row.turns(|turn| turn.disturbed(row.workers)));
    let most = disturbed.map(|spread| spread.most).fold(0.0, f64::max);
    if most > QUIET {
        let percent = most * 100.0;
        let _ = writeln!(
            text,
            "\nOther processes had up to {percent:.0} % of the proxy's cores: measure again when it is quiet."
        );
    }
    for (kind, error) in &outcome.failed {
        let _ = writeln!(text, "\n{} failed: {error}", kind.name());
    }
    text
}

fn races(outcome: &Outcome) -> String {
    let ours = outcome.row(Kind::NetPingora);
    let header =
        ["Proxy", "CPU µs/request", "ratio", "requests/s", "ratio", "busy", "p50 ms", "p99 ms", "p99.9 ms", "MiB"];
    let rows = outcome.rows.iter().map(|row| {
        let (cost, rate) = (row.turns(Turn::cost), row.turns(Turn::rate));
        let ratio = |figure: fn(Turn) -> f64| {
            let ratio = ours.and_then(|ours| row.ratio(ours, figure));
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
        };
        // A core that is not full could do more than the client asked for.
        let bounded_by_client = if row.had_time_left() { "≥ " } else { "" };
        vec![
            row.kind.name().to_owned(),
            spread(cost, 2),
            ratio(Turn::cost),
            format!("{bounded_by_client}{}", spread(rate, 0)),
            ratio(Turn::rate),
            row.busy().map_or_else(String::new, |busy| format!("{:.0} %", busy * 100.0)),
            spread(row.latency(|latency| latency.p50), 2),
            spread(row.latency(|latency| latency.p99), 2),
            spread(row.latency(|latency| latency.p999), 2),
            format!("{:.0}", mebibytes(row.memory.after)),
        ]
    });
    aligned(&header, rows)
}

fn idle(outcome: &Outcome) -> String {
    let header = ["Proxy", "MiB at first", "MiB with the connections", "KiB a connection"];
    let rows = outcome.rows.iter().map(|row| {
        let (before, after) = (mebibytes(row.memory.before), mebibytes(row.memory.after));
        #[expect(clippy::cast_precision_loss, reason = "a count of connections")]
        let each = (after - before) * 1024.0 / IDLE as f64;
        vec![row.kind.name().to_owned(), format!("{before:.1}"), format!("{after:.1}"), format!("{each:.2}")]
    });
    aligned(&header, rows)
}

/// The median, and in parentheses the least and the most.
fn spread(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(String::new, |Spread { least, median, most }| {
        format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
    })
}

/// A table whose columns are as wide as their widest cell; all but the first are to the right.
pub(super) fn aligned(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let header = header.iter().map(|cell| (*cell).to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell: &String| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default().max(2)).collect();
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let _ = writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | "));
        if index == 0 {
            let rule = |(column, width): (usize, &usize)| match column {
                0 => "-".repeat(*width),
                _ => format!("{}:", "-".repeat(width - 1)),
            };
            let rules: Vec<String> = widths.iter().enumerate().map(rule).collect();
            let _ = writeln!(text, "| {} |", rules.join(" | "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["é".to_owned(), "12".to_owned()], vec!["long".to_owned(), "3".to_owned()]];
        let wanted = "| a    | µs |\n| ---- | -: |\n| é    | 12 |\n| long |  3 |\n";
        assert_eq!(aligned(&["a", "µs"], rows.into_iter()), wanted);
    }

    #[test]
    fn a_spread_is_told_with_its_ends() {
        let told = spread(Some(Spread { least: 1.0, median: 2.345, most: 3.0 }), 1);
        assert_eq!((told.as_str(), spread(None, 1).as_str()), ("2.3 (1.0–3.0)", ""));
    }
}
