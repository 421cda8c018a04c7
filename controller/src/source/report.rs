//! What changed and what is wrong, in the log.

use tracing::{info, warn};

use crate::engine::Applied;
use crate::fault::Fault;

/// One event a fault.
pub(crate) fn faults(faults: &[Fault]) {
    for fault in faults {
        let Fault { kind, namespace, name, field, .. } = fault;
        warn!(kind, namespace, name, field, "{fault}");
    }
}

/// One event a notice.
pub(crate) fn notices(notices: &[String]) {
    for notice in notices {
        info!("{notice}");
    }
}

/// One event for all routes that a change put into effect, besides its faults and notices.
pub(crate) fn applied(applied: &Applied) {
    faults(&applied.faults);
    notices(&applied.notices);
    if let Some(first) = applied.ingresses.first() {
        let took_ms = u64::try_from(applied.took.as_millis()).unwrap_or(u64::MAX);
        info!(%first, ingresses = applied.ingresses.len(), took_ms, "routes changed");
    }
}
