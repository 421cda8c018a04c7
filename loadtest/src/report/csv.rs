//! Requests one by one, in hey's columns.

use std::fmt::Write;

use super::Report;
use super::hey::seconds;

/// One line for each request that was kept; seconds with four decimals, as hey writes them.
pub fn text(report: &Report) -> String {
    let mut text =
        "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset".to_owned();
    for sample in &report.samples {
        let stages = sample.stages;
        let times = [sample.latency, stages.connect, stages.resolve, stages.write, stages.wait, stages.read];
        text.push('\n');
        for time in times {
            text.push_str(&seconds(time));
            text.push(',');
        }
        let _ = write!(text, "{},{}", sample.status, seconds(sample.offset));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::seen;

    #[test]
    fn a_request_is_a_line() {
        let text = text(&seen());
        assert_eq!(text.lines().count(), 4, "{text}");
        assert_eq!(text.lines().nth(2), Some("0.0020,0.0000,0.0000,0.0000,0.0000,0.0000,200,0.0000"));
    }
}
