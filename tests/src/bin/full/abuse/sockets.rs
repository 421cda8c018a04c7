//! Connections of the gateway, as the kernel lists them (`proc_net(5)`).

use std::collections::HashSet;
use std::fs;

/// How many connections there are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sockets {
    /// From clients.
    pub(crate) clients: usize,
    /// To endpoints.
    pub(crate) upstreams: usize,
}

impl Sockets {
    /// Counts those of a gateway that listens on one port and has its endpoints on others, all on loopback.
    pub(crate) fn count(gateway: u16, upstreams: &[u16]) -> anyhow::Result<Self> {
        Ok(Self::among(&fs::read_to_string("/proc/net/tcp")?, gateway, upstreams))
    }

    fn among(table: &str, gateway: u16, upstreams: &[u16]) -> Self {
        let mut found = Self::default();
        // The table moves on while it is read, and may list a socket twice.
        let mut seen = HashSet::new();
        for (inode, local, remote) in table.lines().skip(1).filter_map(connection) {
            if !seen.insert(inode) {
                continue;
            }
            found.clients += usize::from(local == gateway && remote != 0);
            found.upstreams += usize::from(upstreams.contains(&remote));
        }
        found
    }
}

/// The inode and the ports of a connection that a process still holds.
fn connection(line: &str) -> Option<(&str, u16, u16)> {
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let port = |word: &str| u16::from_str_radix(word.rsplit_once(':')?.1, 16).ok();
    // sl local remote state queues timer retransmits uid timeout inode
    let inode = words.get(9).copied().filter(|inode| *inode != "0")?;
    Some((inode, port(words.get(1)?)?, port(words.get(2)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_connection_are_told_apart_each_once_and_what_nobody_holds_is_left_out() {
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
            end(80, 1000, 8),
        ];
        let found = Sockets::among(&table.concat(), 80, &[90]);
        assert_eq!((found.clients, found.upstreams), (1, 1));
    }
}
