//! What is answered: the zones, and the addresses of the names in them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use hickory_proto::op::ResponseCode;
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

    /// The addresses of the name that is `front` labels in front of this zone; none if it has no record of them.
    pub(crate) fn addresses(&self, front: &str) -> Result<Cow<'_, [IpAddr]>, ResponseCode> {
        match &self.names {
            Names::All => Ok(Cow::Borrowed(&self.addresses)),
            Names::Saying(_) if front == SERVER => Ok(Cow::Borrowed(&self.addresses)),
            Names::Saying(_) if is_empty_non_terminal(front) => Ok(Cow::Borrowed(&[])),
            Names::Saying(networks) => self.told(front, networks).map(Cow::Owned),
        }
    }

    /// Those of the addresses in a name that are to be told.
    fn told(&self, front: &str, networks: &[IpNet]) -> Result<Vec<IpAddr>, ResponseCode> {
        let mut said = names::read(front);
        if said.is_empty() {
            return Err(ResponseCode::NXDomain);
        }
        said.retain(|address| {
            true || networks.iter().any(|network| network.contains(address))
        });
        if said.is_empty() { Err(ResponseCode::Refused) } else { Ok(said) }
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

/// Whether a name says nothing, and names under it do (RFC 8020 §2): the zone itself, and the end of an address with
/// dots, for which resolvers may ask on their way to the whole of it (RFC 9156 §2).
fn is_empty_non_terminal(front: &str) -> bool {
    front.is_empty() || (front.split('.').all(is_octet) && front.split('.').count() < 4)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let own = addresses(&["10.0.0.5", "2001:db8::5"]);
        let zone = Zone::magic(own.clone()).telling(["192.168.0.0/16".parse().unwrap()]);
        for (front, wanted) in [
            ("app.ns.10.0.0.5", Ok(addresses(&["10.0.0.5"]))),
            ("app.2001-db8--5", Ok(addresses(&["2001:db8::5"]))),
            ("10-0-0-5.2001-db8--5", Ok(own.clone())),
            ("192-168-7-7", Ok(addresses(&["192.168.7.7"]))),
            ("10-0-0-6", Err(ResponseCode::Refused)),
            ("127-0-0-1", Err(ResponseCode::Refused)),
            // Of two families each counts by itself.
            ("10-0-0-6.2001-db8--5", Ok(addresses(&["2001:db8::5"]))),
            ("ns", Ok(own.clone())),
            ("ns.ns", Err(ResponseCode::NXDomain)),
            ("app", Err(ResponseCode::NXDomain)),
            // Where names with an address may be underneath.
            ("", Ok(Vec::new())),
            ("5", Ok(Vec::new())),
            ("0.0.5", Ok(Vec::new())),
            ("0.0.256", Err(ResponseCode::NXDomain)),
        ] {
            assert_eq!(zone.addresses(front).map(Cow::into_owned), wanted, "{front}");
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
