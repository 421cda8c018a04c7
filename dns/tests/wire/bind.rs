//! Addresses that cannot be listened on.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use arc_swap::ArcSwap;
use net_pingora_dns::{Responder, Settings, Zones};

use super::client::{A, Tcp, Udp, addresses, question};
use super::server::Server;

fn error(address: SocketAddr) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let settings = Settings { listen: vec![address], ..Settings::default() };
    let zones = Arc::new(ArcSwap::from_pointee(Zones::default()));
    runtime.block_on(async { Responder::bind(settings, zones).map(drop).unwrap_err().to_string() })
}

#[test]
fn the_unspecified_ipv6_address_takes_ipv4_too() {
    let server = Server::with(Settings { listen: vec!["[::]:0".parse().unwrap()], ..Settings::default() });
    let address = SocketAddr::from(([127, 0, 0, 1], server.address.port()));
    let packet = question("app.10-0-0-5.sslip.io", A);
    let answer = Udp::new(address).ask(&packet);
    assert_eq!(addresses(&answer).len(), 1);
    assert_eq!(Tcp::new(address).ask(&packet), Some(answer));
}

#[test]
fn an_error_names_the_address_and_what_to_do() {
    let server = Server::start();
    let taken = error(server.address);
    assert!(taken.starts_with(&format!("DNS: cannot listen on {} by TCP: ", server.address)), "{taken}");
    assert!(taken.contains("another DNS server"), "{taken}");
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = error(other.local_addr().unwrap());
    assert!(taken.contains(" by UDP: ") && taken.contains("another DNS server"), "{taken}");
    let foreign = error("192.0.2.1:5353".parse().unwrap());
    assert!(foreign.contains("this machine has no such address"), "{foreign}");
}
