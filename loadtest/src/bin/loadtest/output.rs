//! Where texts of reports go, and whether bounds were kept.

use std::io::Write;

use anyhow::Context;
use net_pingora_loadtest::{Figure, Threshold};

/// Writes the summary, and other texts where they are asked for; JSON on standard output takes the summary's place.
pub(crate) fn texts(
    to_json: Option<&str>,
    to_html: Option<&str>,
    summary: impl FnOnce() -> String,
    json: impl FnOnce() -> String,
    html: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    if to_json != Some("-") {
        put("-", &summary())?;
    }
    if let Some(file) = to_json {
        put(file, &json())?;
    }
    if let Some(file) = to_html {
        put(file, &html())?;
    }
    Ok(())
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
