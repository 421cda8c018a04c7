//! The limit of open files: every connection takes one, and shells start us with 1,024.

use rustix::process::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// Raises the soft limit to the hard one, as Go and nginx's packages do.
pub(crate) fn raise() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        warn!(%error, "cannot raise the limit of open files; see ulimit -n");
    }
}
