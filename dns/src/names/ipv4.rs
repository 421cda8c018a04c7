//! IPv4 addresses in names.

use std::net::Ipv4Addr;

use super::Written;

/// Between them, and the ends, stands an address.
const DELIMITERS: [char; 2] = ['.', '-'];

/// The address that a server reads in `text`.
pub(super) fn first(text: &str) -> Option<Written<Ipv4Addr>> {
    separated(text, '-').next().or_else(|| separated(text, '.').next()).or_else(|| hex(text).next())
}

/// The address, in any of the forms, with which `text` ends.
pub(super) fn last(text: &str) -> Option<Ipv4Addr> {
    let written = separated(text, '-').chain(separated(text, '.')).chain(hex(text));
    written.into_iter().find(|written| written.at.end == text.len()).map(|written| written.address)
}

/// Whether `label` is a number from 0 to 255 without a leading zero, which some would read as octal.
pub(crate) fn is_octet(label: &str) -> bool {
    octet(label).is_some()
}

/// All addresses of four numbers with `separator` between them, from left to right.
fn separated(text: &str, separator: char) -> impl Iterator<Item = Written<Ipv4Addr>> {
    let behind = text.match_indices(DELIMITERS).map(|(at, delimiter)| at + delimiter.len());
    std::iter::once(0).chain(behind).filter_map(move |start| {
        let (address, length) = leading(text.get(start..)?, separator)?;
        Some(Written { address, at: start..start + length })
    })
}

/// The address that `text` begins with, and its length.
fn leading(text: &str, separator: char) -> Option<(Ipv4Addr, usize)> {
    let mut octets = [0; 4];
    let mut rest = text;
    for (index, value) in octets.iter_mut().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(separator)?;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = rest.split_at(digits);
        *value = octet(number)?;
        rest = behind;
    }
    let is_delimited = rest.is_empty() || rest.starts_with(DELIMITERS);
    is_delimited.then(|| (octets.into(), text.len() - rest.len()))
}

fn octet(digits: &str) -> Option<u8> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}

/// All labels that are eight hexadecimal digits.
fn hex(text: &str) -> impl Iterator<Item = Written<Ipv4Addr>> {
    let mut end = 0;
    text.split('.').filter_map(move |label| {
        let start = end;
        end += label.len() + 1;
        let is_hex = label.len() == 8 && label.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = u32::from_str_radix(label, 16).ok().filter(|_| is_hex)?;
        Some(Written { address: bits.into(), at: start..start + label.len() })
    })
}
