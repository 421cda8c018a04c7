//! CPU of one change among 100,000 hosts, by the routing crate's own measurement.

use anyhow::{Context, ensure};

use crate::findings::Findings;
use crate::process::cargo;

const HOSTS: &str = "100000";
const CHANGES: &str = "1000";

/// Microseconds of CPU a change may take, freeing the old table included.
const MOST_MICROS: u64 = 500;

pub(crate) fn run() -> anyhow::Result<Findings> {
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--package", "net-pingora-routing", "--example", "changes", "--"]);
    let output = command.args([HOSTS, CHANGES]).output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    let (mean, most) = (figure(&said, "mean_us")?, figure(&said, "max_us")?);
    let mut found = Findings::default();
    found.figure(format_args!("{CHANGES} changes among {HOSTS} hosts"));
    found.bound(mean <= MOST_MICROS, format_args!("mean {mean} µs of CPU"), "at most 500 µs");
    found.figure(format_args!("most {most} µs"));
    Ok(found)
}

/// The number after a name, as in `mean_us 12`.
fn figure(said: &str, name: &str) -> anyhow::Result<u64> {
    let mut words = said.split_whitespace().skip_while(|word| *word != name);
    words.nth(1).and_then(|word| word.parse().ok()).with_context(|| format!("no {name} in {said:?}"))
}
