//! Plots as SVG, with nothing from elsewhere.

use std::fmt::Write;

/// Width and height of a plot.
const SIZE: (f64, f64) = (900.0, 280.0);

/// Room for ticks: left, top, right, bottom.
const MARGIN: (f64, f64, f64, f64) = (80.0, 16.0, 24.0, 40.0);

/// Steps of an axis of numbers.
const STEPS: f64 = 5.0;

/// Points joined by a line.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    /// A colour of CSS.
    pub(crate) colour: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Lines over one pair of axes.
pub(crate) struct Plot {
    /// What the horizontal axis tells.
    pub(crate) x: &'static str,
    /// What the vertical one does, with its unit.
    pub(crate) y: &'static str,
    /// Marks of the horizontal axis; the first and the last are its ends.
    pub(crate) ticks: Vec<(f64, String)>,
    pub(crate) lines: Vec<Line>,
}

/// The least round number that is not below `most`: 1, 2 or 5 and zeros.
fn round_up(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let zeros = 10_f64.powf(most.log10().floor());
    let digit = [1.0, 2.0, 5.0, 10.0].into_iter().find(|digit| digit * zeros >= most * (1.0 - 1e-9));
    digit.unwrap_or(10.0) * zeros
}

/// Marks of whole seconds up to `last`, about ten at most.
pub(crate) fn seconds(last: f64) -> Vec<(f64, String)> {
    let last = last.max(1.0);
    let step = (last / 10.0).ceil();
    let marks = (0..10).map(|mark| f64::from(mark) * step).take_while(|mark| *mark < last - step / 2.0);
    marks.chain([last]).map(|mark| (mark, number(mark))).collect()
}

/// The ends of so many seconds and four marks between them.
pub(crate) fn marks(last: f64) -> Vec<(f64, String)> {
    (0..=5).map(|mark| f64::from(mark) / STEPS * last).map(|mark| (mark, number(mark))).collect()
}

impl Plot {
    /// The plot as an element of a page.
    pub(crate) fn svg(&self) -> String {
        let most = self.lines.iter().flat_map(|line| &line.points).map(|(_, y)| *y).fold(0.0, f64::max);
        let top = round_up(most);
        let (width, height) = SIZE;
        let mut svg = format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">\n", self.y);
        self.axes(&mut svg, top);
        for (index, line) in self.lines.iter().enumerate() {
            self.line(&mut svg, line, top);
            let at = MARGIN.0 + 12.0 + 110.0 * f64::from(u32::try_from(index).unwrap_or_default());
            let (colour, name) = (line.colour, line.name);
            let _ = writeln!(svg, "<text x=\"{at}\" y=\"{}\" fill=\"{colour}\">{name}</text>", MARGIN.1 + 12.0);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn x(&self, x: f64) -> f64 {
        let first = self.ticks.first().map_or(0.0, |(x, _)| *x);
        let last = self.ticks.last().map_or(1.0, |(x, _)| *x);
        let part = if last > first { (x - first) / (last - first) } else { 0.0 };
        MARGIN.0 + part.clamp(0.0, 1.0) * (SIZE.0 - MARGIN.0 - MARGIN.2)
    }

    fn axes(&self, svg: &mut String, top: f64) {
        let (left, right, bottom) = (MARGIN.0, SIZE.0 - MARGIN.2, SIZE.1 - MARGIN.3);
        for step in 0..=5 {
            let value = top * f64::from(step) / STEPS;
            let y = height(value, top);
            let label = number(value);
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/><text x=\"{}\" y=\"{:.1}\" class=\"y\">{label}</text>",
                left - 8.0,
                y + 4.0
            );
        }
        for (value, label) in &self.ticks {
            let x = self.x(*value);
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{x:.1} {}V{bottom}\"/><text x=\"{x:.1}\" y=\"{}\" class=\"x\">{label}</text>",
                MARGIN.1,
                bottom + 16.0
            );
        }
        let _ = writeln!(svg, "<text x=\"{right}\" y=\"{}\" class=\"y\">{}</text>", SIZE.1 - 6.0, self.x);
    }

    fn line(&self, svg: &mut String, line: &Line, top: f64) {
        let mut path = String::new();
        for (x, y) in &line.points {
            let step = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{step}{:.1} {:.1}", self.x(*x), height(*y, top));
        }
        let _ = writeln!(svg, "<path fill=\"none\" stroke=\"{}\" stroke-width=\"2\" d=\"{path}\"/>", line.colour);
    }
}

fn height(value: f64, top: f64) -> f64 {
    SIZE.1 - MARGIN.3 - value / top * (SIZE.1 - MARGIN.1 - MARGIN.3)
}

/// A number with as many digits as it needs.
fn number(value: f64) -> String {
    if value >= 100.0 || value == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        for (most, wanted) in
            [(0.0, 1.0), (1.0, 1.0), (1.1, 2.0), (3.0, 5.0), (7.0, 10.0), (0.03, 0.05), (1200.0, 2000.0)]
        {
            assert!((round_up(most) - wanted).abs() < 1e-9, "{most}: {}", round_up(most));
        }
    }

    #[test]
    fn points_stand_within_the_axes() {
        let line = Line { name: "p50", colour: "red", points: vec![(0.0, 0.0), (5.0, 10.0)] };
        let svg = Plot { x: "seconds", y: "ms", ticks: seconds(5.0), lines: vec![line] }.svg();
        assert!(svg.contains("d=\"M80.0 240.0L876.0 16.0\""), "{svg}");
        assert!(svg.contains(">5</text>") && svg.contains(">10</text>"), "{svg}");
    }

    #[test]
    fn seconds_have_ten_marks_at_most() {
        for last in [0.0, 1.0, 9.0, 10.0, 11.0, 3600.0] {
            let ticks = seconds(last);
            assert!((2..=11).contains(&ticks.len()), "{last}: {ticks:?}");
        }
    }
}
