//! Extension mechanisms: RFC 6891.

use super::client::{A, Udp, edns_question, opt, question};
use super::server::Server;

/// The OPT record of an answer: 1,232 octets are taken.
fn record(ttl: [u8; 4]) -> Vec<u8> {
    [&[0, 0, 41, 4, 0xD0][..], &ttl, &[0, 0]].concat()
}

#[test]
fn an_opt_record_is_answered_with_one() {
    let server = Server::start();
    let udp = Udp::new(server.address);
    let plain = udp.ask(&question("app.10-0-0-5.sslip.io", A));
    let mut with_opt = plain.clone();
    with_opt[11] = 1;
    let without_flags = [&with_opt[..], &record([0; 4])].concat();
    for payload in [0, 511, 512, 1232, 4096, u16::MAX] {
        assert_eq!(udp.ask(&edns_question("app.10-0-0-5.sslip.io", A, payload)), without_flags, "{payload}");
    }
    // DO is copied (RFC 3225 §3), flags nobody knows are not, and options that nobody knows are ignored.
    for (ttl, data, wanted) in [
        ([0, 0, 0x80, 0], &b""[..], [0, 0, 0x80, 0]),
        ([0, 0, 0x7F, 0xFF], b"", [0; 4]),
        ([0xFF, 0, 0, 0], b"", [0; 4]),
        ([0; 4], b"\0\x0A\0\x08COOKIES!", [0; 4]),
        ([0; 4], b"broken", [0; 4]),
    ] {
        let mut packet = question("app.10-0-0-5.sslip.io", A);
        opt(&mut packet, 1232, ttl, data);
        assert_eq!(udp.ask(&packet), [&with_opt[..], &record(wanted)].concat(), "{ttl:?} {data:?}");
    }
}

#[test]
fn another_version_is_answered_with_ours() {
    let server = Server::start();
    let udp = Udp::new(server.address);
    for version in [1, 2, 255] {
        let mut packet = question("app.10-0-0-5.sslip.io", A);
        let echo = packet[12..].to_vec();
        opt(&mut packet, 1232, [0, version, 0x80, 0], &[]);
        // The code is 16: its lower four bits are 0, its higher ones 1 (RFC 6891 §6.1.3).
        let wanted = [&[0x12, 0x34, 0x81, 0, 0, 1, 0, 0, 0, 0, 0, 1][..], &echo, &record([1, 0, 0x80, 0])].concat();
        assert_eq!(udp.ask(&packet), wanted, "{version}");
    }
}

#[test]
fn two_opt_records_or_one_with_a_name_are_a_mistake() {
    let server = Server::start();
    let udp = Udp::new(server.address);
    let mut two = edns_question("app.10-0-0-5.sslip.io", A, 1232);
    opt(&mut two, 1232, [0; 4], &[]);
    let mut named = edns_question("app.10-0-0-5.sslip.io", A, 1232);
    let at = named.len() - 11;
    named.splice(at..=at, [1, b'a', 0]);
    let mut short = edns_question("app.10-0-0-5.sslip.io", A, 1232);
    *short.last_mut().unwrap() = 1;
    for packet in [two, named, short] {
        assert_eq!(udp.ask(&packet), [0x12, 0x34, 0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
