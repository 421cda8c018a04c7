//! What a process uses, as the kernel accounts for it (proc(5)).

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use anyhow::Context;

/// How often memory is looked at where the kernel does not keep its peak.
const SAMPLE: Duration = Duration::from_millis(50);

/// CPU of every thread of a process until now, in nanoseconds.
#[derive(Debug)]
pub(crate) struct Cpu(HashMap<String, u64>);

impl Cpu {
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let mut threads = HashMap::new();
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            let path = thread?.path();
            // A thread may end while we look.
            let Ok(text) = fs::read_to_string(path.join("schedstat")) else { continue };
            let spent = text.split(' ').next().and_then(|nanos| nanos.parse().ok()).context("schedstat")?;
            threads.insert(path.to_string_lossy().into_owned(), spent);
        }
        Ok(Self(threads))
    }

    /// What was used since `before`.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let used = self.0.iter().map(|(thread, now)| now - before.0.get(thread).copied().unwrap_or_default());
        Duration::from_nanos(used.sum())
    }
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024)
}

/// Peak resident memory of a process from now on.
#[derive(Debug)]
pub(crate) struct Peak {
    process: u32,
    sampler: Option<Sampler>,
}

/// Looks at resident memory again and again.
#[derive(Debug)]
struct Sampler {
    peak: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Peak {
    /// Begins anew, in the kernel where it lets us reset its peak.
    pub(crate) fn start(process: u32) -> Self {
        let reset = fs::write(format!("/proc/{process}/clear_refs"), "5");
        Self { process, sampler: reset.is_err().then(|| Sampler::start(process)) }
    }

    /// The peak in KiB.
    pub(crate) fn stop(self) -> anyhow::Result<u64> {
        match self.sampler {
            None => status(self.process, "VmHWM:"),
            Some(sampler) => sampler.stop(),
        }
    }
}

impl Sampler {
    fn start(process: u32) -> Self {
        let (peak, done) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (seen, stop) = (Arc::clone(&peak), Arc::clone(&done));
        let thread = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                seen.fetch_max(status(process, "VmRSS:").unwrap_or_default(), Ordering::Relaxed);
                sleep(SAMPLE);
            }
        });
        Self { peak, done, thread }
    }

    fn stop(self) -> anyhow::Result<u64> {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().ok().context("the sampler panicked")?;
        Ok(self.peak.load(Ordering::Relaxed))
    }
}

/// A figure of `/proc/PROCESS/status`, in KiB.
fn status(process: u32, name: &str) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).context("the process has ended")?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    Ok(value.trim().trim_end_matches(" kB").parse()?)
}
