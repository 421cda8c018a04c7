//! One decision for uniformly random hosts: reading the host name, the look-up, path, headers and split.

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use common::{ask, population};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use net_pingora_routing::{Listener, Request, route};

/// More names than the caches of a core hold hosts.
const NAMES: usize = 1 << 18;

fn lookup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup");
    let ask = ask("").on(Listener::Internal).path("/api/v1/items").header("accept", "*/*").header("user-agent", "curl");
    for hosts in [10, 10_000, 100_000] {
        let publisher = population::publisher(hosts);
        let table = publisher.cell();
        let names = population::draw_names(hosts, NAMES);
        let mut next = names.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(hosts), |bencher| {
            bencher.iter(|| {
                let host = next.next().map_or("", |name| name);
                let request = Request { host, ..ask.request() };
                black_box(route(&table.load(), black_box(&request), fastrand::u32(..)))
            });
        });
    }
}

criterion_group!(benches, lookup);
criterion_main!(benches);
