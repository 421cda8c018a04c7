//! Which cores run what.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Cores by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List(pub(crate) Vec<usize>);

/// The cores of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    /// Those of the proxy, one for each worker.
    pub(crate) proxy: List,
    /// Those of client and backend.
    pub(crate) others: List,
}

impl Cores {
    /// Gives the proxies the first cores that this process may use.
    pub(crate) fn shared(workers: usize) -> anyhow::Result<Self> {
        let set = sched_getaffinity(None).context("which cores may be used")?;
        Self::split((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect(), workers)
    }

    fn split(mut all: Vec<usize>, workers: usize) -> anyhow::Result<Self> {
        let count = all.len();
        ensure!(workers < count, "{workers} workers and the client need {} cores; there are {count}", workers + 1);
        let others = List(all.split_off(workers));
        Ok(Self { proxy: List(all), others })
    }

    /// Threads of the client, and as many of the backend.
    pub(crate) fn client_threads(&self) -> usize {
        self.others.0.len().div_ceil(2)
    }
}

impl List {
    /// Keeps this thread, and what it starts from now on, to these cores.
    pub(crate) fn pin(&self) -> anyhow::Result<()> {
        let mut set = CpuSet::new();
        self.0.iter().for_each(|core| set.set(*core));
        sched_setaffinity(None, &set).with_context(|| format!("keep to cores {self}"))
    }
}

/// As taskset(1) takes them.
impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for List {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_has_the_first_cores_and_the_client_what_is_left() {
        let cores = Cores::split(vec![2, 3, 5, 7], 1).unwrap();
        assert_eq!((cores.proxy.to_string(), cores.others.to_string()), ("2".to_owned(), "3,5,7".to_owned()));
        assert_eq!(cores.client_threads(), 2);
        assert_eq!("3,5,7".parse(), Ok(cores.others));
        assert!(Cores::split(vec![0, 1], 2).is_err());
    }
}
