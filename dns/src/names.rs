//! Magic DNS names: names that say their address.
//!
//! Every name under a zone such as `sslip.io` resolves to the address that is written in it. These are the forms
//! that the servers of `sslip.io` and `nip.io` read:
//!
//! | Form | Example |
//! |---|---|
//! | IPv4 with dots | `app.default.10.0.0.5.sslip.io` |
//! | IPv4 with dashes, between `.`, `-` and the ends | `app-10-0-0-5.sslip.io` |
//! | IPv4 in hex, 8 digits that are a whole label | `app.0a000005.sslip.io` |
//! | IPv6 with dashes, `--` for `::` | `app.2001-db8--2.sslip.io` |
//!
//! Of several forms of IPv4 in one name dashes win over dots, and dots over hex; of one form, the leftmost address.

mod hijack;
mod ipv4;
mod ipv6;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

pub use self::hijack::{Hijack, hijacked};
pub(crate) use self::ipv4::is_octet;

/// An address, and where in a text it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Written<A> {
    address: A,
    at: Range<usize>,
}

/// What an A query for `name` is answered with: the IPv4 address in the part of it that is under `zone`.
pub fn ipv4_in(name: &str, zone: &str) -> Option<Ipv4Addr> {
    ipv4::first(under(name, zone)?).map(|written| written.address)
}

/// What an AAAA query for `name` is answered with: the IPv6 address in the part of it that is under `zone`.
pub fn ipv6_in(name: &str, zone: &str) -> Option<Ipv6Addr> {
    ipv6::first(under(name, zone)?).map(|written| written.address)
}

/// The domain under `zone` whose names all resolve to `address`, for any server of such names.
///
/// It has dashes, because they win over all else, and is one label that begins and ends with a letter or digit
/// (RFC 1123 §2.1). An IPv6 address that would not read back as itself alone is written in full.
pub fn domain_of(address: IpAddr, zone: &str) -> String {
    let label = match address {
        IpAddr::V4(address) => address.to_string().replace('.', "-"),
        IpAddr::V6(address) => ipv6::label(address),
    };
    format!("{label}.{zone}")
}

/// All addresses in the part of a name that is in front of its zone.
pub(crate) fn read(front: &str) -> Vec<IpAddr> {
    let ipv4 = ipv4::first(front).map(|written| written.address.into());
    ipv4.into_iter().chain(ipv6::first(front).map(|written| written.address.into())).collect()
}

/// The part of a name in front of a zone, whatever the case; a dot may end either.
fn under<'n>(name: &'n str, zone: &str) -> Option<&'n str> {
    let (name, zone) = (name.strip_suffix('.').unwrap_or(name), zone.strip_suffix('.').unwrap_or(zone));
    let (front, end) = name.split_at_checked(name.len().checked_sub(zone.len())?)?;
    if end.eq_ignore_ascii_case(zone) { front.strip_suffix('.') } else { None }
}
