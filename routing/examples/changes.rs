//! `changes HOSTS CHANGES` changes one object of four hosts at a time in a table of `HOSTS` and prints the CPU of
//! one change by the thread's own clock: making the hosts, the new table, and freeing the old one.

#[path = "../tests/common/mod.rs"]
mod common;
mod measure;

use std::time::Duration;

use common::population::{self, HOSTS_PER_OBJECT};
use measure::{arguments, cpu};
use net_pingora_routing::Change;

fn main() {
    let (hosts, changes) = arguments("changes HOSTS CHANGES");
    let mut publisher = population::publisher(hosts);
    let spent: Vec<Duration> = (0..changes)
        .map(|_| {
            let number = fastrand::usize(..(hosts / HOSTS_PER_OBJECT).max(1));
            let start = cpu();
            publisher.publish(population::object(number).map(Change::Set));
            assert_eq!(publisher.reclaim(), 0, "nobody reads the old table");
            cpu().saturating_sub(start)
        })
        .collect();
    let mean = spent.iter().sum::<Duration>().as_micros() / changes as u128;
    let max = spent.iter().max().map_or(0, Duration::as_micros);
    println!("hosts {hosts} changes {changes} mean_us {mean} max_us {max}");
}
