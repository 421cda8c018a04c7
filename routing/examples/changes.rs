//! CPU of one change, by the thread's own clock: `changes HOSTS CHANGES` changes one object of four hosts
//! at a time in a table of `HOSTS`, freeing the old table included, and prints mean and maximum.

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Duration;

use common::population::{self, HOSTS_PER_OBJECT};
use net_pingora_routing::Change;
use rustix::time::{ClockId, clock_gettime};

fn main() {
    let mut arguments = std::env::args().skip(1).map_while(|argument| argument.parse().ok());
    let (Some(hosts), Some(changes)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: changes HOSTS CHANGES");
        std::process::exit(2);
    };
    let mut publisher = population::publisher(hosts);
    let spent: Vec<Duration> = (0..changes)
        .map(|_| {
            let number = fastrand::usize(..hosts / HOSTS_PER_OBJECT);
            let start = cpu();
            publisher.publish(population::object(number).map(Change::Set));
            assert_eq!(publisher.reclaim(), 0, "nobody reads the old table");
            cpu().saturating_sub(start)
        })
        .collect();
    let mean = spent.iter().sum::<Duration>() / u32::try_from(spent.len().max(1)).unwrap_or(u32::MAX);
    let max = spent.iter().max().copied().unwrap_or_default();
    println!("hosts {hosts} changes {changes} mean_us {} max_us {}", mean.as_micros(), max.as_micros());
}

/// CPU this thread has used.
fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}
