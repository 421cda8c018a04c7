//! Connections that say nothing, as many as there can be.

use rustix::process::{Resource, getrlimit};

use super::attacker::{Field, Hold};

const CONNECTIONS: u32 = 20_000;

/// Files that the gateway, whose limit is ours, must have for others.
const OTHERS: u64 = 1_000;

pub(crate) async fn run(field: &Field) {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let connections = u32::try_from(files.saturating_sub(OTHERS)).unwrap_or(u32::MAX).min(CONNECTIONS);
    field.hold(Hold { connections, ..Hold::default() }).await;
}
