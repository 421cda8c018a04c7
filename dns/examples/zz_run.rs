#![allow(clippy::unwrap_used, missing_docs)]
use std::{net::IpAddr, sync::Arc};
use net_pingora_dns::*;
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let own: [IpAddr; 2] = ["10.0.0.5".parse().unwrap(), "2001:db8::5".parse().unwrap()];
    let many = Zone::domain((0..=255).map(|l| IpAddr::from([192, 0, 2, l])));
    let zones = Zones::new([("sslip.io", Zone::magic(own)), ("apps.example.com", Zone::domain(own)), ("many.example", many)]).unwrap();
    let listen = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let r = Responder::bind(Settings { listen, ..Settings::default() }, Arc::new(arc_swap::ArcSwap::from_pointee(zones))).unwrap();
    let c = r.counters();
    r.run(async { tokio::time::sleep(std::time::Duration::from_secs(600)).await }).await;
    for x in c.snapshot() { println!("{x:?}"); }
}
