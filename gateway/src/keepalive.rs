//! When a peer that says nothing is asked whether it is still there, client and upstream alike.

use std::time::Duration;

const AFTER: Duration = Duration::from_mins(1);
const INTERVAL: Duration = Duration::from_secs(15);
const TIMES: u32 = 4;

/// For sockets of ours.
pub(crate) const SOCKET: socket2::TcpKeepalive =
    socket2::TcpKeepalive::new().with_time(AFTER).with_interval(INTERVAL).with_retries(TIMES);
