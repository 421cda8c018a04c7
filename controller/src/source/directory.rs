//! A directory of manifests as a source: read once by [`load`], kept up with by [`watch`].

mod files;
#[cfg(test)]
mod fuzz;
mod manifest;
mod old_forms;
mod parse;
mod pending;
mod scan;
mod watch;
mod yaml;

use std::path::Path;

pub use self::files::Directory;
pub use self::watch::{WatchError, watch};
use crate::engine::{Engine, Settings};
use crate::fault::Fault;
use crate::source::report;

/// A directory that was read once.
#[derive(Debug)]
pub struct Loaded {
    /// What its objects make.
    pub engine: Engine,
    /// What was read, for [`watch`] to go on from.
    pub directory: Directory,
    /// Everything wrong, in the order of files and lines.
    pub faults: Vec<Fault>,
    /// What is worth knowing and no fault.
    pub notices: Vec<String>,
}

impl Loaded {
    /// Logs faults and notices, one event each.
    pub fn log(&self) {
        report::faults(&self.faults);
        report::notices(&self.notices);
    }
}

/// Reads a directory once, subfolders included.
///
/// What cannot be read is a fault and stops nothing else, the directory itself included.
pub fn load(dir: &Path, settings: Settings) -> Loaded {
    let mut engine = Engine::new(settings);
    let mut directory = Directory::new(dir);
    let mut read = directory.rescan();
    let applied = engine.apply(read.changes);
    read.faults.extend(files::located(applied.faults));
    read.faults.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    read.notices.extend(applied.notices);
    Loaded { engine, directory, faults: read.faults, notices: read.notices }
}
