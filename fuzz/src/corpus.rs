//! The inputs of a target that stand in the repository.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// A directory with one input a file.
#[derive(Debug)]
pub struct Corpus {
    directory: PathBuf,
    inputs: Vec<(PathBuf, Vec<u8>)>,
}

impl Corpus {
    /// Reads all files of a directory.
    pub fn read(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        let inputs = files(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        assert!(!inputs.is_empty(), "{}: there is no input", directory.display());
        Self { directory, inputs }
    }

    /// All inputs with their files, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.inputs.iter().map(|(path, input)| (path.as_path(), input.as_slice()))
    }

    /// Adds an input, so that the next run begins with it; returns its file.
    pub(crate) fn keep(&self, input: &[u8]) -> io::Result<PathBuf> {
        let mut hasher = DefaultHasher::new();
        input.hash(&mut hasher);
        let path = self.directory.join(format!("found-{:016x}", hasher.finish()));
        fs::write(&path, input)?;
        Ok(path)
    }
}

fn files(directory: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut paths = fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort_unstable();
    paths.into_iter().map(|path| fs::read(&path).map(|input| (path, input))).collect()
}
