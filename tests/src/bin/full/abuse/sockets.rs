//! Connections of the gateway, as the kernel lists them (`proc_net(5)`).

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

/// How many connections there are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sockets {
    /// From clients.
    pub(crate) clients: usize,
    /// To endpoints.
    pub(crate) upstreams: usize,
}

impl Sockets {
    /// Counts those of a gateway that listens there and has its endpoints on other ports of the same address.
    pub(crate) fn count(gateway: SocketAddr, upstreams: &[u16]) -> anyhow::Result<Self> {
        Ok(Self::among(&fs::read_to_string("/proc/net/tcp")?, gateway, upstreams))
    }

    fn among(table: &str, gateway: SocketAddr, upstreams: &[u16]) -> Self {
        let mut found = Self::default();
        for (local, remote) in table.lines().skip(1).filter_map(connection) {
            // Clients have other addresses and may have the same ports.
            found.clients += usize::from(local == gateway && remote.port() != 0);
            found.upstreams += usize::from(remote.ip() == gateway.ip() && upstreams.contains(&remote.port()));
        }
        found
    }
}

/// The ends of a connection that a process still holds.
fn connection(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let end = |word: &str| {
        let (ip, port) = word.split_once(':')?;
        // The address is printed as the number that its bytes are in memory.
        let ip = Ipv4Addr::from(u32::from_str_radix(ip, 16).ok()?.to_ne_bytes());
        Some(SocketAddr::from((ip, u16::from_str_radix(port, 16).ok()?)))
    };
    // sl local remote state queues timer retransmits uid timeout inode
    let held = words.get(9).is_some_and(|inode| *inode != "0");
    held.then(|| Some((end(words.get(1)?)?, end(words.get(2)?)?)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_connection_are_told_apart_and_what_nobody_holds_is_left_out() {
        let end = |local, remote, inode| {
            format!(
                "0: 0100007F:{local:04X} 0100007F:{remote:04X} 01 00000000:00000000 00:00000000 00000000 0 0 {inode} 1\n"
            )
        };
        let table = [
            "head\n".to_owned(),
            end(80, 0, 7),
            end(80, 1000, 8),
            end(1000, 80, 9),
            end(2000, 90, 10),
            end(90, 2000, 11),
            end(80, 1001, 0),
            // From 127.0.0.2, with the ports of both.
            end(80, 80, 12).replacen("0100007F", "0200007F", 1),
            end(80, 90, 13).replace("0100007F:005A", "0200007F:005A"),
        ];
        let found = Sockets::among(&table.concat(), ([127, 0, 0, 1], 80).into(), &[90]);
        assert_eq!((found.clients, found.upstreams), (2, 1));
    }
}
