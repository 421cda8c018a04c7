//! All figures of changes as JSON; docs/loadtest.md names the fields, which stay as they are.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Change, PERCENTILES, Report};
use crate::order;

/// The figures.
pub fn text(report: &Report) -> String {
    format!("{:#}\n", value(report))
}

fn value(report: &Report) -> Value {
    let effects = report.effects();
    let at = |percent| order::percentile(&effects, percent).map(|time| time.as_secs_f64());
    let percentiles: BTreeMap<String, _> =
        PERCENTILES.into_iter().map(|percent| (format!("p{percent}"), at(percent))).collect();
    json!({
        "target": report.target,
        "routes": report.routes,
        "duration_seconds": report.elapsed.as_secs_f64(),
        "effect_percentiles_seconds": percentiles,
        "effect_max_seconds": at(100.0),
        "changes_without_effect": report.without_effect(),
        "requests": report.requests,
        "probes": report.probes,
        "errors": { "total": report.errors(), "by_kind": report.failures },
        "stale": report.stale,
        "stalest_seconds": report.stalest.as_secs_f64(),
        "changes": report.changes.iter().map(change).collect::<Vec<_>>(),
    })
}

fn change(change: &Change) -> Value {
    let effect = change.effect.map(|effect| effect.as_secs_f64());
    json!({ "at_seconds": change.at.as_secs_f64(), "route": change.route, "effect_seconds": effect })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::churn::tests::seen;

    #[test]
    fn fields_keep_their_names() {
        let mut report = seen();
        report.changes[1].effect = None;
        let value: Value = serde_json::from_str(&text(&report)).unwrap();
        let wanted = [
            ("/target", json!("http://127.0.0.1:8080/")),
            ("/routes", json!(3)),
            ("/duration_seconds", json!(2.0)),
            ("/effect_percentiles_seconds/p90", json!(0.01)),
            ("/effect_max_seconds", json!(0.01)),
            ("/changes_without_effect", json!(1)),
            ("/requests", json!(400)),
            ("/probes", json!(55)),
            ("/errors", json!({ "total": 1, "by_kind": { "status 404": 1 } })),
            ("/stale", json!(2)),
            ("/stalest_seconds", json!(0.007)),
            ("/changes/0", json!({ "at_seconds": 0.1, "route": 1, "effect_seconds": 0.001 })),
            ("/changes/1/effect_seconds", Value::Null),
        ];
        for (pointer, wanted) in wanted {
            assert_eq!(value.pointer(pointer), Some(&wanted), "{pointer}");
        }
    }
}
