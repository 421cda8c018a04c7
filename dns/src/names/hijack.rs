//! Names that look like an address themselves.

use std::net::IpAddr;
use std::ops::Range;

use super::{Written, ipv4, ipv6, under};

/// A host that does not lead where its domain says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hijack<'h> {
    /// The labels of the host that read as an address.
    pub label: &'h str,
    /// The address they read as.
    pub address: IpAddr,
    /// The address that the domain means, next to the zone.
    pub meant: IpAddr,
}

/// Whether `host` resolves to another address than the one directly in front of `zone`.
///
/// A service, tag or namespace that looks like an address wins over the domain's own one if it is of a form that
/// goes before, or of the same form and further left. An address of the other family counts too: clients ask
/// for both.
///
/// `None` also where no address is in front of the zone.
pub fn hijacked<'h>(host: &'h str, zone: &str) -> Option<Hijack<'h>> {
    let text = under(host, zone)?;
    let meant = ipv6::last(text).map(IpAddr::from).or_else(|| ipv4::last(text).map(IpAddr::from))?;
    let read = [ipv4::first(text).map(Written::any), ipv6::first(text).map(Written::any)];
    let other = read.into_iter().flatten().find(|written| written.address != meant)?;
    Some(Hijack { label: labels(text, &other.at), address: other.address, meant })
}

impl<A: Into<IpAddr>> Written<A> {
    fn any(self) -> Written<IpAddr> {
        Written { address: self.address.into(), at: self.at }
    }
}

/// The whole labels of which a range is part.
fn labels<'t>(text: &'t str, at: &Range<usize>) -> &'t str {
    let start = text[..at.start].rfind('.').map_or(0, |dot| dot + 1);
    let end = text[at.end..].find('.').map_or(text.len(), |dot| at.end + dot);
    &text[start..end]
}
