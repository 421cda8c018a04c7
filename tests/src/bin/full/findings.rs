//! What a check has found, and how it is told.

use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

use thiserror::Error;

/// The figures of a check, and which of them are out of bounds.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    figures: Vec<String>,
    broken: Vec<String>,
}

/// A program that a check needs is not installed.
#[derive(Debug, Error)]
#[error("needs {tool}; apt-get install {package}")]
pub(crate) struct MissingTool {
    /// The program.
    pub(crate) tool: &'static str,
    /// The Debian package that has it.
    pub(crate) package: &'static str,
}

/// How many checks ended how.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Findings {
    /// Tells a figure.
    pub(crate) fn figure(&mut self, figure: impl Display) {
        self.figures.push(figure.to_string());
    }

    /// Tells a figure that must be within its bound.
    pub(crate) fn bound(&mut self, holds: bool, figure: impl Display, bound: &str) {
        self.demand(holds, &figure, bound);
        self.figure(figure);
    }

    /// Tells a figure only if it is not within its bound.
    pub(crate) fn demand(&mut self, holds: bool, figure: impl Display, bound: &str) {
        if !holds {
            self.broken.push(format!("{figure}, wanted {bound}"));
        }
    }

    /// Tells what must not be.
    pub(crate) fn violation(&mut self, violation: impl Display) {
        self.broken.push(violation.to_string());
    }

    /// Demands that there is no error.
    pub(crate) fn no_errors(&mut self, errors: &[String]) {
        self.figure(format_args!("{} errors", errors.len()));
        self.broken.extend_from_slice(errors);
    }
}

/// Tells the figures of a part of a long check at once, on a line of their own.
pub(crate) fn tell(figures: impl Display) {
    println!("      {figures}");
}

impl Tally {
    /// Prints and counts one check.
    pub(crate) fn note(&mut self, name: &str, outcome: anyhow::Result<Findings>, took: Duration) {
        let seconds = took.as_secs();
        match outcome {
            Ok(found) if found.broken.is_empty() => {
                self.passed += 1;
                println!("ok    {name}: {} ({seconds} s)", found.figures.join(", "));
            }
            Ok(found) => {
                self.failed += 1;
                println!("FAIL  {name}: {} ({seconds} s)", found.figures.join(", "));
                for broken in found.broken {
                    println!("      {broken}");
                }
            }
            Err(error) if error.is::<MissingTool>() => {
                self.skipped += 1;
                println!("skip  {name}: {error}");
            }
            Err(error) => {
                self.failed += 1;
                println!("FAIL  {name}: {error:#} ({seconds} s)");
            }
        }
    }

    /// Prints the closing line.
    pub(crate) fn close(&self) -> ExitCode {
        let Self { passed, failed, skipped } = self;
        match skipped {
            0 => println!("{passed} passed, {failed} failed"),
            _ => println!("{passed} passed, {failed} failed, {skipped} skipped"),
        }
        if *failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
