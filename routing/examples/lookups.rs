//! Decides `LOOKUPS` requests for uniformly random hosts of a table of `HOSTS`, for counting instructions:
//! `valgrind --tool=callgrind target/release/examples/lookups HOSTS LOOKUPS`.

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use common::{ask, population};
use net_pingora_routing::{Listener, Request, route};

/// Names drawn before the first look-up, whatever their number, so that drawing them cancels out.
const NAMES: usize = 1 << 14;

fn main() {
    let mut arguments = std::env::args().skip(1).map_while(|argument| argument.parse().ok());
    let (Some(hosts), Some(lookups)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: lookups HOSTS LOOKUPS");
        std::process::exit(2);
    };
    let publisher = population::publisher(hosts);
    let table = publisher.cell();
    let names = population::draw_names(hosts, NAMES);
    let ask = ask("").on(Listener::Internal).path("/api/v1/items").header("accept", "*/*").header("user-agent", "curl");
    for (host, random) in names.iter().cycle().zip(0_u32..).take(lookups) {
        let request = Request { host, ..ask.request() };
        black_box(route(&table.load(), black_box(&request), random << 16));
    }
}
