//! Plots as SVG files that need nothing else.

use std::fmt::Write;

use crate::compare::proxies::Kind;

const WIDTH: u32 = 900;
const NAMES: u32 = 160;
const BAR: u32 = 18;
const GAP: u32 = 34;

/// Room to the right of the longest bar, for its label.
const LABEL: u32 = 150;

/// Bars of one kind of work; their lengths are relative to the longest of them.
pub(super) struct Group {
    pub(super) title: String,
    pub(super) bars: Vec<(Kind, f64)>,
}

/// Groups of bars under a title; labels have so many digits, then the ratio to net-pingora.
pub(super) fn bars(title: &str, digits: usize, groups: &[Group]) -> String {
    let mut body = String::new();
    let mut y = 34;
    for group in groups {
        let _ = writeln!(body, "<text x=\"8\" y=\"{}\" font-weight=\"bold\">{}</text>", y + 20, group.title);
        y += GAP;
        let most = group.bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
        let ours = group.bars.iter().find(|(kind, _)| *kind == Kind::NetPingora).map(|(_, value)| *value);
        for (kind, value) in &group.bars {
            let length = f64::from(WIDTH - NAMES - LABEL) * value / most;
            let ratio = ours.map_or_else(String::new, |ours| format!(" ({:.2}×)", value / ours));
            let (text, colour, name) = (y + 13, colour(*kind), kind.name());
            let end = f64::from(NAMES) + length + 6.0;
            let _ = writeln!(
                body,
                "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{name}</text>\
                 <rect x=\"{NAMES}\" y=\"{y}\" width=\"{length:.1}\" height=\"14\" fill=\"{colour}\"/>\
                 <text x=\"{end:.1}\" y=\"{text}\">{value:.digits$}{ratio}</text>",
                NAMES - 8
            );
            y += BAR;
        }
    }
    let height = y + 10;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"22\" font-size=\"15\">{title}</text>\n{body}</svg>\n"
    )
}

fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::NetPingora => "#1565c0",
        Kind::BarePingora => "#64b5f6",
        Kind::Relay => "#bdbdbd",
        Kind::Envoy => "#ad1457",
        Kind::Nginx => "#2e7d32",
        Kind::Haproxy => "#ef6c00",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_of_a_group_fills_its_room_and_ratios_are_to_net_pingora() {
        let bars_of = vec![(Kind::NetPingora, 10.0), (Kind::Envoy, 20.0)];
        let svg = bars("CPU", 1, &[Group { title: "h1".to_owned(), bars: bars_of }]);
        assert!(svg.contains("width=\"590.0\"") && svg.contains("width=\"295.0\""), "{svg}");
        assert!(svg.contains(">10.0 (1.00×)<") && svg.contains(">20.0 (2.00×)<"), "{svg}");
    }
}
