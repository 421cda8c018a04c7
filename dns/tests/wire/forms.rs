//! Which names have which answers.

use std::net::IpAddr;

use hickory_proto::op::ResponseCode::{self, NXDomain, NoError, Refused};
use hickory_proto::rr::RecordType;
use net_pingora_dns::{Zone, Zones};

use super::client::{A, AAAA, ANY, NS, SOA, TXT, Tcp, Udp, addresses, question, read};
use super::server::Server;

#[test]
fn every_form_of_a_magic_name_has_its_address() {
    let server = Server::start();
    let udp = Udp::new(server.address);
    let mut tcp = Tcp::new(server.address);
    for (name, wanted_type, wanted) in [
        ("app.ns.10.0.0.5.sslip.io", A, "10.0.0.5"),
        ("app-10-0-0-5.sslip.io", A, "10.0.0.5"),
        ("app.10-0-0-5.sslip.io", A, "10.0.0.5"),
        ("10-0-0-5.sslip.io", A, "10.0.0.5"),
        ("app.0a000005.sslip.io", A, "10.0.0.5"),
        ("app.0A000005.sslip.io", A, "10.0.0.5"),
        ("App.Ns.10-0-0-5.SSLIP.IO", A, "10.0.0.5"),
        ("app.2a01-4f8-c17-b8f--2.sslip.io", AAAA, "2a01:4f8:c17:b8f::2"),
        ("2A01-4F8-C17-B8F--2.sslip.io", AAAA, "2a01:4f8:c17:b8f::2"),
        ("--1.sslip.io", AAAA, "::1"),
        ("0-0-0-0-0-0-0-1.sslip.io", AAAA, "::1"),
        ("app.2001-0db8-0001-0002-0003-0004-0005-0006.sslip.io", AAAA, "2001:db8:1:2:3:4:5:6"),
        // Dashes before dots before hex, and the leftmost of one form.
        ("1.2.3.4.5-6-7-8.sslip.io", A, "5.6.7.8"),
        ("0a000005.1.2.3.4.sslip.io", A, "1.2.3.4"),
        ("1-2-3-4.5-6-7-8.sslip.io", A, "1.2.3.4"),
        ("1-2-3-4-5.sslip.io", A, "1.2.3.4"),
        // Other zones.
        ("app.ns.10.0.0.5.nip.io", A, "10.0.0.5"),
        ("app.10-0-0-5.site.example", A, "10.0.0.5"),
        ("app.2001-db8--5.site.example", AAAA, "2001:db8::5"),
    ] {
        let wanted: IpAddr = wanted.parse().unwrap();
        for answer in [udp.ask(&question(name, wanted_type)), tcp.ask(&question(name, wanted_type)).unwrap()] {
            let message = read(&answer);
            assert_eq!((message.response_code, addresses(&answer)), (NoError, vec![wanted]), "{name}");
            assert!(message.authoritative && !message.recursion_available && message.recursion_desired);
        }
    }
}

/// What an answer has: its code, AA, and how many records in which section.
fn shape(answer: &[u8]) -> (ResponseCode, bool, [usize; 3]) {
    let message = read(answer);
    let sections = [&message.answers, &message.authorities, &message.additionals];
    (message.response_code, message.authoritative, sections.map(Vec::len))
}

#[test]
fn a_question_without_an_address_gets_the_code_it_is_to_get() {
    let server = Server::start();
    let udp = Udp::new(server.address);
    let negative = |code| (code, true, [0, 1, 0]);
    let answered = |records| (NoError, true, [records, 0, 0]);
    let refused = (Refused, false, [0, 0, 0]);
    for (name, asked, wanted) in [
        // No address, or one with a mistake.
        ("app.sslip.io", A, negative(NXDomain)),
        ("app.sslip.io", TXT, negative(NXDomain)),
        ("10.0.0.256.sslip.io", A, negative(NXDomain)),
        ("010.0.0.5.sslip.io", A, negative(NXDomain)),
        ("10.0-0.5.sslip.io", A, negative(NXDomain)),
        ("app-0a000005.sslip.io", A, negative(NXDomain)),
        // The name exists, with nothing of the type.
        ("app.10-0-0-5.sslip.io", AAAA, negative(NoError)),
        ("app.10-0-0-5.sslip.io", TXT, negative(NoError)),
        ("app.10-0-0-5.sslip.io", SOA, negative(NoError)),
        ("--1.sslip.io", A, negative(NoError)),
        ("sslip.io", A, negative(NoError)),
        // Names with an address are underneath.
        ("0.0.5.sslip.io", A, negative(NoError)),
        // The zone itself.
        ("sslip.io", SOA, answered(1)),
        ("SSLIP.io", NS, answered(1)),
        ("ns.sslip.io", A, answered(1)),
        ("ns.sslip.io", AAAA, answered(1)),
        // Domains: every name at or under them.
        ("apps.example.com", A, answered(1)),
        ("hello.default.apps.example.com", AAAA, answered(1)),
        ("a.b.c.d.apps.example.com", TXT, negative(NoError)),
        ("four.example", AAAA, negative(NoError)),
        // Addresses that are not to be told.
        ("app.10-0-0-6.nip.io", A, refused),
        ("app.127-0-0-1.site.example", A, refused),
        ("--1.nip.io", AAAA, refused),
        ("--1.nip.io", A, refused),
        // What we are not asked for.
        ("example.com", A, refused),
        ("xapps.example.com", A, refused),
        (".", A, refused),
        (".", NS, refused),
        ("app.10-0-0-5.sslip.io", ANY, refused),
        ("sslip.io", 252, refused),
        ("sslip.io", 251, refused),
        ("sslip.io", 250, refused),
        ("sslip.io", 41, refused),
        ("version.bind", TXT, refused),
    ] {
        assert_eq!(shape(&udp.ask(&question(name, asked))), wanted, "{name} {asked}");
    }
}

#[test]
fn a_zone_says_its_name_server_and_how_long_nothing_counts() {
    let server = Server::start();
    let udp = Udp::new(server.address);
    let ns = read(&udp.ask(&question("site.example", NS)));
    assert_eq!(ns.answers[0].to_string(), "site.example. 60 IN NS ns.site.example.");
    for (asked, record_type) in [("site.example", SOA), ("app.site.example", A), ("a.10-0-0-5.site.example", TXT)] {
        let message = read(&udp.ask(&question(asked, record_type)));
        let record = message.answers.first().or(message.authorities.first()).unwrap();
        let wanted = "site.example. 60 IN SOA ns.site.example. hostmaster.site.example. 1 3600 600 86400 60";
        assert_eq!((record.record_type(), record.to_string()), (RecordType::SOA, wanted.to_owned()), "{asked}");
    }
}

#[test]
fn another_class_is_refused() {
    let server = Server::start();
    let udp = Udp::new(server.address);
    for class in [3, 4, 254, 255] {
        let mut packet = question("app.10-0-0-5.sslip.io", A);
        *packet.last_mut().unwrap() = class;
        assert_eq!(shape(&udp.ask(&packet)), (Refused, false, [0, 0, 0]), "{class}");
    }
}

#[test]
fn a_dot_inside_of_a_label_is_none_between_labels() {
    let server = Server::start();
    let udp = Udp::new(server.address);
    for (name, wanted) in
        [("10!0!0!5.sslip.io", (NXDomain, true, [0, 1, 0])), ("10-0-0-5.sslip!io", (Refused, false, [0; 3]))]
    {
        let packet = question(name, A).into_iter().map(|octet| if octet == b'!' { b'.' } else { octet });
        assert_eq!(shape(&udp.ask(&packet.collect::<Vec<_>>())), wanted, "{name}");
    }
}

#[test]
fn other_zones_count_from_the_next_query_on() {
    let server = Server::start();
    let udp = Udp::new(server.address);
    let packet = question("hello.new.example", A);
    assert_eq!(shape(&udp.ask(&packet)).0, Refused);
    let moved: IpAddr = "192.0.2.77".parse().unwrap();
    server.zones.store(Zones::new([("new.example", Zone::domain([moved]))]).unwrap().into());
    assert_eq!(addresses(&udp.ask(&packet)), [moved]);
    assert_eq!(shape(&udp.ask(&question("app.10-0-0-5.sslip.io", A))).0, Refused);
}
