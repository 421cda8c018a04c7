//! The memory of this process's control group, by which the kernel ends it (`cgroups(7)`), in both versions.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernel shows all groups.
const ROOT: &str = "/sys/fs/cgroup";

/// Version 1 writes a number beyond all memory where there is no limit.
const NO_LIMIT: u64 = 1 << 60;

/// The files of a group.
#[derive(Debug)]
pub(super) struct Cgroup {
    limit: PathBuf,
    used: PathBuf,
    details: PathBuf,
    /// What the kernel takes back before it ends anybody.
    reclaimable: &'static str,
}

impl Cgroup {
    /// The group of this process, if it shows its memory.
    pub(super) fn own() -> Option<Self> {
        Self::find(Path::new(ROOT), &fs::read_to_string("/proc/self/cgroup").ok()?)
    }

    /// The group that `own`, the text of `/proc/self/cgroup`, names. A container sees its own group as the root.
    fn find(root: &Path, own: &str) -> Option<Self> {
        own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
            let group = match controllers {
                "" => Self::version_2 as fn(&Path) -> Self,
                _ if controllers.split(',').any(|one| one == "memory") => Self::version_1,
                _ => return None,
            };
            let base = if controllers.is_empty() { root.to_owned() } else { root.join("memory") };
            [group(&base.join(path)), group(&base)].into_iter().find(|group| group.used.exists())
        })
    }

    fn version_1(folder: &Path) -> Self {
        Self {
            limit: folder.join("memory.limit_in_bytes"),
            used: folder.join("memory.usage_in_bytes"),
            details: folder.join("memory.stat"),
            reclaimable: "total_inactive_file",
        }
    }

    fn version_2(folder: &Path) -> Self {
        Self {
            limit: folder.join("memory.max"),
            used: folder.join("memory.current"),
            details: folder.join("memory.stat"),
            reclaimable: "inactive_file",
        }
    }

    /// Bytes the group may have, if there is a limit.
    pub(super) fn limit(&self) -> Option<u64> {
        number(&self.limit).filter(|&limit| limit < NO_LIMIT)
    }

    /// Bytes the group has, the kernel's for its sockets included: what Kubernetes calls its working set.
    pub(super) fn used(&self) -> Option<u64> {
        let details = fs::read_to_string(&self.details).ok()?;
        let reclaimable = details.lines().find_map(|line| line.strip_prefix(self.reclaimable)?.strip_prefix(' '));
        let reclaimable = reclaimable.and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
        Some(number(&self.used)?.saturating_sub(reclaimable))
    }
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_found_in_either_version_in_and_outside_of_a_container() {
        let version_1 = [
            ("memory.limit_in_bytes", "1000\n"),
            ("memory.usage_in_bytes", "900\n"),
            ("memory.stat", "cache 500\ninactive_file 1\ntotal_inactive_file 300\n"),
        ];
        let version_2 =
            [("memory.max", "1000\n"), ("memory.current", "900\n"), ("memory.stat", "anon 500\ninactive_file 300\n")];
        for (folder, files, own) in [
            ("memory/pod/box", version_1, "9:name=systemd:/x\n4:cpu,memory:/pod/box\n0::/\n"),
            ("memory", version_1, "4:memory:/pod/box\n"),
            ("pod/box", version_2, "0::/pod/box\n"),
            ("", version_2, "0::/\n"),
            ("", version_2, "0::/../elsewhere\n"),
        ] {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            for (name, text) in files {
                fs::write(folder.join(name), text).unwrap();
            }
            let group = Cgroup::find(root.path(), own).unwrap();
            assert_eq!((group.limit(), group.used()), (Some(1000), Some(600)), "{own}");
        }
    }

    #[test]
    fn no_limit_is_no_number() {
        let root = tempfile::tempdir().unwrap();
        assert!(Cgroup::find(root.path(), "0::/\n4:memory:/\n").is_none());
        for (group, limit) in
            [(Cgroup::version_2(root.path()), "max\n"), (Cgroup::version_1(root.path()), "9223372036854771712\n")]
        {
            fs::write(&group.limit, limit).unwrap();
            assert_eq!(group.limit(), None);
        }
    }
}
