//! The folder of manifests that the demo serves.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::TempDir;

/// A folder of manifests; a temporary one goes away with the demo unless it is kept.
#[derive(Debug)]
pub(super) enum Folder {
    /// The one that was asked for.
    Given(PathBuf),
    /// A new one.
    Temporary(TempDir),
}

impl Folder {
    /// The folder that was asked for, made if need be, or a new one.
    pub(super) fn open(given: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = given else {
            let made = tempfile::Builder::new().prefix("net-pingora-demo-").tempdir();
            return made.map(Self::Temporary).context("cannot make a temporary folder; name one with --dir");
        };
        fs::create_dir_all(path).with_context(|| format!("cannot make {}; name another with --dir", path.display()))?;
        Ok(Self::Given(path.to_path_buf()))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }

    /// Keeps a temporary folder too.
    pub(super) fn keep(self) -> PathBuf {
        match self {
            Self::Given(path) => path,
            Self::Temporary(folder) => folder.keep(),
        }
    }
}
