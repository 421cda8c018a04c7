//! Which files of a directory are manifests.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Directories within directories; deeper ones can only be links that lead in a circle.
const DEEPEST: usize = 32;

/// What tells one version of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: (i64, i64),
    length: u64,
    device: u64,
    inode: u64,
}

impl Stamp {
    /// The stamp of a regular file, through links; `None` when it is something else.
    pub(super) fn of(path: &Path) -> io::Result<Option<Self>> {
        let metadata = fs::metadata(path)?;
        Ok(metadata.is_file().then(|| Self::from(&metadata)))
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            length: metadata.len(),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// What a scan has found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// All manifests, in the order of their paths.
    pub(super) files: Vec<(PathBuf, Stamp)>,
    /// What could not be read.
    pub(super) unreadable: Vec<(PathBuf, io::Error)>,
}

/// Finds all manifests, subfolders included. Links are followed, hidden entries are not.
///
/// So the files of a mounted ConfigMap are found by their own names, which are links into the
/// hidden folder that Kubernetes swaps.
pub(super) fn scan(root: &Path) -> Scan {
    let mut found = Scan::default();
    visit(root, 0, &mut found);
    found
}

fn visit(folder: &Path, depth: usize, found: &mut Scan) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return found.unreadable.push((folder.to_path_buf(), error)),
    };
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort_unstable();
    for path in names.iter().map(|name| folder.join(name)).filter(|path| !is_hidden(path)) {
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() && depth < DEEPEST => visit(&path, depth + 1, found),
            Ok(metadata) if metadata.is_file() && is_manifest(&path) => {
                found.files.push((path, Stamp::from(&metadata)));
            }
            Err(error) if is_manifest(&path) && error.kind() != io::ErrorKind::NotFound => {
                found.unreadable.push((path, error));
            }
            _ => {}
        }
    }
}

/// Whether a file is read, by its name.
pub(super) fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("yaml" | "yml" | "json")) && !is_hidden(path)
}

/// Whether the last part of a path is hidden.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// What a hidden part between `root` and the end of `path` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hidden {
    /// There is none.
    No,
    /// The path is none of ours.
    Yes,
    /// It is the folder that Kubernetes swaps in a mounted volume.
    Volume,
}

/// Looks for a hidden part below `root`.
pub(super) fn hidden(root: &Path, path: &Path) -> Hidden {
    let below = path.strip_prefix(root).unwrap_or(path);
    let names = below.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.as_encoded_bytes()),
        _ => None,
    });
    match names.into_iter().find(|name| name.starts_with(b".")) {
        None => Hidden::No,
        Some(name) if name.starts_with(b"..") => Hidden::Volume,
        Some(_) => Hidden::Yes,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn manifests_are_found_in_subfolders_and_through_links_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        for folder in ["sub/deep", "sub.d", ".git", "..2026"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        let manifests = ["a.yaml", "b.yml", "sub/deep/c.json", "sub.d/j.yaml", "sub.yaml"];
        for file in manifests.into_iter().chain(["d.txt", ".e.yaml", ".git/f.yaml", "..2026/g.yaml", "h.yaml~"]) {
            fs::write(at(file), "").unwrap();
        }
        symlink("..2026", at("..data")).unwrap();
        symlink("..data/g.yaml", at("g.yaml")).unwrap();
        symlink("nowhere", at("i.yaml")).unwrap();
        symlink(".", at("sub/loop")).unwrap();
        let found = scan(dir.path());
        let names: Vec<_> =
            found.files.iter().map(|(path, _)| path.strip_prefix(dir.path()).unwrap().to_str().unwrap()).collect();
        let names: Vec<_> = names.into_iter().filter(|name| !name.contains("loop")).collect();
        assert_eq!(names, ["a.yaml", "b.yml", "g.yaml", "sub/deep/c.json", "sub.d/j.yaml", "sub.yaml"]);
        assert!(found.files.is_sorted_by_key(|(path, _)| path));
        assert!(found.unreadable.is_empty());
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_named() {
        let found = scan(Path::new("/nowhere/at/all"));
        assert_eq!(found.unreadable[0].0, Path::new("/nowhere/at/all"));
    }

    #[test]
    fn hidden_parts_below_the_root_are_told_apart() {
        for (path, wanted) in [
            ("/.root/a.yaml", Hidden::No),
            ("/.root/sub/a.yaml", Hidden::No),
            ("/.root/.git/a.yaml", Hidden::Yes),
            ("/.root/..data", Hidden::Volume),
            ("/.root/..2026/a.yaml", Hidden::Volume),
        ] {
            assert_eq!(hidden(Path::new("/.root"), Path::new(path)), wanted, "{path}");
        }
    }
}
