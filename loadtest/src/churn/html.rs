//! One page with a plot of the changes, which needs nothing else.

use super::Report;
use super::text;
use crate::report::html::{page, preformatted};
use crate::report::plot::{Line, Plot, marks};

/// The page.
pub fn text(report: &Report) -> String {
    let sections = [("Effects", plot(report).svg()), ("Summary", preformatted(&text::text(report)))];
    page(&format!("loadtest churn {}", report.target), "", &sections)
}

/// Times to effects over the run; changes without any are left out.
fn plot(report: &Report) -> Plot {
    let point = |change: &super::Change| Some((change.at.as_secs_f64(), change.effect?.as_secs_f64() * 1000.0));
    let points = report.changes.iter().filter_map(point).collect();
    Plot {
        x: "seconds",
        y: "from change to effect, ms",
        ticks: marks(report.elapsed.as_secs_f64()),
        lines: vec![Line { name: "change to effect, ms", colour: "#06c", points }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::churn::tests::seen;

    #[test]
    fn the_page_has_a_plot_and_the_summary() {
        let page = text(&seen());
        assert_eq!(page.matches("<svg").count(), 1);
        assert!(page.contains("<h2>Effects</h2>") && page.contains("Stale answers:") && !page.contains("NaN"));
    }
}
