//! One changed object of four hosts: making its hosts, the new table, and freeing the old one.

#[path = "../tests/common/mod.rs"]
mod common;

use common::population::{self, HOSTS_PER_OBJECT};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use net_pingora_routing::Change;

fn change(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("change");
    for hosts in [10, 10_000, 100_000] {
        let mut publisher = population::publisher(hosts);
        group.bench_function(BenchmarkId::from_parameter(hosts), |bencher| {
            bencher.iter(|| {
                let number = fastrand::usize(..hosts / HOSTS_PER_OBJECT);
                publisher.publish(population::object(number).map(Change::Set));
                assert_eq!(publisher.reclaim(), 0);
            });
        });
    }
}

criterion_group!(benches, change);
criterion_main!(benches);
