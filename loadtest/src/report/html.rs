//! One page with the figures and their plots, which needs nothing else.

use std::fmt::Write;
use std::time::Duration;

use super::hey;
use super::plot::{Line, Plot, seconds};
use super::{PERCENTILES, Report};
use crate::series::Second;
use crate::shares::Judged;

const STYLE: &str = "body{font:15px/1.5 sans-serif;max-width:960px;margin:2em auto;padding:0 1em;color:#222}\
    table{border-collapse:collapse}td,th{padding:.2em 1em .2em 0;text-align:right}td:first-child{text-align:left}\
    svg{width:100%;font:12px sans-serif}.grid{stroke:#ddd;fill:none}.x{text-anchor:middle;fill:#555}\
    .y{text-anchor:end;fill:#555}.bad{color:#b00}pre{background:#f6f6f6;padding:1em;overflow:auto}";

/// A page of its own, with a title and sections below it.
pub(crate) fn page(title: &str, top: &str, sections: &[(&str, String)]) -> String {
    let title = escape(title);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n{top}"
    );
    for (title, content) in sections {
        let _ = writeln!(page, "<h2>{title}</h2>\n{content}");
    }
    page.push_str("</body></html>\n");
    page
}

/// The page.
pub fn text(report: &Report) -> String {
    let mut sections = vec![("Latency by percentile", by_percentile(report).svg())];
    let all = report.series.as_slice();
    // The last second is cut short, and would look like a fall.
    let whole = if let [whole @ .., _] = all
        && !whole.is_empty()
    {
        whole
    } else {
        all
    };
    let rate = line("requests", "#06c", whole, |second| number(second.requests));
    sections.push(("Rate", over_time("requests in each second", vec![rate])));
    let p50 = line("p50", "#06c", whole, |second| milliseconds(second.p50));
    let p99 = line("p99", "#c60", whole, |second| milliseconds(second.p99));
    sections.push(("Latency over time", over_time("latency, ms", vec![p50, p99])));
    let errors = line("errors", "#b00", all, |second| number(second.errors));
    sections.push(("Errors", over_time("errors in each second", vec![errors])));
    if !report.shares.is_empty() {
        sections.push(("Shares", shares(&report.shares)));
    }
    sections.push(("Summary", preformatted(&hey::text(report))));
    page(&format!("loadtest {}", report.target), &figures(report), &sections)
}

/// A text as it is printed on a terminal.
pub(crate) fn preformatted(text: &str) -> String {
    format!("<pre>{}</pre>", escape(text.trim()))
}

fn figures(report: &Report) -> String {
    let mut table = "<table>".to_owned();
    let mut row = |name: &str, value: String| {
        let _ = writeln!(table, "<tr><td>{name}</td><td>{value}</td></tr>");
    };
    row("Requests", report.requests().to_string());
    row("Errors", report.errors().to_string());
    row("Answers a second", format!("{:.1}", report.rate()));
    if let Some(rate) = report.wanted_rate {
        row("Requests a second wanted", format!("{rate:.1}"));
    }
    row("Time", format!("{:.1} s", report.elapsed.as_secs_f64()));
    for percent in PERCENTILES.into_iter().filter(|percent| *percent >= 50.0) {
        row(&format!("p{percent}"), format!("{:.3} ms", milliseconds(report.percentile(percent))));
    }
    table.push_str("</table>\n");
    table
}

/// Latency over the percentile, each nine of which is as wide as the one before.
fn by_percentile(report: &Report) -> Plot {
    let nines = |percent: f64| -(1.0 - percent / 100.0).log10();
    let ticks = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99];
    let points = (0..=200).map(|step| {
        let x = f64::from(step) / 50.0;
        (x, milliseconds(report.percentile(100.0 * (1.0 - 10_f64.powf(-x)))))
    });
    Plot {
        x: "percentile",
        y: "latency, ms",
        ticks: ticks.into_iter().map(|percent| (nines(percent), format!("{percent} %"))).collect(),
        lines: vec![Line { name: "latency, ms", colour: "#06c", points: points.collect() }],
    }
}

fn line(name: &'static str, colour: &'static str, series: &[Second], figure: impl Fn(&Second) -> f64) -> Line {
    Line { name, colour, points: series.iter().map(|second| (number(second.second), figure(second))).collect() }
}

fn over_time(y: &'static str, lines: Vec<Line>) -> String {
    let last = lines.iter().filter_map(|line| line.points.last()).map(|(second, _)| *second).fold(0.0, f64::max);
    let plot = Plot { x: "seconds", y, ticks: seconds(last), lines };
    format!("<p>{y}</p>{}", plot.svg())
}

#[expect(clippy::cast_precision_loss, reason = "counts of seconds, and of what is in them")]
fn number(count: u64) -> f64 {
    count as f64
}

/// A bar for each backend, with the interval it should end in.
fn shares(shares: &[Judged]) -> String {
    let mut content = String::new();
    let height = 34 * shares.len();
    let _ = writeln!(content, "<svg viewBox=\"0 0 900 {height}\" role=\"img\" aria-label=\"shares\">");
    for (index, share) in shares.iter().enumerate() {
        let y = 34 * index;
        let x = |percent: f64| 160.0 + percent * 5.0;
        let colour = if share.agrees() { "#06c" } else { "#b00" };
        let (from, until) = (x(share.interval.0), x(share.interval.1));
        let _ = writeln!(
            content,
            "<text x=\"0\" y=\"{}\">{}</text><rect x=\"160\" y=\"{}\" width=\"{:.1}\" height=\"16\" fill=\"{colour}\"/>\
             <rect x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"24\" fill=\"none\" stroke=\"#222\"/>\
             <text x=\"680\" y=\"{}\">{:.3} %, expected {:.3} to {:.3} %</text>",
            y + 20,
            escape(&share.name),
            y + 8,
            share.percent * 5.0,
            y + 4,
            (until - from).max(1.0),
            y + 20,
            share.percent,
            share.interval.0,
            share.interval.1,
        );
    }
    content.push_str("</svg>\n");
    content
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::seen;

    #[test]
    fn the_page_has_its_plots_and_nothing_from_elsewhere() {
        let mut report = seen();
        report.target = "http://a/<script>".to_owned();
        report.shares =
            vec![Judged { name: "<b>".to_owned(), count: 99, percent: 100.0, expected: 50.0, interval: (40.0, 60.0) }];
        let page = text(&report);
        for title in ["Latency by percentile", "Rate", "Latency over time", "Errors", "Shares", "Summary"] {
            assert!(page.contains(&format!("<h2>{title}</h2>")), "{title}");
        }
        assert_eq!(page.matches("<svg").count(), 5);
        for foreign in ["<script", "src=", "href=", "url(", "<b>", "NaN"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }
}
