//! One page with the bursts' plots, which needs nothing else.

use super::text;
use super::{Burst, Report, Step};
use crate::report::html::{page, preformatted};
use crate::report::plot::{Line, Plot, marks};

/// The page.
pub fn text(report: &Report) -> String {
    let mut sections: Vec<_> = report.bursts.iter().map(|burst| ("Burst", plot(burst).svg())).collect();
    sections.push(("Summary", preformatted(&text::text(report))));
    page(&format!("loadtest cold {}", report.target), "", &sections)
}

/// Requests that wait, and all that have ended, over time.
fn plot(burst: &Burst) -> Plot {
    let timeline = burst.timeline();
    let sum = |figure: fn(&Step) -> usize| {
        let mut sum = 0;
        timeline.iter().map(move |step| {
            sum += figure(step);
            (step.until.as_secs_f64(), sum)
        })
    };
    let waiting = timeline.iter().map(|step| (step.until.as_secs_f64(), step.waiting)).collect();
    Plot {
        x: "seconds",
        y: "requests",
        ticks: marks(timeline.last().map_or(1.0, |step| step.until.as_secs_f64())),
        lines: vec![
            line("waiting", "#c60", waiting),
            line("answered", "#06c", sum(|step| step.answered).collect()),
            line("errors", "#b00", sum(|step| step.errors).collect()),
        ],
    }
}

fn line(name: &'static str, colour: &'static str, points: Vec<(f64, usize)>) -> Line {
    #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^53")]
    let points = points.into_iter().map(|(seconds, count)| (seconds, count as f64)).collect();
    Line { name, colour, points }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cold::tests::seen;

    #[test]
    fn the_page_has_a_plot_a_burst_and_nothing_from_elsewhere() {
        let page = text(&seen());
        assert_eq!(page.matches("<svg").count(), 1);
        for part in ["<h2>Burst</h2>", ">waiting</text>", ">answered</text>", ">errors</text>", "&lt;by&gt;"] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("NaN"));
    }
}
