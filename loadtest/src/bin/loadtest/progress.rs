//! A line on the terminal while the run goes on.

use std::io::Write;
use std::time::Duration;

use net_pingora_loadtest::{End, Second};

/// Letters of the bar.
const WIDTH: u64 = 30;

/// How far a run is.
#[derive(Debug)]
pub(crate) struct Progress {
    end: End,
    requests: u64,
    errors: u64,
}

impl Progress {
    pub(crate) fn new(end: End) -> Self {
        Self { end, requests: 0, errors: 0 }
    }

    /// Shows the line after a second.
    pub(crate) fn show(&mut self, second: &Second) {
        let line = self.line(second);
        // A terminal that is gone is no reason to end the run.
        let _ = write!(std::io::stderr().lock(), "\r\x1b[K{line}");
    }

    /// Takes the line away.
    pub(crate) fn clear() {
        let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
    }

    fn line(&mut self, second: &Second) -> String {
        self.requests += second.requests;
        self.errors += second.errors;
        let passed = second.second + 1;
        let (done, all, of) = match self.end {
            End::Requests(all) => (self.requests, all, format!("{}/{all}", self.requests)),
            End::After(time) => {
                let all = time.as_secs_f64().ceil();
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a run")]
                (passed, all as u64, format!("{passed}/{all} s"))
            }
        };
        let filled = usize::try_from((WIDTH * done / all.max(1)).min(WIDTH)).unwrap_or_default();
        let bar = format!("{:-<width$}", "#".repeat(filled), width = 30);
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let (rate, p50, p99, errors) = (second.requests, ms(second.p50), ms(second.p99), self.errors);
        format!("[{bar}] {of}  {rate} req/s  p50 {p50:.2} ms  p99 {p99:.2} ms  errors {errors}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_how_far_and_how_fast() {
        let p50 = Duration::from_micros(1500);
        let second = Second { second: 4, requests: 100, errors: 2, p50, p99: p50 * 2 };
        let bar = "[###############---------------]";
        let figures = "100 req/s  p50 1.50 ms  p99 3.00 ms  errors 2";
        let cases = [(End::After(Duration::from_secs(10)), "5/10 s"), (End::Requests(200), "100/200")];
        for (end, of) in cases {
            assert_eq!(Progress::new(end).line(&second), format!("{bar} {of}  {figures}"));
        }
    }
}
