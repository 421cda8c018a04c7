use std::net::{IpAddr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Hijack, domain_of, hijacked, ipv4_in, ipv6_in};

const ZONE: &str = "sslip.io";

#[test]
fn an_ipv4_address_is_read_as_the_public_servers_read_it() {
    for (name, wanted) in [
        // Dots.
        ("10.0.0.5", Some("10.0.0.5")),
        ("app.ns.10.0.0.5", Some("10.0.0.5")),
        ("10.0.0.5.app", Some("10.0.0.5")),
        ("app-10.0.0.5", Some("10.0.0.5")),
        ("10.0.0.5-app", Some("10.0.0.5")),
        ("1.2.3.4.5", Some("1.2.3.4")),
        // Dashes.
        ("10-0-0-5", Some("10.0.0.5")),
        ("app-10-0-0-5", Some("10.0.0.5")),
        ("app.10-0-0-5", Some("10.0.0.5")),
        ("10-0-0-5-app.ns", Some("10.0.0.5")),
        ("1-2-3-4-5", Some("1.2.3.4")),
        ("1-2-3-4.5-6-7-8", Some("1.2.3.4")),
        ("app--10-0-0-5", Some("10.0.0.5")),
        // Hex.
        ("0a000005", Some("10.0.0.5")),
        ("app.0A000005", Some("10.0.0.5")),
        ("0a000005.0a000006", Some("10.0.0.5")),
        ("app-0a000005", None),
        ("0a00005", None),
        ("0a0000055", None),
        ("+a000005", None),
        // Dashes before dots before hex.
        ("1.2.3.4.5-6-7-8", Some("5.6.7.8")),
        ("0a000005.1.2.3.4", Some("1.2.3.4")),
        ("0a000005.1-2-3-4", Some("1.2.3.4")),
        // A number is from 0 to 255, without leading zeros or a sign.
        ("255.255.255.255", Some("255.255.255.255")),
        ("10.0.0.256", None),
        ("10.0.0.1000", None),
        ("010.0.0.5", None),
        ("10-0-0-05", None),
        ("10.0.0.00", None),
        ("10.0.0.+5", None),
        ("10-0-0--5", None),
        ("10..0.0.5", None),
        // Dots and dashes do not mix, and other characters delimit nothing.
        ("10.0-0.5", None),
        ("10-0.0-5", None),
        ("app10-0-0-5", None),
        ("10-0-0-5app", None),
        ("app_10-0-0-5", None),
        ("10.0.0", None),
        ("app", None),
        ("", None),
        ("10\u{2e}0.0.٥", None),
    ] {
        let wanted = wanted.map(|address| address.parse().unwrap());
        assert_eq!(ipv4_in(&format!("{name}.{ZONE}"), ZONE), wanted, "{name}");
    }
}

#[test]
fn an_ipv6_address_is_read_as_the_public_servers_read_it() {
    for (name, wanted) in [
        ("2001-db8-c17-b8f--2", Some("2001:db8:c17:b8f::2")),
        ("app.2001-db8--2", Some("2001:db8::2")),
        ("2001-db8--2.app", Some("2001:db8::2")),
        ("app-2001-DB8--2", Some("2001:db8::2")),
        ("2001-db8--2-app", Some("2001:db8::2")),
        ("--1", Some("::1")),
        ("app---1", Some("::1")),
        ("--", Some("::")),
        ("2001-db8--", Some("2001:db8::")),
        ("0-0-0-0-0-0-0-1", Some("::1")),
        ("1-2-3-4-5-6-7-8-9", Some("1:2:3:4:5:6:7:8")),
        ("2001-0db8-0000-0000-0000-0000-0000-0002", Some("2001:db8::2")),
        // The longest of those that begin leftmost.
        ("a-2001-db8--2", Some("a:2001:db8::2")),
        ("2001-db8--2.2001-db8--3", Some("2001:db8::2")),
        ("1-2-3-4-5-6-7", None),
        ("2001-db8--2--3", Some("2001:db8::2")),
        ("app--1", None),
        ("2001.db8..2", None),
        ("2001:db8::2", None),
        ("12345--1", None),
        ("app", None),
        ("", None),
    ] {
        let wanted = wanted.map(|address| address.parse().unwrap());
        assert_eq!(ipv6_in(&format!("{name}.{ZONE}"), ZONE), wanted, "{name}");
    }
}

#[test]
fn only_what_is_under_the_zone_is_read() {
    for (name, zone, wanted) in [
        ("10-0-0-5.nip.io", "nip.io", true),
        ("10-0-0-5.NIP.io.", "nip.io", true),
        ("10-0-0-5.nip.io", "Nip.Io.", true),
        ("10-0-0-5.1-2-3-4.example", "1-2-3-4.example", true),
        ("app.10-0-0-5.example", "10-0-0-5.example", false),
        ("10-0-0-5.nip.io", "sslip.io", false),
        ("10-0-0-5.snip.io", "nip.io", false),
        ("10-0-0-5nip.io", "nip.io", false),
        ("nip.io", "nip.io", false),
        ("io", "nip.io", false),
        ("é", "a", false),
    ] {
        assert_eq!(ipv4_in(name, zone).is_some(), wanted, "{name} {zone}");
    }
}

#[test]
fn a_domain_is_one_label_of_dns_in_front_of_its_zone() {
    for (address, wanted) in [
        ("10.0.0.5", "10-0-0-5.sslip.io"),
        ("2001:db8:c17:b8f::2", "2001-db8-c17-b8f--2.sslip.io"),
        // What begins or ends with a dash is no label.
        ("::1", "0000-0000-0000-0000-0000-0000-0000-0001.sslip.io"),
        ("2001:db8::", "2001-0db8-0000-0000-0000-0000-0000-0000.sslip.io"),
        ("::ffff:10.0.0.5", "0000-0000-0000-0000-0000-ffff-0a00-0005.sslip.io"),
        // Short, it would say 1.2.3.4 too.
        ("2001:db8:1:2:3:4:5:6", "2001-0db8-0001-0002-0003-0004-0005-0006.sslip.io"),
    ] {
        assert_eq!(domain_of(address.parse().unwrap(), ZONE), wanted);
    }
}

#[test]
fn a_label_that_looks_like_an_address_is_named_where_it_wins() {
    for (host, wanted) in [
        ("hello.default.10-0-0-5", None),
        ("hello.default.10.0.0.5", None),
        ("hello.default.0a000005", None),
        ("hello.default.2001-db8--2", None),
        ("hello-10-0-0-5", None),
        ("hello.default", None),
        // The same form, further left.
        ("1-2-3-4.default.10-0-0-5", Some(("1-2-3-4", "1.2.3.4", "10.0.0.5"))),
        ("v-1-2-3-4-hello.default.10-0-0-5", Some(("v-1-2-3-4-hello", "1.2.3.4", "10.0.0.5"))),
        ("hello.deadbeef.0a000005", Some(("deadbeef", "222.173.190.239", "10.0.0.5"))),
        ("v7.7.10.0.0.5", Some(("7.10.0.0", "7.10.0.0", "10.0.0.5"))),
        ("cafe--1.default.2001-db8--2", Some(("cafe--1", "cafe::1", "2001:db8::2"))),
        // A form that goes before.
        ("hello.1-2-3-4.10.0.0.5", Some(("1-2-3-4", "1.2.3.4", "10.0.0.5"))),
        ("1.2.3.4.0a000005", Some(("1.2.3.4", "1.2.3.4", "10.0.0.5"))),
        // A form that goes behind.
        ("hello.deadbeef.10-0-0-5", None),
        ("1.2.3.4.10-0-0-5", None),
        // The same address.
        ("10-0-0-5.default.10.0.0.5", None),
        // The other family.
        ("cafe--1.default.10-0-0-5", Some(("cafe--1", "cafe::1", "10.0.0.5"))),
        ("1-2-3-4.default.2001-db8--2", Some(("1-2-3-4", "1.2.3.4", "2001:db8::2"))),
        ("hello.2001-db8-1-2-3-4-5-6", Some(("2001-db8-1-2-3-4-5-6", "1.2.3.4", "2001:db8:1:2:3:4:5:6"))),
    ] {
        let wanted = wanted.map(|(label, address, meant)| Hijack {
            label,
            address: address.parse().unwrap(),
            meant: meant.parse().unwrap(),
        });
        assert_eq!(hijacked(&format!("{host}.{ZONE}"), ZONE), wanted, "{host}");
    }
}

fn address() -> impl Strategy<Value = IpAddr> {
    // Groups that are small numbers look like IPv4.
    let groups = prop_oneof![Just(0), 0..256_u16, any::<u16>()];
    let ipv6 = proptest::array::uniform8(groups).prop_map(|groups| Ipv6Addr::from(groups).into());
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), ipv6]
}

/// Labels as Knative makes them of services, tags and namespaces.
fn labels() -> impl Strategy<Value = String> {
    vec("[a-z]([-a-z0-9]{0,12}[a-z0-9])?", 1..4).prop_map(|labels| labels.join("."))
}

/// Parts of names that readers have stumbled over.
fn name() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[0-9]{1,3}".boxed(),
        "[0-9a-f]{1,8}".boxed(),
        prop_oneof![Just("."), Just("-"), Just("--"), Just("."), Just("-")].prop_map_into().boxed(),
        any::<String>().boxed(),
    ];
    vec(part, 0..24).prop_map(|parts| parts.concat())
}

fn read(name: &str) -> Vec<IpAddr> {
    let ipv4 = ipv4_in(name, ZONE).map(IpAddr::from);
    ipv4.into_iter().chain(ipv6_in(name, ZONE).map(IpAddr::from)).collect()
}

proptest! {
    #[test]
    fn a_domain_gives_its_address_back_and_no_other(address in address(), labels in labels()) {
        let domain = domain_of(address, ZONE);
        let label = domain.strip_suffix(".sslip.io").unwrap();
        prop_assert!(label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-') && !label.contains('.'));
        prop_assert_eq!(read(&domain), [address]);
        prop_assume!(read(&format!("{labels}.{ZONE}")).is_empty());
        let host = format!("{labels}.{domain}");
        prop_assert_eq!(read(&host), [address], "{}", host);
        prop_assert_eq!(hijacked(&host, ZONE), None, "{}", host);
    }

    #[test]
    fn a_host_is_hijacked_exactly_when_it_reads_as_more_than_its_domain(address in address(), front in name()) {
        let host = format!("{front}.{}", domain_of(address, ZONE));
        prop_assert_eq!(hijacked(&host, ZONE).is_none(), read(&host) == [address], "{}", host);
    }

    #[test]
    fn any_text_is_read_without_a_panic(name in name(), zone in name()) {
        let host = format!("{name}.{zone}");
        let _ = (ipv4_in(&host, &zone), ipv6_in(&host, &zone), hijacked(&host, &zone));
        let _ = (ipv4_in(&name, &zone), ipv6_in(&name, &zone), hijacked(&name, &zone));
    }
}
