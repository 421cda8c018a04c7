//! Where the demo listens: the usual ports on loopback, or free ones when those are taken.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// The port on loopback, or a free one when somebody listens on it, be it on IPv6 only: curl asks
/// `[::1]` first for names below `localhost`.
pub(super) fn this_or_free(port: u16) -> SocketAddr {
    let is_taken = |address: SocketAddr| match TcpListener::bind(address) {
        Ok(_) => false,
        Err(error) => matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied),
    };
    let taken = is_taken((Ipv4Addr::LOCALHOST, port).into()) || is_taken((Ipv6Addr::LOCALHOST, port).into());
    (Ipv4Addr::LOCALHOST, if taken { 0 } else { port }).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_replaced_and_a_free_one_is_not() {
        // Somebody else may take a port as soon as it is free, but not one each time.
        let is_kept = |_| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            assert_eq!(this_or_free(port).port(), 0);
            drop(listener);
            this_or_free(port).port() == port
        };
        assert!((0..20).any(is_kept));
    }
}
