//! Octet by octet: what stands on the wire.

use net_pingora_dns::{Outcome, Transport};

use super::client::{A, ID, Tcp, Udp, addresses, edns_question, encoded, framed, opt, padding, question};
use super::server::Server;

/// A header: flags, and the counts of the four sections.
fn header(flags: u16, counts: [u8; 4]) -> Vec<u8> {
    let counts = counts.into_iter().flat_map(|count| [0, count]);
    ID.into_iter().chain(flags.to_be_bytes()).chain(counts).collect()
}

/// The question of a packet without an OPT record.
fn echo(packet: &[u8]) -> &[u8] {
    &packet[12..]
}

#[test]
fn an_address_is_answered_with_the_question_as_it_came() {
    let server = Server::start();
    // Letters of both cases, as resolvers send them against forgers.
    let packet = question("aPp.10-0-0-5.SsLiP.iO", A);
    let record = [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 5];
    let wanted = [&header(0x8500, [1, 1, 0, 0])[..], echo(&packet), &record].concat();
    assert_eq!(Udp::new(server.address).ask(&packet), wanted);
    let mut tcp = Tcp::new(server.address);
    assert_eq!(tcp.ask(&packet).unwrap(), wanted);
}

#[test]
fn a_name_that_does_not_exist_is_answered_with_the_zone() {
    let server = Server::start();
    let packet = question("app.sslip.io", A);
    let zone = [0xC0, 16];
    let names = [&[2][..], b"ns", &zone, &[10], b"hostmaster", &zone].concat();
    let numbers = [1_u32, 3600, 600, 86_400, 60].map(u32::to_be_bytes).concat();
    let length = u8::try_from(names.len() + numbers.len()).unwrap();
    let record = [&zone[..], &[0, 6, 0, 1, 0, 0, 0, 60, 0, length], &names, &numbers].concat();
    let wanted = [&header(0x8503, [1, 0, 1, 0])[..], echo(&packet), &record].concat();
    assert_eq!(Udp::new(server.address).ask(&packet), wanted);
}

#[test]
fn an_answer_over_four_times_its_question_is_truncated_and_whole_by_tcp() {
    let server = Server::start();
    let packet = question("many.example", A);
    let truncated = [&header(0x8700, [1, 0, 0, 0])[..], echo(&packet)].concat();
    let udp = Udp::new(server.address);
    assert_eq!(udp.ask(&packet), truncated);
    // Where the question is as long, four times it are enough.
    let mut long = question("many.example", A);
    opt(&mut long, 1232, [0; 4], &padding(100));
    assert_eq!(addresses(&udp.ask(&long)).len(), 20);
    let whole = Tcp::new(server.address).ask(&packet).unwrap();
    assert_eq!((whole.len(), addresses(&whole).len()), (packet.len() + 20 * 16, 20));
    assert_eq!(whole[2..4], [0x85, 0]);
}

#[test]
fn an_answer_over_what_a_datagram_takes_is_truncated() {
    let server = Server::start();
    let udp = Udp::new(server.address);
    // 80 addresses need 1,321 octets; four times the question are more.
    let mut packet = question("most.example", A);
    opt(&mut packet, 4096, [0; 4], &padding(1100));
    let answer = udp.ask(&packet);
    assert_eq!((answer[2] & 2, addresses(&answer).len()), (2, 0));
    // 20 addresses fit in the 512 octets that everybody takes.
    for (payload, name, fits) in [(0, "many.example", true), (512, "many.example", true), (512, "most.example", false)]
    {
        let mut packet = question(name, A);
        opt(&mut packet, payload, [0; 4], &padding(200));
        assert_eq!(addresses(&udp.ask(&packet)).is_empty(), !fits, "{payload} {name}");
    }
}

#[test]
fn what_is_no_question_is_answered_by_a_header_or_not_at_all() {
    let server = Server::start();
    let udp = Udp::new(server.address);
    let plain = question("app.10-0-0-5.sslip.io", A);
    let altered = |at: usize, to: u8| {
        let mut packet = plain.clone();
        packet[at] = to;
        packet
    };
    let formerr = header(0x8101, [0; 4]);
    let with_records = |records: u8| {
        let mut packet = altered(11, records);
        packet.extend(vec![[0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0]; usize::from(records)].concat());
        packet
    };
    for (why, packet, wanted) in [
        ("no question", [&plain[..5], &[0; 7]].concat(), Some(formerr.clone())),
        ("two questions", [&altered(5, 2)[..], echo(&plain)].concat(), Some(formerr.clone())),
        ("one of two questions", altered(5, 2), Some(formerr.clone())),
        ("65,535 questions", [&plain[..4], &[0xFF, 0xFF], &plain[6..]].concat(), Some(formerr.clone())),
        ("half a question", plain[..plain.len() - 3].to_vec(), Some(formerr.clone())),
        ("only a header", plain[..12].to_vec(), Some(formerr.clone())),
        ("a label of an unknown kind", altered(12, 0x80), Some(formerr.clone())),
        ("a name that points at itself", [&plain[..12], &[0xC0, 12, 0, 1, 0, 1]].concat(), Some(formerr.clone())),
        ("a record that is not there", altered(11, 1), Some(formerr.clone())),
        ("records that nobody sends", with_records(5), Some(formerr)),
        ("IQUERY", altered(2, 0x09), Some(header(0x8904, [0; 4]))),
        ("STATUS", altered(2, 0x11), Some(header(0x9104, [0; 4]))),
        ("NOTIFY", altered(2, 0x20), Some(header(0xA004, [0; 4]))),
        ("UPDATE", altered(2, 0x29), Some(header(0xA904, [0; 4]))),
        ("an operation nobody knows", altered(2, 0x79), Some(header(0xF904, [0; 4]))),
        ("a response", altered(2, 0x80), None),
        ("less than a header", plain[..11].to_vec(), None),
        ("nothing", Vec::new(), None),
    ] {
        assert_eq!(udp.ask_in_vain(&packet), Vec::from_iter(wanted), "{why}");
    }
    // What stands behind a message, and records that do not matter, change nothing.
    let answer = udp.ask(&plain);
    assert_eq!(udp.ask(&[&plain[..], b"more"].concat()), answer);
    assert_eq!(udp.ask(&with_records(4)), answer);
    assert_eq!(server.count(Transport::Udp, Outcome::Dropped), 3);
    assert_eq!(server.count(Transport::Udp, Outcome::FormErr), 10);
    assert_eq!(server.count(Transport::Udp, Outcome::NotImp), 5);
    assert_eq!(server.count(Transport::Udp, Outcome::NoError), 3);
}

#[test]
fn the_longest_name_has_an_answer() {
    let server = Server::start();
    let mut tcp = Tcp::new(server.address);
    // 255 octets on the wire: RFC 1035 §3.1.
    for name in [format!("{}10-0-0-5.sslip.io", "a.".repeat(117)), format!("{}sslip.io", "a.".repeat(122))] {
        let name = format!("{}{name}", "x".repeat(253 - name.len()));
        assert_eq!(encoded(&name).len(), 255);
        let answer = tcp.ask(&edns_question(&name, A, 1232)).unwrap();
        assert_eq!(answer[12..12 + 255], encoded(&name));
    }
}

#[test]
fn messages_on_a_connection_are_behind_their_length() {
    let server = Server::start();
    let packet = question("app.10-0-0-5.sslip.io", A);
    let answer = Udp::new(server.address).ask(&packet);
    let mut tcp = Tcp::new(server.address);
    // Octet by octet, and two at once.
    for octet in framed(&packet) {
        tcp.send(&[octet]).unwrap();
    }
    assert_eq!(tcp.receive().unwrap(), answer);
    tcp.send(&[framed(&packet), framed(&packet)].concat()).unwrap();
    assert_eq!((tcp.receive().unwrap(), tcp.receive().unwrap()), (answer.clone(), answer));
}
