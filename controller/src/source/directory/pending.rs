//! Which files wait to be read again, and when.
//!
//! A saved file is read as soon as nothing has happened for [`QUIET`], at the latest [`AT_MOST`]
//! after its first event. One that is still being written, or that has just become empty, gets
//! [`PATIENCE`]: many programs empty a file first and fill it then.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Silence that ends a burst of events.
const QUIET: Duration = Duration::from_millis(10);
/// The longest a burst is waited for.
const AT_MOST: Duration = Duration::from_millis(20);
/// How long a file may stay open or empty.
const PATIENCE: Duration = Duration::from_millis(50);

/// What an event says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    /// Somebody is writing it.
    Writing,
    /// It is complete: closed, renamed, removed.
    Complete,
}

/// A file that waits.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    writing: bool,
    emptied: bool,
}

/// Everything that waits.
#[derive(Debug, Default)]
pub(super) struct Pending {
    files: BTreeMap<PathBuf, Waiting>,
    rescan: Option<Instant>,
    last_event: Option<Instant>,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// When the first of it was seen.
    pub(super) detected: Instant,
    /// Whether the whole directory must be looked at.
    pub(super) rescan: bool,
    /// Files to read, and whether each may be empty by now.
    pub(super) files: Vec<(PathBuf, bool)>,
}

impl Pending {
    /// Something happened to a file.
    pub(super) fn touch(&mut self, path: PathBuf, touch: Touch, now: Instant) {
        self.last_event = Some(now);
        let waiting = self.files.entry(path).or_insert(Waiting { since: now, writing: false, emptied: false });
        waiting.writing = touch == Touch::Writing;
    }

    /// Something happened that says too little; the whole directory must be looked at.
    pub(super) fn rescan(&mut self, now: Instant) {
        self.last_event = Some(now);
        self.rescan.get_or_insert(now);
    }

    /// A file was found empty, and was not before.
    pub(super) fn emptied(&mut self, path: PathBuf, now: Instant) {
        self.files.entry(path).or_insert(Waiting { since: now, writing: false, emptied: true });
    }

    /// When something is due next.
    pub(super) fn next(&self) -> Option<Instant> {
        let patient = self.files.values().filter(|file| file.writing || file.emptied).map(|file| file.since + PATIENCE);
        patient.chain(self.burst_ends()).min()
    }

    /// When the events of complete files and rescans have settled.
    fn burst_ends(&self) -> Option<Instant> {
        let complete = self.files.values().filter(|file| !file.writing && !file.emptied).map(|file| file.since);
        let first = complete.chain(self.rescan).min()?;
        let quiet = self.last_event.unwrap_or(first) + QUIET;
        Some(quiet.min(first + AT_MOST))
    }

    /// Takes what is due; what is complete is taken together.
    pub(super) fn take(&mut self, now: Instant) -> Option<Due> {
        let settled = self.burst_ends().is_some_and(|end| end <= now);
        let is_due = |file: &Waiting| {
            if file.writing || file.emptied { file.since + PATIENCE <= now } else { settled }
        };
        let due: Vec<_> = self.files.iter().filter(|(_, file)| is_due(file)).map(|(path, _)| path.clone()).collect();
        let taken: Vec<_> = due.into_iter().filter_map(|path| self.files.remove_entry(&path)).collect();
        let rescan = if settled { self.rescan.take() } else { None };
        let detected = taken.iter().map(|(_, file)| file.since).chain(rescan).min()?;
        let files = taken.into_iter().map(|(path, file)| (path, file.emptied)).collect();
        Some(Due { detected, rescan: rescan.is_some(), files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One step of a story, at so many milliseconds.
    enum Step {
        Writing(&'static str),
        Complete(&'static str),
        Emptied(&'static str),
        Rescan,
    }
    use Step::{Complete, Emptied, Rescan, Writing};

    /// When each thing becomes due, like `a@10`; `!` marks a file that may be empty.
    fn told(story: &[(u64, Step)]) -> String {
        let start = Instant::now();
        let mut pending = Pending::default();
        let mut due = Vec::new();
        let mut steps = story.iter().peekable();
        for millis in 0..200 {
            let now = start + Duration::from_millis(millis);
            while let Some((_, step)) = steps.next_if(|(at, _)| *at == millis) {
                match step {
                    Writing(path) => pending.touch(path.into(), Touch::Writing, now),
                    Complete(path) => pending.touch(path.into(), Touch::Complete, now),
                    Emptied(path) => pending.emptied(path.into(), now),
                    Rescan => pending.rescan(now),
                }
            }
            let taken = pending.take(now);
            assert!(pending.next().is_none_or(|next| next > now), "nothing is overdue at {millis}");
            let Some(taken) = taken else { continue };
            due.extend(taken.rescan.then(|| format!("all@{millis}")));
            due.extend(
                taken
                    .files
                    .iter()
                    .map(|(path, empty)| format!("{}{}@{millis}", path.display(), if *empty { "!" } else { "" })),
            );
        }
        assert_eq!(pending.next(), None);
        due.join(" ")
    }

    #[test]
    fn a_burst_is_taken_together_after_quiet_or_at_the_latest() {
        for (story, wanted) in [
            (vec![(0, Complete("a"))], "a@10"),
            (vec![(0, Complete("a")), (8, Complete("b"))], "a@18 b@18"),
            (
                vec![(0, Complete("a")), (8, Complete("b")), (16, Complete("c")), (24, Complete("d"))],
                "a@20 b@20 c@20 d@34",
            ),
            (vec![(0, Complete("a")), (5, Rescan)], "all@15 a@15"),
            (vec![(0, Rescan)], "all@10"),
        ] {
            assert_eq!(told(&story), wanted);
        }
    }

    #[test]
    fn a_file_that_is_written_or_empty_gets_patience() {
        for (story, wanted) in [
            (vec![(0, Writing("a")), (3, Writing("a")), (5, Complete("a"))], "a@15"),
            (vec![(0, Writing("a")), (30, Writing("a"))], "a@50"),
            (vec![(0, Writing("a")), (30, Complete("a"))], "a@30"),
            (vec![(0, Writing("a")), (1, Complete("b"))], "b@11 a@50"),
            (vec![(0, Emptied("a"))], "a!@50"),
            (vec![(0, Emptied("a")), (7, Writing("a")), (9, Complete("a"))], "a!@50"),
        ] {
            assert_eq!(told(&story), wanted);
        }
    }
}
