//! One look-up among 100,000 hosts, by the routing crate's own measurements.

use std::fs;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::findings::Findings;
use crate::process::{cargo, target, workspace};
use crate::tools::Tool;

/// Nanoseconds of one look-up.
const MOST_NANOS: f64 = 1_000.0;

pub(crate) fn run(quick: bool) -> anyhow::Result<Findings> {
    Tool::find("valgrind", "valgrind")?;
    let mut found = Findings::default();
    let nanos = bench(quick)?;
    found.bound(nanos <= MOST_NANOS, format_args!("{nanos:.0} ns among 100,000 hosts"), "at most 1,000 ns");
    let (within, figures) = instructions()?;
    found.bound(within, figures, "within 1.3 times");
    Ok(found)
}

/// Runs the bench; the median that criterion has estimated, in nanoseconds.
fn bench(quick: bool) -> anyhow::Result<f64> {
    let mut command = cargo();
    command.args(["bench", "--quiet", "--package", "net-pingora-routing", "--bench", "lookup", "--", "100000"]);
    if quick {
        command.arg("--quick");
    }
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let path = target()?.join("criterion/lookup/100000/new/estimates.json");
    let estimates: Value = serde_json::from_slice(&fs::read(&path).with_context(|| path.display().to_string())?)?;
    estimates["median"]["point_estimate"].as_f64().context("criterion has no median")
}

/// Counts instructions; whether they are within the script's bound, and what it says.
fn instructions() -> anyhow::Result<(bool, String)> {
    let script = workspace().join("tests/full/lookup-instructions.sh");
    let output = Command::new(script).env("CARGO_TARGET_DIR", target()?).output()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(!said.is_empty(), "no instructions counted: {}", String::from_utf8_lossy(&output.stderr));
    Ok((output.status.success(), said))
}
