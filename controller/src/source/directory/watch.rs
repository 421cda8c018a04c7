//! Keeps up with a directory: inotify tells what changed, [`Pending`] when to look.

use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use thiserror::Error;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use super::files::{Directory, Reading, located};
use super::pending::{Due, Pending, Touch};
use super::scan::{Hidden, hidden, is_manifest};
use crate::engine::{Applied, Engine};
use crate::source::report;

/// How often the whole directory is looked at, for what no event tells: a network file system, the
/// target of a link outside, the directory itself replaced.
const SAFETY_RESCAN: Duration = Duration::from_secs(10);

/// The directory cannot be watched.
#[derive(Debug, Error)]
#[error("cannot watch {}: {source}; make it a readable directory, or raise fs.inotify.max_user_watches", path.display())]
pub struct WatchError {
    path: PathBuf,
    source: notify::Error,
}

/// Keeps `engine` up with `directory` for ever; calls `on_applied` after every batch that changed
/// or found something.
///
/// It reads and parses where it is polled, so it belongs on a thread that serves no traffic.
///
/// # Errors
/// When the directory cannot be watched at all.
pub async fn watch(
    mut directory: Directory,
    mut engine: Engine,
    mut on_applied: impl FnMut(&Applied),
) -> Result<Infallible, WatchError> {
    let mut watched = Watched::start(directory.root())?;
    let mut pending = Pending::default();
    pending.rescan(Instant::now());
    let mut safety = interval(SAFETY_RESCAN);
    safety.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let due = pending.next().unwrap_or_else(|| Instant::now() + SAFETY_RESCAN);
        tokio::select! {
            Some(event) = watched.events.recv() => note(event, &directory, &mut pending),
            () = tokio::time::sleep_until(due.into()) => {}
            _ = safety.tick() => {
                engine.reclaim();
                watched.follow(directory.root());
                pending.rescan(Instant::now());
            }
        }
        while let Ok(event) = watched.events.try_recv() {
            note(event, &directory, &mut pending);
        }
        if let Some(due) = pending.take(Instant::now()) {
            let detected = due.detected;
            let reading = read(&mut directory, due, &mut pending);
            if let Some(applied) = apply(&mut engine, reading, detected) {
                report::applied(&applied);
                on_applied(&applied);
            }
        }
    }
}

/// Reads what is due; a file that has just become empty waits a little longer.
fn read(directory: &mut Directory, due: Due, pending: &mut Pending) -> Reading {
    let mut reading = directory.reread(due.files);
    if due.rescan {
        reading.extend(directory.rescan());
    }
    for path in std::mem::take(&mut reading.emptied) {
        pending.emptied(path, Instant::now());
    }
    reading
}

/// Applies a reading; `None` when it says nothing new.
fn apply(engine: &mut Engine, reading: Reading, detected: Instant) -> Option<Applied> {
    let Reading { changes, faults, notices, .. } = reading;
    if changes.is_empty() && faults.is_empty() && notices.is_empty() {
        return None;
    }
    let mut applied = engine.apply(changes);
    applied.detected = detected;
    applied.took = detected.elapsed();
    applied.faults = faults.into_iter().chain(located(applied.faults)).collect();
    applied.notices.splice(0..0, notices);
    Some(applied)
}

/// What inotify reports of one directory.
struct Watched {
    events: UnboundedReceiver<Event>,
    root: Option<(u64, u64)>,
    _watcher: RecommendedWatcher,
}

impl Watched {
    fn start(root: &Path) -> Result<Self, WatchError> {
        let failed = |source| WatchError { path: root.to_path_buf(), source };
        let (sender, events) = mpsc::unbounded_channel();
        let (given, absolute) = (root.to_path_buf(), std::path::absolute(root).unwrap_or_else(|_| root.to_path_buf()));
        let report = move |event: notify::Result<Event>| {
            let lost = |error| {
                warn!(%error, "an event was lost; the whole directory is looked at");
                Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan)
            };
            let mut event = event.unwrap_or_else(lost);
            for path in &mut event.paths {
                *path = as_given(path, &absolute, &given);
            }
            if event.need_rescan() || touch(event.kind).is_some() {
                // Nobody listens only when the watch itself has ended.
                let _ = sender.send(event);
            }
        };
        let mut watcher = notify::recommended_watcher(report).map_err(failed)?;
        watcher.watch(root, RecursiveMode::Recursive).map_err(failed)?;
        Ok(Self { events, root: identity(root), _watcher: watcher })
    }

    /// Watches anew when another directory has taken the place of the one that is watched.
    fn follow(&mut self, root: &Path) {
        let now = identity(root);
        if now == self.root || now.is_none() {
            return;
        }
        match Self::start(root) {
            Ok(watched) => *self = watched,
            Err(error) => warn!(%error, "the directory was replaced and is only looked at from time to time"),
        }
    }
}

/// Events name files from the root of the file system; we name them as the directory was named.
fn as_given(path: &Path, absolute: &Path, given: &Path) -> PathBuf {
    path.strip_prefix(absolute).map_or_else(|_| path.to_path_buf(), |rest| given.join(rest))
}

/// Which directory a path leads to, through links.
fn identity(root: &Path) -> Option<(u64, u64)> {
    fs::metadata(root).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// What an event says of its files; `None` for mere reading.
fn touch(kind: EventKind) -> Option<Touch> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(_) | ModifyKind::Metadata(_))
        | EventKind::Remove(_) => Some(Touch::Complete),
        EventKind::Access(_) => None,
        _ => Some(Touch::Writing),
    }
}

/// Decides what an event makes necessary.
fn note(event: Event, directory: &Directory, pending: &mut Pending) {
    let now = Instant::now();
    if event.need_rescan() {
        pending.rescan(now);
    }
    let Some(touch) = touch(event.kind) else { return };
    for path in event.paths {
        match hidden(directory.root(), &path) {
            Hidden::Volume => pending.rescan(now),
            Hidden::No if path.is_dir() || directory.has_files_below(&path) => pending.rescan(now),
            Hidden::No if is_manifest(&path) => pending.touch(path, touch, now),
            Hidden::Yes | Hidden::No => {}
        }
    }
}
