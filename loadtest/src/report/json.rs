//! All figures as JSON; docs/loadtest.md names the fields, which stay as they are.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{PERCENTILES, Report, mean};
use crate::record::Bounds;
use crate::series::Second;
use crate::shares::Judged;

/// Stages of a request, in the order of [`Report::stages`].
const STAGES: [&str; 5] = ["connect", "resolve", "write", "wait", "read"];

/// The figures.
pub fn text(report: &Report) -> String {
    format!("{:#}\n", value(report))
}

fn value(report: &Report) -> Value {
    let answered = report.answered();
    let percentiles: BTreeMap<String, f64> = PERCENTILES
        .into_iter()
        .map(|percent| (format!("p{percent}"), report.percentile(percent).as_secs_f64()))
        .collect();
    let stages: BTreeMap<_, _> =
        STAGES.into_iter().zip(report.stages.iter().map(|stage| bounds(stage, answered))).collect();
    json!({
        "target": report.target,
        "wanted_requests_per_second": report.wanted_rate,
        "duration_seconds": report.elapsed.as_secs_f64(),
        "requests": report.requests(),
        "answers": answered,
        "answers_per_second": report.rate(),
        "bytes": report.bytes,
        "latency_seconds": bounds(&report.latency, answered),
        "latency_percentiles_seconds": percentiles,
        "stages_seconds": stages,
        "statuses": by_status(report, 0),
        "errors": errors(report),
        "series": report.series.iter().map(second).collect::<Vec<_>>(),
        "shares": report.shares.iter().map(share).collect::<Vec<_>>(),
    })
}

/// Answers by status, from the first that is asked for.
fn by_status(report: &Report, first: u16) -> Value {
    report.statuses.range(first..).map(|(status, count)| (status.to_string(), json!(count))).collect()
}

fn errors(report: &Report) -> Value {
    let kinds: BTreeMap<_, _> = report.failures.iter().map(|(kind, count)| (kind.name(), count)).collect();
    json!({
        "total": report.errors(),
        "by_kind": kinds,
        "by_status": by_status(report, 400),
        "messages": report.messages,
    })
}

fn second(second: &Second) -> Value {
    json!({
        "second": second.second,
        "requests": second.requests,
        "errors": second.errors,
        "p50_seconds": second.p50.as_secs_f64(),
        "p99_seconds": second.p99.as_secs_f64(),
    })
}

fn share(share: &Judged) -> Value {
    json!({
        "name": share.name,
        "answers": share.count,
        "percent": share.percent,
        "expected_percent": share.expected,
        "interval_percent": [share.interval.0, share.interval.1],
        "agrees": share.agrees(),
    })
}

fn bounds(bounds: &Bounds, answered: u64) -> Value {
    let seconds = |time: Duration| time.as_secs_f64();
    json!({
        "mean": seconds(mean(bounds.sum, answered)),
        "min": seconds(bounds.min.unwrap_or_default()),
        "max": seconds(bounds.max),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::seen;

    #[test]
    fn fields_keep_their_names() {
        let value: Value = serde_json::from_str(&text(&seen())).unwrap();
        let wanted = [
            ("/target", json!("http://127.0.0.1:8080/")),
            ("/wanted_requests_per_second", Value::Null),
            ("/duration_seconds", json!(1.0)),
            ("/requests", json!(100)),
            ("/answers", json!(99)),
            ("/answers_per_second", json!(99.0)),
            ("/bytes", json!(990)),
            ("/latency_seconds/mean", json!(0.05)),
            ("/latency_seconds/min", json!(0.001)),
            ("/latency_percentiles_seconds/p99.99", json!(0.099)),
            ("/stages_seconds/connect/max", json!(0.0)),
            ("/statuses/503", json!(1)),
            ("/errors/total", json!(2)),
            ("/errors/by_kind/connect_refused", json!(1)),
            ("/errors/by_status/503", json!(1)),
            ("/series/0/errors", json!(2)),
            ("/shares", json!([])),
        ];
        for (pointer, wanted) in wanted {
            assert_eq!(value.pointer(pointer), Some(&wanted), "{pointer}");
        }
    }
}
