//! Listening sockets.

use std::io;
use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied, Unsupported};
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::net::{TcpListener, UdpSocket};

/// Connections the kernel may hold before we accept them.
const BACKLOG: i32 = 128;
/// Octets of queries that the kernel may hold before we read them, where it allows as many.
const BURST: usize = 1024 * 1024;

/// An address that cannot be listened on.
#[derive(Debug, Error)]
#[error("DNS: cannot listen on {address} by {transport}: {source}; {}", fix(source))]
pub struct BindError {
    address: SocketAddr,
    transport: &'static str,
    source: io::Error,
}

/// All sockets of a responder.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) udp: Vec<UdpSocket>,
    pub(super) tcp: Vec<TcpListener>,
    pub(super) addresses: Vec<SocketAddr>,
}

impl Sockets {
    pub(super) fn bind(listen: &[SocketAddr]) -> Result<Self, BindError> {
        let mut sockets = Self { udp: Vec::new(), tcp: Vec::new(), addresses: Vec::new() };
        for address in listen {
            sockets.add(*address)?;
        }
        Ok(sockets)
    }

    /// Listens by both transports on one port, which the system chooses if it is 0.
    fn add(&mut self, mut address: SocketAddr) -> Result<(), BindError> {
        let tcp = open(&mut address, Protocol::TCP).and_then(|socket| {
            socket.listen(BACKLOG)?;
            TcpListener::from_std(socket.into())
        });
        self.tcp.push(tcp.map_err(|source| BindError { address, transport: "TCP", source })?);
        let udp = open(&mut address, Protocol::UDP).and_then(|socket| {
            socket.set_recv_buffer_size(BURST)?;
            UdpSocket::from_std(socket.into())
        });
        self.udp.push(udp.map_err(|source| BindError { address, transport: "UDP", source })?);
        self.addresses.push(address);
        Ok(())
    }
}

/// Binds one socket, and puts what it is bound to in `address`. `[::]` takes IPv4 too, or stands for it where there is
/// no IPv6.
fn open(address: &mut SocketAddr, protocol: Protocol) -> io::Result<Socket> {
    let socket = match bind(*address, protocol) {
        Err(error) if address.ip().is_unspecified() && address.is_ipv6() && no_ipv6(&error) => {
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into(), protocol)
        }
        bound => bound,
    }?;
    *address = socket.local_addr()?.as_socket().unwrap_or(*address);
    Ok(socket)
}

fn bind(address: SocketAddr, protocol: Protocol) -> io::Result<Socket> {
    let kind = if protocol == Protocol::TCP { Type::STREAM } else { Type::DGRAM };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // By UDP, two would share an address in silence.
    socket.set_reuse_address(protocol == Protocol::TCP)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn no_ipv6(error: &io::Error) -> bool {
    // 97 is EAFNOSUPPORT, which has no ErrorKind of its own.
    matches!(error.kind(), AddrNotAvailable | Unsupported) || error.raw_os_error() == Some(97)
}

fn fix(error: &io::Error) -> &'static str {
    match error.kind() {
        PermissionDenied => {
            "ports below 1024 need the capability NET_BIND_SERVICE: add it, or listen on a higher port, such as 5353, \
             to which port 53 of the Service leads"
        }
        AddrInUse => {
            "another DNS server, such as systemd-resolved or dnsmasq, has it: stop that one, or listen on a single \
             address of this machine that it leaves free"
        }
        AddrNotAvailable => "this machine has no such address: choose one of `ip address`",
        _ => "choose another address",
    }
}
