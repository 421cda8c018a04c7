//! The demo while it runs: what changes is told, and what each route carries is shown.

use std::collections::VecDeque;
use std::io::{IsTerminal, Write, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use net_pingora_controller::Applied;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use super::Demo;
use super::board::{Board, Route, whole_millis};
use super::screen::Screen;

/// How often the live lines are drawn on a terminal, and printed elsewhere.
const REDRAW: Duration = Duration::from_secs(1);
const REPRINT: Duration = Duration::from_secs(5);

/// How long failures are counted before a change is said to have had none.
const SETTLE: Duration = Duration::from_millis(500);

/// Shows the demo until Ctrl-C, then sums up.
pub(super) async fn run(mut demo: Demo) -> anyhow::Result<ExitCode> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let terminal = stdout().is_terminal();
    let mut view = View::new(Screen::new(stdout(), terminal));
    let mut redraw = interval(if terminal { REDRAW } else { REPRINT });
    redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = redraw.tick() => view.draw(&demo)?,
            Some(applied) = demo.changes.recv() => view.begin(&applied, &demo)?,
            () = view.settled() => view.conclude(&demo)?,
            error = demo.server.control_failed() => return Err(error),
        }
    }
    view.sum_up(demo)?;
    Ok(ExitCode::SUCCESS)
}

/// A change that is in effect and whose failures are still being counted.
#[derive(Debug)]
struct Change {
    took: Duration,
    failed_before: u64,
    settled: Instant,
}

/// What is shown, and what it is made of.
#[derive(Debug)]
struct View<W> {
    screen: Screen<W>,
    board: Board,
    changes: VecDeque<Change>,
    edited: bool,
}

impl<W: Write> View<W> {
    fn new(screen: Screen<W>) -> Self {
        Self { screen, board: Board::default(), changes: VecDeque::new(), edited: false }
    }

    /// One line per route.
    fn draw(&mut self, demo: &Demo) -> std::io::Result<()> {
        let routes = self.board.routes(&demo.server.table().load());
        self.screen.draw(lines(&routes))
    }

    /// Says what is wrong with a change; whether it failed requests is told when it has settled.
    fn begin(&mut self, applied: &Applied, demo: &Demo) -> std::io::Result<()> {
        self.edited = true;
        for fault in &applied.faults {
            self.screen.say(&fault.to_string())?;
        }
        if applied.ingresses.is_empty() {
            return Ok(());
        }
        let (took, failed_before) = (applied.took, self.board.failed(&demo.server.table().load()));
        self.board.mark();
        self.changes.push_back(Change { took, failed_before, settled: Instant::now() + SETTLE });
        Ok(())
    }

    /// Resolves when the oldest change has settled; never when there is none.
    async fn settled(&self) {
        match self.changes.front() {
            Some(change) => tokio::time::sleep_until(change.settled.into()).await,
            None => std::future::pending().await,
        }
    }

    fn conclude(&mut self, demo: &Demo) -> std::io::Result<()> {
        let Some(change) = self.changes.pop_front() else { return Ok(()) };
        let failed = self.board.failed(&demo.server.table().load()) - change.failed_before;
        self.screen.say(&format!("applied in {} ms, {failed} failed", whole_millis(change.took)))
    }

    /// Everything that was carried; the folder is kept if somebody worked in it.
    fn sum_up(&mut self, demo: Demo) -> std::io::Result<()> {
        let routes: Vec<_> = self.board.routes(&demo.server.table().load()).into_iter().map(Route::in_all).collect();
        self.screen.draw(Vec::new())?;
        self.screen.say(&format!("\nIn all:\n{}", lines(&routes).join("\n")))?;
        if self.edited {
            self.screen.say(&format!("Your manifests stay in {}", demo.folder.keep().display()))?;
        }
        demo.server.stop();
        Ok(())
    }
}

/// A line for each route, in columns.
fn lines(routes: &[Route]) -> Vec<String> {
    let width = routes.iter().map(Route::label_width).max().unwrap_or_default();
    routes.iter().map(|route| format!("{route:width$}")).collect()
}
