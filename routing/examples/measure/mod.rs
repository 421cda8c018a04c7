//! What both examples need: two numbers from the command line, and a clock.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The two numbers of the command line; the program ends when they are not there.
pub(crate) fn arguments(usage: &str) -> (usize, usize) {
    let mut numbers = std::env::args().skip(1).map_while(|argument| argument.parse().ok());
    let (Some(hosts), Some(count @ 1..)) = (numbers.next(), numbers.next()) else {
        eprintln!("usage: {usage}");
        std::process::exit(2);
    };
    (hosts, count)
}

/// CPU this thread has used.
pub(crate) fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}
