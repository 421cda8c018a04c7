//! All figures of bursts as JSON; docs/loadtest.md names the fields, which stay as they are.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Burst, End, PERCENTILES, Report, Request, Step};
use crate::order;

/// The figures.
pub fn text(report: &Report) -> String {
    format!("{:#}\n", value(report))
}

fn value(report: &Report) -> Value {
    let first_bytes = report.first_bytes();
    let at = |percent| (format!("p{percent}"), seconds(order::percentile(&first_bytes, percent)));
    let percentiles: BTreeMap<String, Option<f64>> = PERCENTILES.into_iter().map(at).collect();
    json!({
        "target": report.target,
        "requests": report.asked.requests,
        "over_seconds": report.asked.over.as_secs_f64(),
        "idle_seconds": report.asked.idle.as_secs_f64(),
        "first_byte_percentiles_seconds": percentiles,
        "errors": report.errors(),
        "bursts": report.bursts.iter().map(burst).collect::<Vec<_>>(),
    })
}

fn burst(burst: &Burst) -> Value {
    json!({
        "first_seconds": seconds(burst.first()),
        "last_seconds": seconds(burst.last()),
        "errors": burst.errors(),
        "ends": burst.ends(),
        "messages": burst.messages,
        "timeline": burst.timeline().iter().map(step).collect::<Vec<_>>(),
        "requests": burst.requests.iter().map(request).collect::<Vec<_>>(),
    })
}

fn step(step: &Step) -> Value {
    json!({
        "until_seconds": step.until.as_secs_f64(),
        "waiting": step.waiting,
        "answered": step.answered,
        "errors": step.errors,
    })
}

fn request(request: &Request) -> Value {
    let (status, error) = match request.end {
        End::Status(status) => (Some(status), None),
        End::Failed(kind) => (None, Some(kind.name())),
    };
    let (sent, after) = (request.sent.as_secs_f64(), request.after.as_secs_f64());
    json!({ "sent_seconds": sent, "after_seconds": after, "status": status, "error": error })
}

fn seconds(time: Option<Duration>) -> Option<f64> {
    time.map(|time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cold::tests::seen;

    #[test]
    fn fields_keep_their_names() {
        let value: Value = serde_json::from_str(&text(&seen())).unwrap();
        let wanted = [
            ("/target", json!("http://127.0.0.1:8080/")),
            ("/requests", json!(10)),
            ("/over_seconds", json!(0.0)),
            ("/idle_seconds", json!(0.0)),
            ("/first_byte_percentiles_seconds/p99.9", json!(0.995)),
            ("/errors", json!(2)),
            ("/bursts/0/first_seconds", json!(0.95)),
            ("/bursts/0/last_seconds", json!(0.995)),
            ("/bursts/0/errors", json!(2)),
            ("/bursts/0/ends/reset", json!(1)),
            ("/bursts/0/messages", json!({ "reset <by> peer": 1 })),
            ("/bursts/0/timeline/18/until_seconds", json!(0.95)),
            ("/bursts/0/timeline/18/waiting", json!(9)),
            ("/bursts/0/timeline/18/answered", json!(1)),
            ("/bursts/0/timeline/18/errors", json!(0)),
            (
                "/bursts/0/requests/5",
                json!({ "sent_seconds": 0.0, "after_seconds": 0.975, "status": null, "error": "reset" }),
            ),
        ];
        for (pointer, wanted) in wanted {
            assert_eq!(value.pointer(pointer), Some(&wanted), "{pointer}");
        }
    }
}
