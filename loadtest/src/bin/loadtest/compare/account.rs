//! What processes use, as the kernel accounts for it (proc(5)).

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::cores::List;

/// Time on a core of every thread of a process and of those it started, in nanoseconds.
#[derive(Debug)]
pub(crate) struct Cpu(HashMap<String, u64>);

impl Cpu {
    /// Until now.
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let mut threads = HashMap::new();
        for process in family(process)? {
            let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else { continue };
            for task in tasks.flatten() {
                // A thread may end while it is looked at.
                let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
                let spent = time_on_core(&text).context("schedstat begins with no number")?;
                threads.insert(task.path().display().to_string(), spent);
            }
        }
        Ok(Self(threads))
    }

    /// What was used since `before`.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let before = |thread: &String| before.0.get(thread).copied().unwrap_or_default();
        Duration::from_nanos(self.0.iter().map(|(thread, now)| now.saturating_sub(before(thread))).sum())
    }
}

/// Time these cores have been busy with anything.
pub(crate) fn busy(cores: &List) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/stat").context("read /proc/stat")?;
    let all = cores.0.iter().map(|core| busy_of(&stat, *core).with_context(|| format!("no core {core} in /proc/stat")));
    all.sum()
}

/// Resident memory of a process and those it started, in bytes; pages they share count for each. An error once it has
/// ended.
pub(crate) fn resident(process: u32) -> anyhow::Result<u64> {
    let each = |process| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        resident_of(&status)
    };
    let family = family(process)?;
    let all = family.into_iter().filter_map(each).sum();
    ensure!(all > 0, "process {process} has ended");
    Ok(all)
}

/// The process and all that descend from it.
fn family(process: u32) -> anyhow::Result<HashSet<u32>> {
    let mut parents = HashMap::new();
    for entry in fs::read_dir("/proc").context("read /proc")?.flatten() {
        if let Some((number, parent)) = parent(&entry.path()) {
            parents.insert(number, parent);
        }
    }
    Ok(descendants(process, &parents))
}

fn parent(path: &Path) -> Option<(u32, u32)> {
    let number = path.file_name()?.to_str()?.parse().ok()?;
    Some((number, parent_of(&fs::read_to_string(path.join("stat")).ok()?)?))
}

fn descendants(process: u32, parents: &HashMap<u32, u32>) -> HashSet<u32> {
    let mut family = HashSet::from([process]);
    loop {
        let children = parents.iter().filter(|(_, parent)| family.contains(parent)).map(|(child, _)| *child);
        let children: Vec<u32> = children.filter(|child| !family.contains(child)).collect();
        if children.is_empty() {
            return family;
        }
        family.extend(children);
    }
}

/// The first field of `schedstat`.
fn time_on_core(schedstat: &str) -> Option<u64> {
    schedstat.split(' ').next()?.parse().ok()
}

/// What a core did other than wait, of `/proc/stat`: ticks of 10 ms, of which the fourth and fifth are idle. The last
/// two, of guests, stand in the first two as well.
fn busy_of(stat: &str, core: usize) -> Option<Duration> {
    let name = format!("cpu{core}");
    let mut fields = stat.lines().map(str::split_whitespace).find_map(|mut fields| {
        let found = fields.next() == Some(name.as_str());
        found.then_some(fields)
    })?;
    let ticks: Vec<u64> = fields.by_ref().take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    Some(Duration::from_millis((ticks.iter().sum::<u64>() - idle) * 10))
}

/// The fourth field of `stat`; the second, a name in parentheses, may hold anything.
fn parent_of(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// `VmRSS` of `status`, in bytes.
fn resident_of(status: &str) -> Option<u64> {
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    kibibytes.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_as_the_kernel_writes_it() {
        assert_eq!(time_on_core("1272805 216526839 19\n"), Some(1_272_805));
        for stat in ["42 (nginx) S 41 42 42 0 -1 4194560", "42 (a) b) c) S 41 42 42"] {
            assert_eq!(parent_of(stat), Some(41), "{stat}");
        }
        assert_eq!(resident_of("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t1\n"), Some(2 << 20));
        let stat = "cpu  9 9 9 9\ncpu0 1 1 1 9 9 1 1 1 0 0\ncpu1 5 0 2 100 50 0 1 0 4 0\nintr 1\n";
        assert_eq!(busy_of(stat, 1), Some(Duration::from_millis(80)));
        assert_eq!((busy_of(stat, 0), busy_of(stat, 2)), (Some(Duration::from_millis(60)), None));
        assert_eq!((time_on_core(""), parent_of(""), resident_of("Name:\tx\n")), (None, None, None));
    }

    #[test]
    fn a_family_is_a_process_and_all_that_descend_from_it() {
        let parents = HashMap::from([(1, 0), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5)]);
        assert_eq!(descendants(2, &parents), HashSet::from([2, 3, 4]));
    }

    #[test]
    fn this_process_uses_cores_and_memory() {
        let before = Cpu::of(std::process::id()).unwrap();
        while Cpu::of(std::process::id()).unwrap().since(&before).is_zero() {}
        assert!(resident(std::process::id()).unwrap() > 0);
        assert!(resident(u32::MAX).is_err());
    }
}
