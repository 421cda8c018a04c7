//! `lookups HOSTS LOOKUPS` decides requests for uniformly random hosts of a table of `HOSTS` and prints the CPU of
//! one, by the thread's own clock. Under callgrind it counts instructions: tests/full/lookup-instructions.sh.

#[path = "../tests/common/mod.rs"]
mod common;
mod measure;

use std::hint::black_box;

use common::{ask, population};
use measure::{arguments, cpu};
use net_pingora_routing::{Listener, Request, route};

/// Names drawn before the first look-up, whatever their number, so that drawing them cancels out.
const NAMES: usize = 1 << 17;

fn main() {
    let (hosts, lookups) = arguments("lookups HOSTS LOOKUPS");
    let publisher = population::publisher(hosts);
    let table = publisher.cell();
    let names = population::draw_names(hosts, NAMES);
    let ask = ask("").on(Listener::Internal).path("/api/v1/items").header("accept", "*/*").header("user-agent", "curl");
    let start = cpu();
    for (host, random) in names.iter().cycle().zip(0_u32..).take(lookups) {
        let request = Request { host, ..ask.request() };
        black_box(route(&table.load(), black_box(&request), random << 16));
    }
    let spent = cpu().saturating_sub(start);
    println!("hosts {hosts} lookups {lookups} mean_ns {}", spent.as_nanos() / lookups as u128);
}
