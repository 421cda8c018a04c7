//! The PROXY protocol, versions 1 and 2: a load balancer says in front of everything who its client is.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

/// What version 2 begins with (§2.2); as long as the shortest thing that tells the versions apart.
pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of the longest line of version 1, its end included (§2.1).
pub(super) const LONGEST_LINE: usize = 107;
/// Bytes of addresses and extensions of version 2 that are taken; what is in use has some hundreds.
pub(super) const LONGEST_BODY: usize = 4_096;

/// A connection that does not begin with a header, or with one that makes no sense.
#[derive(Debug, Error)]
pub(super) enum HeaderError {
    /// The connection ended or broke off.
    #[error("the connection ends in the PROXY header: {0}")]
    Io(#[from] io::Error),
    /// There is no header.
    #[error("there is no PROXY header")]
    Missing,
    /// A version that nobody has defined.
    #[error("version {0} of the PROXY protocol is unknown")]
    Version(u8),
    /// What the header says makes no sense.
    #[error("the PROXY header's {0} makes no sense")]
    Malformed(&'static str),
}

/// Reads the header and not a byte more. `None`: the load balancer speaks for itself, or does not say for whom.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, HeaderError> {
    let mut start = [0; SIGNATURE.len()];
    stream.read_exact(&mut start).await?;
    if start == SIGNATURE {
        return version2(stream).await;
    }
    if start.starts_with(b"PROXY ") {
        return version1(start, stream).await;
    }
    Err(HeaderError::Missing)
}

/// A line of text; it ends where it ends, so byte by byte.
async fn version1(
    start: [u8; SIGNATURE.len()],
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<SocketAddr>, HeaderError> {
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() == LONGEST_LINE {
            return Err(HeaderError::Malformed("length"));
        }
        line.push(stream.read_u8().await?);
    }
    let line = str::from_utf8(&line).map_err(|_| HeaderError::Malformed("text"))?;
    parse_line(line.trim_end_matches("\r\n"))
}

/// All of the line is to be right, though only the source is asked for (§2.1).
fn parse_line(line: &str) -> Result<Option<SocketAddr>, HeaderError> {
    let words: Vec<_> = line.split(' ').collect();
    let (family, addresses, ports) = match words[..] {
        ["PROXY", "UNKNOWN", ..] => return Ok(None),
        ["PROXY", family, source, destination, from, to] => (family, [source, destination], [from, to]),
        _ => return Err(HeaderError::Malformed("line")),
    };
    let parse: fn(&str) -> Option<IpAddr> = match family {
        "TCP4" => |text| text.parse::<Ipv4Addr>().ok().map(Into::into),
        "TCP6" => |text| text.parse::<Ipv6Addr>().ok().map(Into::into),
        _ => return Err(HeaderError::Malformed("family")),
    };
    let [Some(source), Some(_)] = addresses.map(parse) else { return Err(HeaderError::Malformed("address")) };
    let [Some(from), Some(_)] = ports.map(port) else { return Err(HeaderError::Malformed("port")) };
    Ok(Some(SocketAddr::new(source, from)))
}

/// A number without sign and leading zeros.
fn port(text: &str) -> Option<u16> {
    let number: u16 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

async fn version2(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, HeaderError> {
    let (version_and_command, family) = (stream.read_u8().await?, stream.read_u8().await?);
    let length = usize::from(stream.read_u16().await?);
    let (version, command) = (version_and_command >> 4, version_and_command & 0xf);
    if version != 2 {
        return Err(HeaderError::Version(version));
    }
    if length > LONGEST_BODY {
        return Err(HeaderError::Malformed("length"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    match command {
        // LOCAL: a health check of the load balancer's own.
        0 => Ok(None),
        1 => parse_addresses(family, &body),
        _ => Err(HeaderError::Malformed("command")),
    }
}

/// The source address; extensions behind the addresses are left alone.
fn parse_addresses(family: u8, body: &[u8]) -> Result<Option<SocketAddr>, HeaderError> {
    let short = HeaderError::Malformed("addresses");
    match (family, body) {
        // TCP over IPv4: source, destination, ports.
        (0x11, [a, b, c, d, _, _, _, _, high, low, _, _, ..]) => {
            let port = u16::from_be_bytes([*high, *low]);
            Ok(Some(SocketAddr::from(([*a, *b, *c, *d], port))))
        }
        // TCP over IPv6.
        (0x21, body) => {
            let (source, rest) = body.split_first_chunk::<16>().ok_or(short)?;
            let (_, ports) = rest.split_first_chunk::<16>().ok_or(HeaderError::Malformed("addresses"))?;
            let [high, low, _, _, ..] = ports else { return Err(HeaderError::Malformed("addresses")) };
            Ok(Some(SocketAddr::from((*source, u16::from_be_bytes([*high, *low])))))
        }
        (0x11, _) => Err(short),
        // Unix sockets, datagrams and what is unspecified: no address to speak of.
        _ if family >> 4 <= 3 && family & 0xf <= 2 => Ok(None),
        _ => Err(HeaderError::Malformed("family")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outcome as text, and what is left of the stream.
    async fn outcome(bytes: &[u8]) -> (String, Vec<u8>) {
        let mut stream = bytes;
        let outcome = match read(&mut stream).await {
            Ok(Some(address)) => address.to_string(),
            Ok(None) => "none".to_owned(),
            Err(error) => error.to_string(),
        };
        (outcome, stream.to_vec())
    }

    #[tokio::test]
    async fn version_1_is_a_line() {
        for (line, wanted) in [
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1000 443\r\n", "1.2.3.4:1000"),
            ("PROXY TCP6 fd00::1 fd00::2 1000 443\r\n", "[fd00::1]:1000"),
            ("PROXY UNKNOWN\r\n", "none"),
            ("PROXY UNKNOWN ff:1 ff:2 1 2\r\n", "none"),
            ("PROXY TCP4 fd00::1 fd00::2 1000 443\r\n", "the PROXY header's address makes no sense"),
            ("PROXY TCP4 1.2.3.4 nobody 1000 443\r\n", "the PROXY header's address makes no sense"),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 70000 443\r\n", "the PROXY header's port makes no sense"),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 +1000 443\r\n", "the PROXY header's port makes no sense"),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1000 0443\r\n", "the PROXY header's port makes no sense"),
            ("PROXY TCP4 1.2.3.4\r\n", "the PROXY header's line makes no sense"),
            ("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", "the PROXY header's family makes no sense"),
            ("GET / HTTP/1.1\r\n\r\n", "there is no PROXY header"),
        ] {
            let bytes = [line.as_bytes(), b"rest"].concat();
            let (seen, left) = outcome(&bytes).await;
            assert_eq!(seen, wanted, "{line}");
            assert!(left == b"rest" || line.starts_with("GET"), "{line}");
        }
        let (seen, _) = outcome([&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat().as_slice()).await;
        assert_eq!(seen, "the PROXY header's length makes no sense");
    }

    fn header(version_and_command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[version_and_command, family], &length, body].concat()
    }

    #[tokio::test]
    async fn version_2_is_binary_and_its_extensions_are_passed_over() {
        let v4 = [1, 2, 3, 4, 5, 6, 7, 8, 0x03, 0xe8, 0x01, 0xbb];
        let v6 = [[0xfd; 16].as_slice(), &[0; 16], &[0, 80, 0, 81]].concat();
        let extended = [&v4[..], &[0x04, 0, 2, 0, 0]].concat();
        for (bytes, wanted) in [
            (header(0x21, 0x11, &v4), "1.2.3.4:1000"),
            (header(0x21, 0x11, &extended), "1.2.3.4:1000"),
            (header(0x21, 0x21, &v6), "[fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd]:80"),
            (header(0x20, 0x11, &v4), "none"),
            (header(0x20, 0x00, &[]), "none"),
            (header(0x21, 0x31, &[0; 216]), "none"),
            (header(0x21, 0x11, &v4[..11]), "the PROXY header's addresses makes no sense"),
            (header(0x21, 0x21, &v6[..35]), "the PROXY header's addresses makes no sense"),
            (header(0x21, 0x41, &v4), "the PROXY header's family makes no sense"),
            (header(0x21, 0x13, &v4), "the PROXY header's family makes no sense"),
            (header(0x22, 0x11, &v4), "the PROXY header's command makes no sense"),
            (header(0x11, 0x11, &v4), "version 1 of the PROXY protocol is unknown"),
            (header(0x21, 0x11, &[0; 5_000]), "the PROXY header's length makes no sense"),
        ] {
            let (seen, left) = outcome(&[&bytes[..], b"rest"].concat()).await;
            assert_eq!(seen, wanted, "{bytes:?}");
            assert!(left == b"rest" || bytes[12] >> 4 != 2 || bytes.len() > LONGEST_BODY, "{bytes:?}");
        }
    }
}
