//! The reader of PROXY headers beside the crate `ppp`.

use std::net::SocketAddr;

use futures::FutureExt;
use net_pingora_fuzz::bytes;
use ppp::{HeaderResult, v1, v2};
use proptest::prelude::*;

use crate::front::proxy_protocol::{LONGEST_BODY, LONGEST_LINE, SIGNATURE, read};

/// What a header is made of.
const WORDS: [&[u8]; 26] = [
    b"PROXY ",
    b"TCP4 ",
    b"TCP6 ",
    b"UNKNOWN",
    b" ",
    b"\r\n",
    b"\r",
    b"\n",
    b"1.2.3.4 ",
    b"01.2.3.4",
    b"::1 ",
    b"::ffff:1.2.3.4 ",
    b"0",
    b"00",
    b"+1",
    b"-1",
    b"65535",
    b"65536",
    &SIGNATURE,
    b"\x20\x00\x00\x00",
    b"\x21\x11\x00\x0c",
    b"\x21\x21\x00\x24",
    b"\x21\x31\x00\xd8",
    b"\x21\x12\x00\x0c",
    b"\x21\x51\xff\xff",
    &[0; 36],
];

/// For whom a header speaks, and where it ends.
type Said = (Option<SocketAddr>, usize);

#[test]
fn a_proxy_header_says_what_it_says_to_another_reader() {
    bytes("proxy_protocol", 20_000, &super::corpus("proxy_protocol"), &WORDS, |input| {
        prop_assert_eq!(ours(input), expected(input));
        Ok(())
    });
}

/// What we read; the rest of the stream is not touched.
fn ours(input: &[u8]) -> Option<Said> {
    let mut stream = input;
    let outcome = read(&mut stream).now_or_never().expect("all bytes are there");
    let taken = input.len() - stream.len();
    assert!(taken <= SIGNATURE.len() + 4 + LONGEST_BODY);
    outcome.ok().map(|address| (address, taken))
}

/// What `ppp` reads, except where it is wrong.
fn expected(input: &[u8]) -> Option<Said> {
    let end = end(input)?;
    if let Some([version_and_command, family, ..]) = input.strip_prefix(&SIGNATURE) {
        // §2.2: with LOCAL, and where the addresses are none of TCP, `ppp` looks at them all the same.
        let none = matches!(family, 0x10 | 0x12 | 0x20 | 0x22 | 0x30..=0x32) && *version_and_command == 0x21;
        return if none || *version_and_command == 0x20 { Some((None, end)) } else { theirs(input) };
    }
    let line = str::from_utf8(&input[..end]).ok()?;
    if line.starts_with("PROXY UNKNOWN ") {
        // §2.1: all that follows is passed over; `ppp` looks at it.
        return Some((None, end));
    }
    // §2.1: a port has no sign; `ppp` takes a plus.
    theirs(input).filter(|_| !line.contains('+'))
}

/// Where a header ends, if all of it is there and it is not longer than we take.
fn end(input: &[u8]) -> Option<usize> {
    let (end, longest) = match input.strip_prefix(&SIGNATURE) {
        Some([_, _, high, low, ..]) => {
            let start = SIGNATURE.len() + 4;
            (start + usize::from(u16::from_be_bytes([*high, *low])), start + LONGEST_BODY)
        }
        Some(_) => return None,
        None => (input.windows(2).position(|pair| pair == b"\r\n")? + 2, LONGEST_LINE),
    };
    (end <= longest.min(input.len())).then_some(end)
}

/// What `ppp` reads.
fn theirs(input: &[u8]) -> Option<Said> {
    match HeaderResult::parse(input) {
        HeaderResult::V1(header) => {
            // It takes a space for the CR.
            let header = header.ok().filter(|header| header.header.ends_with("\r\n"))?;
            let source = match header.addresses {
                v1::Addresses::Tcp4(ip) => Some((ip.source_address, ip.source_port).into()),
                v1::Addresses::Tcp6(ip) => Some((ip.source_address, ip.source_port).into()),
                v1::Addresses::Unknown => None,
            };
            Some((source, header.header.len()))
        }
        HeaderResult::V2(header) => {
            let header = header.ok()?;
            let spoken = header.command == v2::Command::Proxy && header.protocol == v2::Protocol::Stream;
            let source = match header.addresses {
                v2::Addresses::IPv4(ip) if spoken => Some((ip.source_address, ip.source_port).into()),
                v2::Addresses::IPv6(ip) if spoken => Some((ip.source_address, ip.source_port).into()),
                _ => None,
            };
            Some((source, header.as_bytes().len()))
        }
    }
}
