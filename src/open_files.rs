//! The limit of open files: every connection takes one, and shells start us with 1,024.

use rustix::process::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// Files for all that is no connection of a client or to an upstream.
const OTHERS: u64 = 128;

/// Raises the soft limit to the hard one, as Go and nginx's packages do. Returns how many connections may take.
pub(crate) fn raise() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        warn!(%error, "cannot raise the limit of open files; see ulimit -n");
    }
    let Some(most) = getrlimit(Resource::Nofile).current else { return usize::MAX };
    usize::try_from(most.saturating_sub(OTHERS).max(most / 2)).unwrap_or(usize::MAX)
}
