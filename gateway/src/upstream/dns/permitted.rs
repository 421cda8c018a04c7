//! Which addresses a name may have.
//!
//! Who writes a Service with `spec.externalName` must not reach by us what we alone can reach: our admin port and
//! our own listeners on loopback, or the cloud's metadata at 169.254.169.254. Kubernetes refuses the same addresses in
//! EndpointSlices. Addresses of networks, private ones too, are for a `NetworkPolicy`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::NameError;

/// The addresses of `host` that may be asked.
///
/// # Errors
/// When there are none.
pub(super) fn permitted(host: &str, ips: impl IntoIterator<Item = IpAddr>) -> Result<Arc<[IpAddr]>, NameError> {
    let (permitted, others): (Vec<_>, Vec<_>) = ips.into_iter().partition(|ip| is_permitted(*ip));
    match (permitted.is_empty(), others.is_empty()) {
        (false, _) => Ok(permitted.into()),
        (true, false) => Err(NameError::Forbidden(host.into())),
        (true, true) => Err(NameError::NotFound(host.into())),
    }
}

fn is_permitted(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_permitted_v4(ip),
        IpAddr::V6(ip) => is_permitted_v6(ip),
    }
}

/// RFC 1122 §3.2.1.3 and RFC 3927.
fn is_permitted_v4(ip: Ipv4Addr) -> bool {
    let is_this_network = ip.octets()[0] == 0;
    !(is_this_network || ip.is_loopback() || ip.is_link_local() || ip.is_multicast() || ip.is_broadcast())
}

/// RFC 4291 §2.4.
fn is_permitted_v6(ip: Ipv6Addr) -> bool {
    !(ip.is_unspecified() || ip.is_loopback() || ip.is_unicast_link_local() || ip.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_this_machine_nor_its_link_may_be_named() {
        for (ip, wanted) in [
            ("10.0.0.1", true),
            ("192.168.0.1", true),
            ("100.64.0.1", true),
            ("203.0.113.1", true),
            ("2001:db8::1", true),
            ("fd00::1", true),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("127.0.0.1", false),
            ("127.255.0.1", false),
            ("169.254.169.254", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:169.254.169.254", false),
            ("fe80::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_permitted(ip.parse().unwrap()), wanted, "{ip}");
        }
    }

    #[test]
    fn what_is_left_may_be_asked() {
        let ips = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        for (found, wanted) in [
            (ips(&["10.0.0.1", "127.0.0.1"]), Ok(ips(&["10.0.0.1"]))),
            (ips(&["127.0.0.1", "::1"]), Err(NameError::Forbidden("a.example".into()))),
            (ips(&[]), Err(NameError::NotFound("a.example".into()))),
        ] {
            assert_eq!(permitted("a.example", found).map(|ips| ips.to_vec()), wanted);
        }
    }
}
