//! Tables and requests in a few words: what a test does not say is the plainest there is.

#![allow(dead_code, unused_imports, reason = "each test and bench uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a helper of tests only")]

mod ask;
mod path;
pub(crate) mod population;

use net_pingora_routing::{Change, Table};

pub(crate) use ask::{Answer, Ask, ask, decide};
pub(crate) use path::{PathCase, host, path};

/// A table of these hosts.
pub(crate) fn table(hosts: impl IntoIterator<Item = (&'static str, Vec<PathCase>)>) -> Table {
    Table::default().with(hosts.into_iter().map(|(name, paths)| Change::Set(host(name, &paths))))
}
