//! Objects as files of a directory.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::Value;

use super::Error;
use super::written::name;

/// The files of one run.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Files that are there, in the order in which they were written.
    written: Vec<PathBuf>,
}

impl Directory {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), written: Vec::new() }
    }

    /// Puts a whole file, or in the place of another, at once. JSON is YAML too (YAML 1.2, §1.3).
    pub(crate) fn put(&mut self, object: &Value) -> Result<(), Error> {
        let name = name(object);
        let (file, hidden) = (self.path.join(format!("{name}.yaml")), self.path.join(format!(".{name}.yaml")));
        if !self.written.contains(&file) {
            self.written.push(file.clone());
        }
        let put = fs::write(&hidden, format!("{object:#}\n")).and_then(|()| fs::rename(&hidden, &file));
        put.map_err(|error| Error::File(file, error))
    }

    /// Removes all that can be removed; tells of the first that cannot.
    pub(crate) fn remove(&mut self) -> Result<(), Error> {
        let mut outcome = Ok(());
        while let Some(file) = self.written.pop() {
            match fs::remove_file(&file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => outcome = outcome.and(removed.map_err(|error| Error::File(file, error))),
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_files_of_its_own_are_written_and_none_is_left() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("other.yaml"), "").unwrap();
        let mut directory = Directory::new(folder.path());
        for (name, to) in [("a", 0), ("b", 0), ("a", 1)] {
            directory.put(&json!({ "metadata": { "name": name }, "to": to })).unwrap();
        }
        let names = || fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names().count(), 3);
        let text = fs::read_to_string(folder.path().join("a.yaml")).unwrap();
        assert!(text.contains("\"to\": 1"), "{text}");
        fs::remove_file(folder.path().join("b.yaml")).unwrap();
        directory.remove().unwrap();
        assert_eq!(names().collect::<Vec<_>>(), ["other.yaml"]);
    }
}
