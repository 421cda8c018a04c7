//! What a check finds, as one line.

use std::fmt;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// All is well.
    Ok,
    /// It may be meant so, or it may pass.
    Warn,
    /// It keeps requests from being served, or it could not be checked.
    Fail,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// How much it matters.
    pub(super) level: Level,
    check: String,
    found: String,
    /// What to do; empty if what was found says so.
    fix: String,
}

impl Finding {
    /// All is well.
    pub(super) fn ok(check: &str, found: impl Into<String>) -> Self {
        Self::new(Level::Ok, check, found.into(), String::new())
    }

    /// It may be meant so, or it may pass.
    pub(super) fn warn(check: &str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Level::Warn, check, found.into(), fix.into())
    }

    /// It keeps requests from being served, or it could not be checked.
    pub(super) fn fail(check: &str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Level::Fail, check, found.into(), fix.into())
    }

    fn new(level: Level, check: &str, found: String, fix: String) -> Self {
        Self { level, check: check.to_owned(), found, fix }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        let fix = if self.fix.is_empty() { String::new() } else { format!("; {}", self.fix) };
        // Messages in objects are anyone's: they must not break the line or drive the terminal.
        let line = format!("{level:<4}  {}: {}{fix}", self.check, self.found).replace(char::is_control, " ");
        formatter.write_str(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_that_ends_with_what_to_do() {
        for (finding, wanted) in [
            (Finding::ok("leader", "held by a"), "ok    leader: held by a"),
            (Finding::warn("leader", "held by a", "wait"), "warn  leader: held by a; wait"),
            (Finding::fail("leader", "nobody", ""), "FAIL  leader: nobody"),
            (Finding::fail("leader", "no\nbody\u{1b}[31m", "wait"), "FAIL  leader: no body [31m; wait"),
        ] {
            assert_eq!(finding.to_string(), wanted);
        }
    }
}
