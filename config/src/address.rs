//! Addresses to listen on, as people write them.

use std::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where a traffic listener listens, if at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `off`
    Off,
    /// On this address.
    At(SocketAddr),
}

impl Listen {
    /// The address, unless the listener is off.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

/// Why a text is no address to listen on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    /// Neither `ADDRESS:PORT` nor a port.
    #[error("not an address; write ADDRESS:PORT such as 127.0.0.1:8080 or [::]:8080, or a port alone such as 8080")]
    Form(#[source] AddrParseError),
    /// Other machines could reach it.
    #[error("{0} can be reached from outside; write a loopback address such as 127.0.0.1:9000 or [::1]:9000")]
    NotLoopback(SocketAddr),
}

/// A traffic listener that is meant for everybody: a port alone listens on all addresses.
pub(crate) fn everywhere(text: &str) -> Result<Listen, AddressError> {
    listen(text, Ipv6Addr::UNSPECIFIED.into())
}

/// A traffic listener that is meant for this machine: a port alone listens on loopback.
pub(crate) fn loopback(text: &str) -> Result<Listen, AddressError> {
    listen(text, Ipv4Addr::LOCALHOST.into())
}

/// The health listener: never off, a port alone listens on all addresses.
pub(crate) fn health(text: &str) -> Result<SocketAddr, AddressError> {
    address(text, Ipv6Addr::UNSPECIFIED.into())
}

/// The admin listener: never off, always on loopback.
pub(crate) fn admin(text: &str) -> Result<SocketAddr, AddressError> {
    let address = address(text, Ipv4Addr::LOCALHOST.into())?;
    if address.ip().to_canonical().is_loopback() { Ok(address) } else { Err(AddressError::NotLoopback(address)) }
}

fn listen(text: &str, otherwise: IpAddr) -> Result<Listen, AddressError> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(Listen::Off);
    }
    address(text, otherwise).map(Listen::At)
}

/// Reads `ADDRESS:PORT`, `PORT` or `:PORT`; the last two are on the address `otherwise`.
fn address(text: &str, otherwise: IpAddr) -> Result<SocketAddr, AddressError> {
    match text.strip_prefix(':').unwrap_or(text).parse() {
        Ok(port) => Ok(SocketAddr::new(otherwise, port)),
        Err(_) => text.parse().map_err(AddressError::Form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_complete_or_a_port_on_the_flags_own_address() {
        for (text, outside, inside) in [
            ("8080", "[::]:8080", "127.0.0.1:8080"),
            (":8080", "[::]:8080", "127.0.0.1:8080"),
            ("0", "[::]:0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:80", "[::1]:80", "[::1]:80"),
        ] {
            let wanted = |text: &str| Ok(Listen::At(text.parse().unwrap()));
            assert_eq!(everywhere(text), wanted(outside), "{text}");
            assert_eq!(loopback(text), wanted(inside), "{text}");
        }
    }

    #[test]
    fn a_traffic_listener_can_be_off() {
        assert_eq!(everywhere("off"), Ok(Listen::Off));
        assert_eq!(loopback("OFF"), Ok(Listen::Off));
        assert!(health("off").is_err());
        assert!(admin("off").is_err());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", ":", "65536", "localhost:80", "::1", "1.2.3.4", "[::]", "-1"] {
            assert!(matches!(everywhere(text), Err(AddressError::Form(_))), "{text}");
        }
    }

    #[test]
    fn admin_is_never_reachable_from_outside() {
        for (text, allowed) in [
            ("9000", true),
            (":0", true),
            ("127.8.0.1:9000", true),
            ("[::1]:9000", true),
            ("[::ffff:127.0.0.1]:9000", true),
            ("0.0.0.0:9000", false),
            ("[::]:9000", false),
            ("10.0.0.1:9000", false),
        ] {
            assert_eq!(admin(text).is_ok(), allowed, "{text}");
        }
    }
}
