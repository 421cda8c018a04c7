//! How to speak to an upstream, as Pingora's connector wants it told.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use net_pingora_routing::Protocol;
use net_pingora_tls::Encryption;
use pingora_core::upstreams::peer::HttpPeer;

use super::choose::Choice;
use super::encrypted::Encrypted;
use crate::keepalive;
use crate::settings::Timeouts;

/// Streams on one upstream HTTP/2 connection.
const STREAMS: u32 = 100;

/// Bytes an upstream may send on one stream before the client has taken them.
const STREAM_WINDOW: u32 = 128 * 1024;

/// All streams' windows together: a client that does not read holds up its own stream only.
const CONNECTION_WINDOW: u32 = STREAMS * STREAM_WINDOW;

/// The peer that was chosen. An upgraded connection may be silent for as long as it likes.
pub(crate) fn peer(choice: &Choice, protocol: Protocol, upgrade: bool, timeouts: &Timeouts) -> Box<HttpPeer> {
    let address = choice.endpoint.address;
    let mut peer = match &choice.encryption {
        None => Box::new(HttpPeer::new(address, false, String::new())),
        Some(encryption) => encrypted(address, protocol, encryption),
    };
    let options = &mut peer.options;
    options.connection_timeout = Some(timeouts.connect);
    options.total_connection_timeout = Some(timeouts.connect);
    options.idle_timeout = Some(timeouts.upstream_idle);
    options.read_timeout = if upgrade { None } else { timeouts.response };
    if choice.encryption.is_none() {
        options.tcp_keepalive = Some(keepalive::PINGORA);
    }
    if protocol == Protocol::Http2 {
        options.set_http_version(2, 2);
        options.max_h2_streams = STREAMS as usize;
        options.h2_stream_window_size = Some(STREAM_WINDOW);
        options.h2_connection_window_size = Some(CONNECTION_WINDOW);
        // Connections are kept by address and this key: a protocol never finds another's.
        peer.group_key = 2;
    }
    peer
}

/// A peer behind a pair of sockets, which has no address: connections are kept by the text of the true one
/// and whom it was made to trust, and Pingora compares 0.0.0.0 with nothing.
fn encrypted(address: SocketAddr, protocol: Protocol, encryption: &Encryption) -> Box<HttpPeer> {
    let anywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
    let mut peer = Box::new(HttpPeer::new(anywhere, false, format!("{address} {}", encryption.id)));
    let config = match protocol {
        Protocol::Http1 => &encryption.http1,
        Protocol::Http2 => &encryption.http2,
    };
    peer.options.custom_l4 = Some(Arc::new(Encrypted { address, config: Arc::clone(config) }));
    peer
}
