//! All figures as JSON.

use serde_json::{Value, json};

use super::Comparison;
use crate::compare::figures::Turn;
use crate::compare::outcome::{Outcome, Row};
use crate::compare::proxies::Kind;

/// The file; its field names say their units.
pub(crate) fn text(comparison: &Comparison) -> String {
    let Comparison { command, machine, cores, scale, took, versions, left_out, outcomes, judged, .. } = comparison;
    let configurations: Vec<Value> =
        (comparison.configurations.iter()).map(|(kind, text)| json!({"proxy": kind.name(), "text": text})).collect();
    let versions: Vec<Value> =
        versions.iter().map(|(kind, version)| json!({"proxy": kind.name(), "version": version})).collect();
    let judged: Vec<Value> = judged
        .iter()
        .map(|judged| json!({"rule": judged.rule, "ratio": judged.ratio, "verdict": judged.verdict()}))
        .collect();
    let value = json!({
        "command": command,
        "machine": {
            "cpu": machine.cpu,
            "cores": machine.cores,
            "kernel": machine.kernel,
            "load_before": machine.load,
        },
        "proxy_cores": cores.proxy.0,
        "other_cores": cores.others.0,
        "turn_seconds": scale.time.as_secs_f64(),
        "latency_turn_seconds": scale.half().as_secs_f64(),
        "took_seconds": took.as_secs_f64(),
        "versions": versions,
        "configurations": configurations,
        "left_out": left_out,
        "work": outcomes.iter().map(outcome).collect::<Vec<_>>(),
        "rules": judged,
    });
    format!("{value:#}\n")
}

fn outcome(outcome: &Outcome) -> Value {
    let Outcome { work, rate, rows, failed } = outcome;
    let error = |(kind, error): &(Kind, String)| json!({"proxy": kind.name(), "error": error});
    json!({
        "work": work.name(),
        "latency_requests_per_second": rate,
        "proxies": rows.iter().map(row).collect::<Vec<_>>(),
        "failed": failed.iter().map(error).collect::<Vec<_>>(),
    })
}

fn row(row: &Row) -> Value {
    let turns = |figure: &dyn Fn(Turn) -> f64| row.turns.iter().map(|turn| turn.map(figure)).collect::<Vec<_>>();
    json!({
        "proxy": row.kind.name(),
        "cpu_microseconds_per_request": turns(&Turn::cost),
        "requests_per_second": turns(&Turn::rate),
        "busy": turns(&|turn| turn.busy(row.workers)),
        "busy_by_others": turns(&|turn| turn.disturbed(row.workers)),
        "void_turns": row.void(),
        "slowed_turns": row.slowed(),
        "p50_milliseconds": row.latencies.iter().map(|latency| latency.p50).collect::<Vec<_>>(),
        "p99_milliseconds": row.latencies.iter().map(|latency| latency.p99).collect::<Vec<_>>(),
        "p99.9_milliseconds": row.latencies.iter().map(|latency| latency.p999).collect::<Vec<_>>(),
        "resident_bytes_first": row.memory.before,
        "resident_bytes_last": row.memory.after,
    })
}
