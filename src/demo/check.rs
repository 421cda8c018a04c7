//! `demo --check`: every printed line is run, and a weight is edited.

use std::fs;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio::time::timeout;

use super::Demo;
use super::board::{Board, Route, whole_millis};
use super::line::{Line, is_installed};
use super::lines::{NEW, SPLIT_FILE, SPLIT_HOST};

/// How long a saved change may take; far more than it does.
const IN_EFFECT: Duration = Duration::from_secs(5);

/// Requests that must all go where the edited weights say.
const AFTER_EDIT: usize = 20;

/// Requests from which on shares are judged, and how far off they may be, in points.
const ENOUGH: u64 = 1_000;
const TOLERANCE: u64 = 5;

/// What the checks have found so far.
#[derive(Debug)]
struct Tally<W> {
    out: W,
    passed: u32,
    failed: u32,
    skipped: u32,
}

/// Runs all checks; exits 1 when one fails.
pub(super) async fn run(mut demo: Demo, lines: &[Line], out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let mut tally = Tally { out, passed: 0, failed: 0, skipped: 0 };
    for line in lines {
        check_line(line, &mut tally).await?;
    }
    check_shares(&demo, &mut tally)?;
    if let Some(first) = lines.first() {
        let (name, outcome) = match check_edit(&mut demo, first).await {
            Ok(took) => (format!("an edited weight: applied in {} ms, 0 failed", whole_millis(took)), Ok(())),
            Err(error) => ("an edited weight".to_owned(), Err(error)),
        };
        tally.note(&name, outcome)?;
    }
    demo.server.stop();
    tally.close()?;
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl<W: Write> Tally<W> {
    /// Prints and counts one check.
    fn note(&mut self, name: &str, outcome: anyhow::Result<()>) -> std::io::Result<()> {
        match outcome {
            Ok(()) => {
                self.passed += 1;
                writeln!(self.out, "ok    {name}")
            }
            Err(error) => {
                self.failed += 1;
                writeln!(self.out, "FAIL  {name}: {error:#}")
            }
        }
    }

    fn skip(&mut self, name: &str, why: &str) -> std::io::Result<()> {
        self.skipped += 1;
        writeln!(self.out, "skip  {name}: {why}")
    }

    /// The closing line.
    fn close(&mut self) -> std::io::Result<()> {
        let Self { passed, failed, .. } = self;
        match self.skipped {
            0 => writeln!(self.out, "{passed} passed, {failed} failed"),
            skipped => writeln!(self.out, "{passed} passed, {failed} failed, {skipped} skipped"),
        }
    }
}

/// Types one line and judges what it prints. curl must be there, hey may be missing.
async fn check_line(line: &Line, tally: &mut Tally<impl Write>) -> std::io::Result<()> {
    let (name, tool) = (format!("{}: {}", line.shows, line.command), line.tool());
    if !is_installed(tool).await && tool != "curl" {
        return tally.skip(&name, &format!("{tool} is not installed"));
    }
    let outcome = line.run().await.and_then(|printed| line.judge(&printed));
    tally.note(&name, outcome.map_err(anyhow::Error::msg))
}

/// Compares the shares of the split with what hey's requests have seen.
fn check_shares(demo: &Demo, tally: &mut Tally<impl Write>) -> std::io::Result<()> {
    let name = format!("the split's shares are within {TOLERANCE} points");
    let routes = Board::default().routes(&demo.server.table().load());
    let deviation = routes.iter().find(|route| route.is_of(SPLIT_HOST)).map(Route::deviation).unwrap_or_default();
    match deviation {
        (_, requests) if requests < ENOUGH => tally.skip(&name, "too few requests for shares to show"),
        (points, _) if points < TOLERANCE => tally.note(&name, Ok(())),
        (points, requests) => tally.note(&name, Err(anyhow::anyhow!("off by {points} points in {requests} requests"))),
    }
}

/// Gives the whole weight to the second revision, and puts the manifest back afterwards; how long
/// the change took.
async fn check_edit(demo: &mut Demo, line: &Line) -> anyhow::Result<Duration> {
    let file = demo.folder.path().join(SPLIT_FILE);
    let before = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let after = before.replace("percent: 80", "percent: 0").replace("percent: 20", "percent: 100");
    anyhow::ensure!(before != after, "there is no 80/20 split in {}", file.display());
    fs::write(&file, after)?;
    let outcome = check_edited(demo, line).await;
    fs::write(&file, before)?;
    outcome
}

async fn check_edited(demo: &mut Demo, line: &Line) -> anyhow::Result<Duration> {
    let mut board = Board::default();
    let failed_before = board.failed(&demo.server.table().load());
    let applied = timeout(IN_EFFECT, demo.changes.recv()).await.ok().flatten();
    let applied = applied.with_context(|| format!("not seen within {} s", IN_EFFECT.as_secs()))?;
    if let Some(fault) = applied.faults.first() {
        anyhow::bail!("{fault}");
    }
    for _ in 0..AFTER_EDIT {
        let printed = line.run().await.map_err(anyhow::Error::msg)?;
        anyhow::ensure!(printed.contains(NEW), "the old weight still counts: {}", printed.trim());
    }
    let failed = board.failed(&demo.server.table().load()) - failed_before;
    anyhow::ensure!(failed == 0, "{failed} requests failed meanwhile");
    Ok(applied.took)
}
