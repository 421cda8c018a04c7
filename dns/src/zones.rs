//! What is answered: the zones, and the addresses of the names in them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use hickory_proto::rr::Name;
use ipnet::IpNet;
use thiserror::Error;

use crate::names::{self, is_octet};

/// The name server of a zone, in the zone itself.
const SERVER: &str = "ns";
/// The mailbox of whoever is responsible for a zone (RFC 2142 §7).
const MAILBOX: &str = "hostmaster";

/// All zones of a responder. What is in none of them is refused.
#[derive(Clone, Debug, Default)]
pub struct Zones(HashMap<String, Apex>);

/// What the names of a zone resolve to.
#[derive(Clone, Debug)]
pub struct Zone {
    addresses: Vec<IpAddr>,
    names: Names,
}

/// A zone's name that cannot be one.
#[derive(Debug, Error)]
#[error("zone {zone:?}: {problem}; write a domain such as apps.example.com")]
pub struct ZoneError {
    zone: String,
    problem: String,
}

/// Which names of a zone exist.
#[derive(Clone, Debug)]
enum Names {
    /// All of them, with the addresses of the zone.
    All,
    /// Those that say an address of the zone or of these networks.
    Saying(Vec<IpNet>),
}

/// What is known of a name in a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known<'z> {
    /// It exists and has these addresses, or none.
    Addresses(Cow<'z, [IpAddr]>),
    /// It does not exist.
    Nothing,
    /// It says an address that is not to be told.
    Untold,
}

/// A zone with the names that its records need.
#[derive(Clone, Debug)]
pub(crate) struct Apex {
    zone: Zone,
    pub(crate) labels: usize,
    pub(crate) server: Name,
    pub(crate) mailbox: Name,
}

impl Zone {
    /// A domain of the cluster: every name at or under it has all of `addresses`.
    pub fn domain(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { addresses: addresses.into_iter().collect(), names: Names::All }
    }

    /// A zone of magic names: every name under it has the address that is written in it ([`crate::names`]).
    ///
    /// Only `addresses`, which are to be our own, are told; all others are refused. Otherwise anybody could make
    /// names in our zone that lead into the network of whoever asks.
    pub fn magic(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { addresses: addresses.into_iter().collect(), names: Names::Saying(Vec::new()) }
    }

    /// Tells the addresses of `networks` as well, where this is a zone of magic names.
    #[must_use]
    pub fn telling(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        if let Names::Saying(told) = &mut self.names {
            told.extend(networks);
        }
        self
    }

    /// What is known of the name with `front` in front of this zone.
    pub(crate) fn name(&self, front: &str) -> Known<'_> {
        match &self.names {
            Names::All => Known::Addresses(Cow::Borrowed(&self.addresses)),
            Names::Saying(_) if front == SERVER => Known::Addresses(Cow::Borrowed(&self.addresses)),
            Names::Saying(networks) => self.said(front, networks),
        }
    }

    /// Of the addresses in a name, those that are to be told.
    fn said(&self, front: &str, networks: &[IpNet]) -> Known<'static> {
        let said = names::read(front);
        let is_told = |address: &&IpAddr| {
            self.addresses.contains(address) || networks.iter().any(|network| network.contains(*address))
        };
        let told: Vec<_> = said.iter().filter(is_told).copied().collect();
        match (said.is_empty(), told.is_empty()) {
            (true, _) if !is_empty_non_terminal(front) => Known::Nothing,
            (false, true) => Known::Untold,
            _ => Known::Addresses(Cow::Owned(told)),
        }
    }
}

impl Zones {
    /// Zones by their names; of two zones of one name the later one counts, and of two that a name is under, the
    /// longer one.
    ///
    /// # Errors
    /// A name that is no domain, or so long that no name server fits in front of it.
    pub fn new<'n>(zones: impl IntoIterator<Item = (&'n str, Zone)>) -> Result<Self, ZoneError> {
        zones.into_iter().map(|(name, zone)| Apex::new(name, zone)).collect::<Result<_, _>>().map(Self)
    }

    /// The zone that `name`, in lower case, is in, and what of the name is in front of it.
    pub(crate) fn find<'n>(&self, name: &'n str) -> Option<(&Apex, &'n str)> {
        let mut at = 0;
        loop {
            let suffix = name.get(at..)?;
            if let Some(apex) = self.0.get(suffix) {
                return Some((apex, name.get(..at.saturating_sub(1))?));
            }
            at += suffix.find('.')? + 1;
        }
    }
}

impl Apex {
    fn new(name: &str, zone: Zone) -> Result<(String, Self), ZoneError> {
        let fail = |problem: String| ZoneError { zone: name.to_owned(), problem };
        let text = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if text.is_empty() || !text.bytes().all(plain) {
            return Err(fail("it is not of letters, digits, dashes and dots".to_owned()));
        }
        let inside = |label| Name::from_ascii(format!("{label}.{text}.")).map_err(|error| fail(error.to_string()));
        let (server, mailbox) = (inside(SERVER)?, inside(MAILBOX)?);
        let labels = usize::from(server.num_labels()) - 1;
        Ok((text, Self { zone, labels, server, mailbox }))
    }

    /// What the names of the zone resolve to.
    pub(crate) fn zone(&self) -> &Zone {
        &self.zone
    }
}

/// Whether names under one that says no address do (RFC 8020 §2): it is the zone itself, or the end of an address with
/// dots, for which resolvers may ask on their way to the whole of it (RFC 9156 §2).
fn is_empty_non_terminal(front: &str) -> bool {
    front.is_empty() || front.split('.').all(is_octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [&str; 2] = ["10.0.0.5", "2001:db8::5"];

    fn addresses(text: &[&str]) -> Vec<IpAddr> {
        text.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn a_name_is_in_the_longest_zone_it_ends_with() {
        let zones = ["example.com", "apps.example.com", "lan"].map(|name| (name, Zone::domain([])));
        let zones = Zones::new(zones).unwrap();
        for (name, wanted) in [
            ("apps.example.com", Some((3, ""))),
            ("a.b.apps.example.com", Some((3, "a.b"))),
            ("myapps.example.com", Some((2, "myapps"))),
            ("example.com", Some((2, ""))),
            ("lan", Some((1, ""))),
            ("a.lan", Some((1, "a"))),
            ("wlan", None),
            ("com", None),
            ("", None),
        ] {
            assert_eq!(zones.find(name).map(|(apex, front)| (apex.labels, front)), wanted, "{name}");
        }
    }

    #[test]
    fn a_magic_zone_tells_no_addresses_but_those_it_may() {
        let zone = Zone::magic(addresses(&OWN)).telling(["192.168.0.0/16".parse().unwrap()]);
        let known = |text: &[&str]| Known::Addresses(Cow::Owned(addresses(text)));
        for (front, wanted) in [
            ("app.ns.10.0.0.5", known(&["10.0.0.5"])),
            ("10.0.0.5", known(&["10.0.0.5"])),
            ("10.0.0.5.7", known(&["10.0.0.5"])),
            ("app.2001-db8--5", known(&["2001:db8::5"])),
            ("10-0-0-5.2001-db8--5", known(&OWN)),
            ("192-168-7-7", known(&["192.168.7.7"])),
            ("10-0-0-6", Known::Untold),
            ("127-0-0-1", Known::Untold),
            // Of two families each counts by itself.
            ("10-0-0-6.2001-db8--5", known(&["2001:db8::5"])),
            ("ns", known(&OWN)),
            ("ns.ns", Known::Nothing),
            ("app", Known::Nothing),
            // Where names with an address may be underneath.
            ("", known(&[])),
            ("5", known(&[])),
            ("0.0.5", known(&[])),
            ("0.0.256", Known::Nothing),
        ] {
            assert_eq!(zone.name(front), wanted, "{front}");
        }
    }

    #[test]
    fn a_name_that_is_no_domain_is_refused() {
        let long = "a.".repeat(125);
        for name in ["", ".", "a..b", "a b", "bücher.example", "*.example.com", &"a".repeat(64), &long] {
            let error = Zones::new([(name, Zone::domain([]))]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("zone {name:?}: ")), "{error}");
        }
        for name in ["lan", "Example.COM", "example.com.", "_x.example"] {
            assert!(Zones::new([(name, Zone::domain([]))]).is_ok(), "{name}");
        }
    }
}
