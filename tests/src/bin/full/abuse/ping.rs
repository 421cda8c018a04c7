//! PING flood (CVE-2019-9512): each must be answered.

use super::attacker::{Field, Flood};
use super::frames::{Frames, Kind};

const FLOOD: Flood = Flood { connections: 8, frames: 100_000 };

pub(crate) async fn run(field: &Field) {
    field.flood(FLOOD, |_| |frames: &mut Frames| frames.push(Kind::Ping, 0, 0, b"anybody?")).await;
}
