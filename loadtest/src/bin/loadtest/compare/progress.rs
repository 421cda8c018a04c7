//! What is being done, on standard error.

use std::io::{IsTerminal, Write};

/// A line that is replaced on a terminal; elsewhere nothing, since a comparison takes long.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal() }
    }

    /// Tells what is being done now.
    pub(crate) fn tell(&self, what: &str) {
        if self.terminal {
            // A terminal that is gone is no reason to end the comparison.
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K{what}");
        }
    }

    /// Tells what stays to be read.
    pub(crate) fn note(&self, what: &str) {
        let begin = if self.terminal { "\r\x1b[K" } else { "" };
        let _ = writeln!(std::io::stderr().lock(), "{begin}{what}");
    }
}
