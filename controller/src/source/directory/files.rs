//! What was read of each file, and what a new reading changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::parse::{Located, Parsed, locate, parse};
use super::scan::{Stamp, scan};
use crate::api::ObjectId;
use crate::fault::{Fault, Origin, one_line};
use crate::store::ObjectChange;

/// A directory of manifests, as it was when it was last read.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    files: BTreeMap<Arc<Path>, File>,
    definitions: HashMap<ObjectId, BTreeSet<Arc<Path>>>,
    other_kinds: BTreeSet<String>,
}

/// One file, with the last good version of all its objects.
#[derive(Debug)]
struct File {
    stamp: Option<Stamp>,
    objects: HashMap<ObjectId, Located>,
}

/// What a reading has found.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// What became of objects.
    pub(super) changes: Vec<ObjectChange>,
    /// Everything wrong with the files that were read.
    pub(super) faults: Vec<Fault>,
    /// Kinds met for the first time that are not read.
    pub(super) notices: Vec<String>,
    /// Files that had objects and are empty now; nothing was changed for them.
    pub(super) emptied: Vec<PathBuf>,
    /// The definition each touched object had before.
    before: BTreeMap<ObjectId, Option<(Arc<Path>, Located)>>,
}

impl Reading {
    /// Adds what a later reading has found.
    pub(super) fn extend(&mut self, later: Self) {
        self.changes.extend(later.changes);
        self.faults.extend(later.faults);
        self.notices.extend(later.notices);
        self.emptied.extend(later.emptied);
    }
}

impl Directory {
    /// A directory nothing was read of.
    pub(super) fn new(root: &Path) -> Self {
        let root = root.to_path_buf();
        Self { root, files: BTreeMap::new(), definitions: HashMap::new(), other_kinds: BTreeSet::new() }
    }

    /// Number of objects that were read, each counted once.
    pub fn objects(&self) -> usize {
        self.definitions.len()
    }

    /// Where it is.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether objects were read from a file below `folder`.
    pub(super) fn has_files_below(&self, folder: &Path) -> bool {
        let mut from = self.files.range::<Path, _>((std::ops::Bound::Excluded(folder), std::ops::Bound::Unbounded));
        from.next().is_some_and(|(path, _)| path.starts_with(folder))
    }

    /// Looks at the whole directory and reads the files that changed.
    ///
    /// What cannot be read keeps the objects it had.
    pub(super) fn rescan(&mut self) -> Reading {
        let mut reading = Reading::default();
        let found = scan(&self.root);
        for (path, error) in &found.unreadable {
            reading.faults.push(unreadable(path, error));
        }
        let (gone, changed) = self.compare(found.files);
        let kept = |path: &Path| found.unreadable.iter().any(|(folder, _)| path.starts_with(folder));
        for path in gone.iter().filter(|path| !kept(path)) {
            self.forget(path, &mut reading);
        }
        for path in changed {
            self.read_file(&path, false, &mut reading);
        }
        self.conclude(reading)
    }

    /// Files that are not `found` any more, and those found that are new or not as they were.
    ///
    /// Both sides are in the order of their paths, so one walk meets every file once: comparing paths is what
    /// looking at a large directory costs.
    fn compare(&self, found: Vec<(PathBuf, Stamp)>) -> (Vec<Arc<Path>>, Vec<PathBuf>) {
        let (mut gone, mut changed) = (Vec::new(), Vec::new());
        let mut known = self.files.iter().peekable();
        for (path, stamp) in found {
            while let Some((before, _)) = known.next_if(|(known, _)| ***known < *path) {
                gone.push(Arc::clone(before));
            }
            let same = known.next_if(|(known, _)| ***known == *path);
            if same.is_none_or(|(_, file)| file.stamp != Some(stamp)) {
                changed.push(path);
            }
        }
        gone.extend(known.map(|(path, _)| Arc::clone(path)));
        (gone, changed)
    }

    /// Reads these files again; `true` beside a path says that it may be empty by now.
    pub(super) fn reread(&mut self, paths: impl IntoIterator<Item = (PathBuf, bool)>) -> Reading {
        let mut reading = Reading::default();
        for (path, may_be_empty) in paths {
            self.read_file(&path, may_be_empty, &mut reading);
        }
        self.conclude(reading)
    }

    fn read_file(&mut self, path: &Path, may_be_empty: bool, reading: &mut Reading) {
        let stamp = match Stamp::of(path) {
            Ok(Some(stamp)) => stamp,
            Ok(None) => return self.forget(path, reading),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.forget(path, reading),
            Err(error) => return reading.faults.push(unreadable(path, &error)),
        };
        let known = self.files.get_key_value(path).map(|(path, file)| (Arc::clone(path), !file.objects.is_empty()));
        let (path, had_objects) = known.unwrap_or_else(|| (path.into(), false));
        match fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() && had_objects && !may_be_empty => {
                reading.emptied.push(path.to_path_buf());
            }
            Ok(text) => {
                let parsed = parse(&path, &text);
                self.replace(&path, Some(stamp), parsed, reading);
            }
            Err(error) => {
                reading.faults.push(unreadable(&path, &error));
                let unread = Parsed { incomplete: true, ..Parsed::default() };
                self.replace(&path, Some(stamp), unread, reading);
            }
        }
    }

    fn forget(&mut self, path: &Path, reading: &mut Reading) {
        if let Some((path, _)) = self.files.get_key_value(path) {
            let path = Arc::clone(path);
            self.replace(&path, None, Parsed::default(), reading);
            self.files.remove(&path);
        }
    }

    /// Takes what a file says now; misshapen objects keep their last good version.
    fn replace(&mut self, path: &Arc<Path>, stamp: Option<Stamp>, parsed: Parsed, reading: &mut Reading) {
        let Parsed { objects, misshapen, incomplete, faults, other_kinds } = parsed;
        reading.faults.extend(faults);
        for kind in other_kinds.into_iter().filter(|kind| !self.other_kinds.contains(kind)).collect::<Vec<_>>() {
            let notice = format!("{kind} in {} is a kind that is not read here", path.display());
            reading.notices.push(one_line(&notice));
            self.other_kinds.insert(kind);
        }
        let last = self.files.remove(path).map(|file| file.objects).unwrap_or_default();
        let stays = |id: &ObjectId| incomplete || misshapen.contains(id);
        let mut next: HashMap<_, _> =
            last.iter().filter(|(id, _)| stays(id)).map(|(id, located)| (id.clone(), located.clone())).collect();
        let mut seen = BTreeSet::new();
        for (id, located) in objects {
            if seen.insert(id.clone()) {
                next.insert(id, located);
            } else {
                let first = next.get(&id).map_or(0, |first| first.line);
                reading.faults.push(defined_twice(&id, path, located.line, path, first));
            }
        }
        for id in last.keys().chain(next.keys()) {
            reading.before.entry(id.clone()).or_insert_with(|| self.winner_with(id, path, &last));
        }
        self.redefine(path, &last, &next);
        self.files.insert(Arc::clone(path), File { stamp, objects: next });
    }

    /// The definition that counts, where `last` stands for the file at `path`.
    fn winner_with(
        &self,
        id: &ObjectId,
        path: &Arc<Path>,
        last: &HashMap<ObjectId, Located>,
    ) -> Option<(Arc<Path>, Located)> {
        let first = self.definitions.get(id)?.first()?;
        let objects = if first == path { last } else { &self.files.get(first)?.objects };
        Some((Arc::clone(first), objects.get(id)?.clone()))
    }

    /// The definition that counts: that of the first file.
    fn winner(&self, id: &ObjectId) -> Option<(Arc<Path>, Located)> {
        let first = self.definitions.get(id)?.first()?;
        Some((Arc::clone(first), self.files.get(first)?.objects.get(id)?.clone()))
    }

    fn redefine(&mut self, path: &Arc<Path>, last: &HashMap<ObjectId, Located>, next: &HashMap<ObjectId, Located>) {
        for id in last.keys().filter(|id| !next.contains_key(*id)) {
            if let Some(paths) = self.definitions.get_mut(id) {
                paths.remove(path);
                if paths.is_empty() {
                    self.definitions.remove(id);
                }
            }
        }
        for id in next.keys() {
            self.definitions.entry(id.clone()).or_default().insert(Arc::clone(path));
        }
    }

    /// Compares each touched object's definition with the one before.
    fn conclude(&self, mut reading: Reading) -> Reading {
        for (id, before) in std::mem::take(&mut reading.before) {
            let after = self.winner(&id);
            self.report_duplicates(&id, &mut reading.faults);
            let same = match (&before, &after) {
                (Some((old_path, old)), Some((path, new))) => old_path == path && old.object == new.object,
                (None, None) => true,
                _ => false,
            };
            match after {
                _ if same => {}
                None => reading.changes.push(ObjectChange::Remove(id)),
                Some((path, Located { object, line })) => {
                    let origin = Origin::of_file(path, line);
                    reading.changes.push(ObjectChange::Apply(object, origin));
                }
            }
        }
        reading
    }

    /// One fault for each definition that does not count.
    fn report_duplicates(&self, id: &ObjectId, faults: &mut Vec<Fault>) {
        let line =
            |path: &Arc<Path>| self.files.get(path).and_then(|file| Some(file.objects.get(id)?.line)).unwrap_or(1);
        let mut paths = self.definitions.get(id).into_iter().flatten();
        let Some(first) = paths.next() else { return };
        for path in paths {
            faults.push(defined_twice(id, path, line(path), first, line(first)));
        }
    }
}

/// Gives faults of objects the line of their field.
pub(super) fn located(mut faults: Vec<Fault>) -> Vec<Fault> {
    let mut by_file: BTreeMap<PathBuf, Vec<&mut Fault>> = BTreeMap::new();
    for fault in &mut faults {
        if let Some(file) = fault.file.clone() {
            by_file.entry(file).or_default().push(fault);
        }
    }
    for (path, faults) in by_file {
        if let Ok(text) = fs::read_to_string(path) {
            locate(&text, faults);
        }
    }
    faults
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    let fix = "make it readable; until then what was read of it stays";
    Fault::of_file(path, None, format!("cannot be read: {error}"), fix)
}

fn defined_twice(id: &ObjectId, path: &Arc<Path>, line: usize, first: &Path, first_line: usize) -> Fault {
    let problem = format!("is defined already at {}:{first_line}, which counts", first.display());
    let origin = Origin::of_file(Arc::clone(path), line);
    Fault::of(id, &origin, crate::api::FieldFault::new("metadata.name", problem, "remove one of the two or rename it"))
}
