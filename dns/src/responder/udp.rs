//! Queries in datagrams.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::UdpSocket;
use tokio::time::sleep;
use tracing::{debug, warn};

use super::PAUSE;
use crate::rate::RateLimit;
use crate::service::{Rate, Service};

/// Octets of a datagram that are read; no query has as many.
const LARGEST: usize = 4096;

/// Answers what comes to one socket, one after the other.
pub(super) async fn serve(socket: UdpSocket, rate: Option<NonZeroU32>, service: Arc<Service>) {
    let mut limit = rate.map(RateLimit::new);
    let mut buffer = vec![0; LARGEST];
    loop {
        let (length, peer) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                warn!(%error, "cannot receive DNS queries");
                sleep(PAUSE).await;
                continue;
            }
        };
        let rate = rate_of(peer, limit.as_mut());
        let Some(answer) = buffer.get(..length).and_then(|packet| service.datagram(packet, rate)) else { continue };
        if let Err(error) = socket.send_to(&answer, peer).await {
            // Such as a forged address that is none.
            debug!(%error, %peer, "cannot send a DNS answer");
        }
    }
}

fn rate_of(peer: SocketAddr, limit: Option<&mut RateLimit>) -> Rate {
    if limit.is_none_or(|limit| limit.allows(peer.ip(), Instant::now())) { Rate::Within } else { Rate::Over }
}
