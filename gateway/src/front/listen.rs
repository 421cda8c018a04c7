//! Listening sockets.

use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

use crate::settings::{ListenerSettings, Settings};

/// Connections the kernel may hold before we accept them.
const BACKLOG: i32 = 4096;

/// A socket that cannot be listened on.
#[derive(Debug, Error)]
#[error("{name}: cannot listen on {address}: {source}; free the port or choose another with --{name}")]
pub struct BindError {
    name: &'static str,
    address: SocketAddr,
    source: std::io::Error,
}

/// A bound traffic listener.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) settings: ListenerSettings,
    pub(crate) socket: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Listening {
    /// Binds every traffic listener of the settings.
    pub(crate) fn bind_all(settings: &Settings) -> Result<Vec<Self>, BindError> {
        let one = |listener: &ListenerSettings| {
            let (socket, address) = bind(listener.name, listener.address)?;
            Ok(Self { settings: listener.clone(), socket, address })
        };
        settings.listeners.iter().map(one).collect()
    }
}

/// Binds one address and says which one it got; `[::]` takes IPv4 too, or stands for it where there is no IPv6.
pub(crate) fn bind(name: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let fail = |source| BindError { name, address, source };
    let socket = match listen(address) {
        Err(error) if address.ip().is_unspecified() && address.is_ipv6() && no_ipv6(&error) => {
            listen(SocketAddr::from(([0, 0, 0, 0], address.port())))
        }
        other => other,
    };
    let socket = socket.map_err(fail)?;
    let bound = socket.local_addr().map_err(fail)?;
    Ok((socket, bound))
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn no_ipv6(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, Unsupported};
    // 97 is EAFNOSUPPORT, which has no ErrorKind of its own.
    matches!(error.kind(), AddrNotAvailable | Unsupported) || error.raw_os_error() == Some(97)
}
