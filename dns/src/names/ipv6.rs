//! IPv6 addresses in names.

use std::net::Ipv6Addr;

use super::{Written, ipv4};

/// The longest spelling: eight groups of four digits.
const LONGEST: usize = 39;

/// The address that a server reads in `text`: the leftmost, and of those that begin there the longest.
pub(super) fn first(text: &str) -> Option<Written<Ipv6Addr>> {
    let mut end = 0;
    text.split('.').find_map(|label| {
        let start = end;
        end += label.len() + 1;
        let Written { address, at } = first_in_label(label)?;
        Some(Written { address, at: start + at.start..start + at.end })
    })
}

/// The longest address with which `text` ends.
pub(super) fn last(text: &str) -> Option<Ipv6Addr> {
    let label = text.rsplit('.').next()?;
    starts(label).find_map(|start| parse(label.get(start..)?))
}

/// The label for an address: short where it reads back as that address alone, in full elsewhere.
pub(super) fn label(address: Ipv6Addr) -> String {
    let short = address.to_string().replace(':', "-");
    let is_label = !short.starts_with('-') && !short.ends_with('-');
    if is_label && parse(&short) == Some(address) && ipv4::first(&short).is_none() {
        return short;
    }
    // A group of four digits is no number of an IPv4 address.
    address.segments().map(|group| format!("{group:04x}")).join("-")
}

fn first_in_label(label: &str) -> Option<Written<Ipv6Addr>> {
    starts(label).find_map(|start| {
        let longest = label.bytes().skip(start).take(LONGEST).take_while(|byte| is_part(*byte)).count();
        let ends = (start..=start + longest).rev();
        let mut delimited = ends.filter(|end| label.as_bytes().get(*end).is_none_or(|byte| *byte == b'-'));
        delimited.find_map(|end| Some(Written { address: parse(label.get(start..end)?)?, at: start..end }))
    })
}

/// Where an address may begin in a label.
fn starts(label: &str) -> impl Iterator<Item = usize> {
    std::iter::once(0).chain(label.match_indices('-').map(|(at, dash)| at + dash.len()))
}

/// An address with dashes for its colons.
fn parse(text: &str) -> Option<Ipv6Addr> {
    // Many a part of a long label is none: this is seen at once.
    if !text.contains("--") && text.matches('-').count() != 7 {
        return None;
    }
    let mut colons = [0; LONGEST];
    let used = colons.get_mut(..text.len())?;
    for (to, from) in used.iter_mut().zip(text.bytes()) {
        *to = if from == b'-' { b':' } else { Some(from).filter(|byte| is_part(*byte))? };
    }
    str::from_utf8(used).ok()?.parse().ok()
}

fn is_part(byte: u8) -> bool {
    byte == b'-' || byte.is_ascii_hexdigit()
}
