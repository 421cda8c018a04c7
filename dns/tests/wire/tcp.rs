//! How much of us a connection takes.

use std::time::Duration;

use net_pingora_dns::{Outcome, Settings, Transport};

use super::client::{A, Tcp, Udp, addresses, framed, question};
use super::server::Server;

fn plain() -> Vec<u8> {
    question("app.10-0-0-5.sslip.io", A)
}

/// A connection from an address that is served.
fn served(source: [u8; 4], server: &Server) -> Option<Tcp> {
    let mut tcp = Tcp::from(source, server.address);
    tcp.ask(&plain()).map(|_| tcp)
}

#[test]
fn there_are_so_many_connections_of_an_address_and_in_all() {
    let server =
        Server::with(Settings { max_tcp_connections: 3, max_tcp_connections_per_address: 2, ..Settings::default() });
    let first = served([127, 0, 0, 1], &server);
    let second = served([127, 0, 0, 1], &server);
    assert!(first.is_some() && second.is_some());
    assert!(served([127, 0, 0, 1], &server).is_none());
    let third = served([127, 0, 0, 2], &server);
    assert!(third.is_some());
    assert!(served([127, 0, 0, 3], &server).is_none());
    // One that ends makes room, as soon as the server has seen it.
    drop(first);
    let again = std::iter::repeat_with(|| served([127, 0, 0, 1], &server)).take(1000).flatten().next();
    assert!(again.is_some());
}

#[test]
fn a_client_that_is_too_slow_loses_its_connection_and_nobody_elses() {
    let server = Server::with(Settings { tcp_timeout: Duration::from_secs(1), ..Settings::default() });
    let mut idle = Tcp::new(server.address);
    let mut half = Tcp::new(server.address);
    half.send(&framed(&plain())[..9]).unwrap();
    let mut once = served([127, 0, 0, 1], &server).unwrap();
    assert_eq!(addresses(&Udp::new(server.address).ask(&plain())).len(), 1);
    assert!(served([127, 0, 0, 1], &server).is_some());
    assert!(idle.is_ended() && half.is_ended() && once.is_ended());
    // One octet now and then does not help.
    let mut trickle = Tcp::new(server.address);
    let mut octets = framed(&plain()).into_iter().cycle();
    let ended = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        trickle.send(&[octets.next().unwrap()]).is_err()
    });
    assert!(ended);
}

#[test]
fn a_client_that_takes_no_answers_loses_its_connection_and_nobody_elses() {
    let server = Server::with(Settings { tcp_timeout: Duration::from_secs(1), ..Settings::default() });
    let mut greedy = Tcp::new(server.address);
    // More answers than the kernel keeps.
    let queries = framed(&question("most.example", A)).repeat(1000);
    let ended = (0..1000).any(|_| greedy.send(&queries).is_err());
    assert!(ended);
    assert!(served([127, 0, 0, 1], &server).is_some());
}

#[test]
fn queries_at_once_are_answered_in_their_order() {
    let server = Server::start();
    let numbered = |number: u8| {
        let mut packet = question(&format!("app.10-0-0-{number}.sslip.io"), A);
        packet[1] = number;
        packet
    };
    let mut tcp = Tcp::new(server.address);
    let all: Vec<u8> = (0..=255).flat_map(|number| framed(&numbered(number))).collect();
    tcp.send(&all).unwrap();
    for number in 0..=255 {
        let answer = tcp.receive().unwrap();
        assert_eq!((answer[1], addresses(&answer)), (number, vec![[10, 0, 0, number].into()]));
    }
    assert_eq!(server.count(Transport::Tcp, Outcome::NoError), 256);
}

#[test]
fn what_cannot_be_a_query_ends_the_connection() {
    let server = Server::start();
    let mut response = plain();
    response[2] |= 0x80;
    for bytes in [framed(&response), framed(&plain()[..11]), framed(&[]), framed(&[0; 4097]), vec![0xFF; 2]] {
        let mut tcp = Tcp::new(server.address);
        // The connection may be gone before all is sent.
        let _ = tcp.send(&bytes);
        assert!(tcp.is_ended(), "{} octets", bytes.len());
    }
    // A query of the greatest length is one, even if it is a mistake.
    let mut tcp = Tcp::new(server.address);
    let mut longest = plain();
    longest.resize(4096, 0);
    assert_eq!(addresses(&tcp.ask(&longest).unwrap()).len(), 1);
    let mistake = tcp.ask(&plain()[..20]).unwrap();
    assert_eq!(mistake, [0x12, 0x34, 0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(addresses(&tcp.ask(&plain()).unwrap()).len(), 1);
}
