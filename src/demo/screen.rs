//! What the demo shows while it runs: lines that stay, and below them one live line per route.

use std::io::{self, Write};

/// Moves the cursor to the start of the line `n` rows above and clears everything below it.
fn erase(rows: usize) -> String {
    if rows == 0 { String::new() } else { format!("\x1b[{rows}F\x1b[J") }
}

/// A terminal whose last rows are redrawn, or a plain output that only gets what is new.
#[derive(Debug)]
pub(super) struct Screen<W> {
    out: W,
    terminal: bool,
    live: Vec<String>,
}

impl<W: Write> Screen<W> {
    /// An empty screen; `terminal` says whether rows can be redrawn.
    pub(super) fn new(out: W, terminal: bool) -> Self {
        Self { out, terminal, live: Vec::new() }
    }

    /// Prints lines that stay.
    pub(super) fn say(&mut self, lines: &str) -> io::Result<()> {
        let (up, below) = if self.terminal { (erase(self.live.len()), fixed(&self.live)) } else { Default::default() };
        write!(self.out, "{up}{lines}\n{below}")?;
        self.out.flush()
    }

    /// Shows the live lines of now. A plain output gets those that have changed.
    pub(super) fn draw(&mut self, live: Vec<String>) -> io::Result<()> {
        if live == self.live {
            return Ok(());
        }
        let text = if self.terminal {
            format!("{}{}", erase(self.live.len()), fixed(&live))
        } else {
            rows(live.iter().filter(|line| !self.live.contains(line)))
        };
        self.live = live;
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

/// Rows that are cut at the terminal's edge instead of wrapped, so that their number stays right.
fn fixed(live: &[String]) -> String {
    if live.is_empty() {
        return String::new();
    }
    format!("\x1b[?7l{}\x1b[?7h", rows(live))
}

fn rows<'a>(lines: impl IntoIterator<Item = &'a String>) -> String {
    lines.into_iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(terminal: bool) -> String {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, terminal);
        for live in [["a 1", "b 1"], ["a 1", "b 1"], ["a 1", "b 2"]] {
            screen.draw(live.map(str::to_owned).into()).unwrap();
        }
        screen.say("said").unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_terminal_redraws_the_live_lines_below_what_stays() {
        let shown = shown(true).replace("\x1b[?7l", "<").replace("\x1b[?7h", ">");
        assert_eq!(shown, "<a 1\nb 1\n>\x1b[2F\x1b[J<a 1\nb 2\n>\x1b[2F\x1b[Jsaid\n<a 1\nb 2\n>");
    }

    #[test]
    fn a_plain_output_gets_what_has_changed() {
        assert_eq!(shown(false), "a 1\nb 1\nb 2\nsaid\n");
    }
}
