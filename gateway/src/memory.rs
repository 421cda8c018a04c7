//! Whether the gateway has more memory than it may have.

mod cgroup;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use self::cgroup::Cgroup;
use crate::settings::{MemoryCap, SettingsCell};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Bytes that this process's control group may have, if there is a limit.
pub(crate) fn limit() -> Option<u64> {
    Cgroup::own()?.limit()
}

/// Whether there is room for more connections and requests; a look costs one load.
#[derive(Debug, Default)]
pub(crate) struct Memory(AtomicBool);

/// Bytes in use, and how many may be.
#[derive(Clone, Copy, Debug)]
struct Usage {
    used: u64,
    most: u64,
}

impl Memory {
    /// Whether more is in use than may be.
    pub(crate) fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Looks for ever.
    pub(crate) async fn watch(self: Arc<Self>, settings: Arc<SettingsCell>) {
        let cgroup = Cgroup::own();
        loop {
            sleep(LOOK).await;
            self.note(usage(settings.load().limits.memory, cgroup.as_ref()));
        }
    }

    fn note(&self, usage: Option<Usage>) {
        let full = usage.is_some_and(|usage| usage.is_too_much(self.is_full()));
        if self.0.swap(full, Ordering::Relaxed) == full {
            return;
        }
        let Usage { used, most } = usage.unwrap_or(Usage { used: 0, most: 0 });
        if full {
            tracing::warn!(used, most, "too much memory in use: requests are answered 503, connections closed");
        } else {
            tracing::info!(used, most, "memory is free again");
        }
    }
}

impl Usage {
    /// Once it was too much, a twentieth must be free again.
    fn is_too_much(self, already: bool) -> bool {
        self.used > if already { self.most - self.most / 20 } else { self.most }
    }
}

/// `None` when there is no cap, or nobody knows.
fn usage(cap: MemoryCap, cgroup: Option<&Cgroup>) -> Option<Usage> {
    match cap {
        MemoryCap::Off => None,
        MemoryCap::Bytes(most) => Some(Usage { used: resident()?, most: most.get() }),
        MemoryCap::Auto => {
            let limit = cgroup?.limit()?;
            Some(Usage { used: cgroup?.used()?, most: limit - limit / 10 })
        }
    }
}

/// Bytes of this process in memory (`proc_pid_status(5)`).
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"))?;
    Some(kilobytes.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_stays_so_until_a_twentieth_is_free() {
        let memory = Memory::default();
        for (used, full) in [(99, false), (100, false), (101, true), (96, true), (95, false), (100, false)] {
            memory.note(Some(Usage { used, most: 100 }));
            assert_eq!(memory.is_full(), full, "{used}");
        }
        memory.note(Some(Usage { used: 101, most: 100 }));
        memory.note(None);
        assert!(!memory.is_full(), "there is no cap any more");
    }

    #[test]
    fn the_process_knows_its_memory() {
        let cap = |bytes: u64| usage(MemoryCap::Bytes(bytes.try_into().unwrap()), None).unwrap();
        assert!(cap(1).is_too_much(false) && !cap(1 << 40).is_too_much(false));
        assert!(usage(MemoryCap::Off, None).is_none() && usage(MemoryCap::Auto, None).is_none());
    }
}
