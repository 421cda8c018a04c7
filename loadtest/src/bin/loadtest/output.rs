//! Where texts of reports go, and whether bounds were kept.

use std::io::Write;

use anyhow::Context;
use net_pingora_loadtest::{Figure, Threshold};

/// Texts beside the summary.
#[derive(Debug, clap::Args)]
pub(crate) struct OutputArgs {
    /// Write all figures as JSON; - is standard output, in place of the summary
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    html: Option<String>,
}

impl OutputArgs {
    /// Writes the summary, and other texts where they are asked for; JSON on standard output takes the summary's place.
    pub(crate) fn write(
        &self,
        summary: impl FnOnce() -> String,
        json: impl FnOnce() -> String,
        html: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        if self.json.as_deref() != Some("-") {
            put("-", &summary())?;
        }
        if let Some(file) = &self.json {
            put(file, &json())?;
        }
        if let Some(file) = &self.html {
            put(file, &html())?;
        }
        Ok(())
    }
}

/// Writes to a file, or to standard output for `-`.
fn put(file: &str, text: &str) -> anyhow::Result<()> {
    if file == "-" {
        return std::io::stdout().lock().write_all(text.as_bytes()).context("write to standard output");
    }
    std::fs::write(file, text).with_context(|| format!("write {file}"))
}

/// Names the thresholds that were missed; whether all were kept.
pub(crate) fn kept<F: Figure>(thresholds: &[Threshold<F>], report: &F::Report) -> bool {
    let mut kept = true;
    for threshold in thresholds {
        if let Err(missed) = threshold.check(report) {
            eprintln!("loadtest: {missed}");
            kept = false;
        }
    }
    kept
}
