//! The counter of HTTP/2 frames beside one that has all the bytes at once.

use std::time::{Duration, Instant};

use net_pingora_fuzz::bytes;
use proptest::prelude::*;

use crate::front::frames::{Flooded, FrameScanner, PREFACE};
use crate::settings::Limits;

/// Few, so that floods are short.
const CONTROL_FRAMES: u32 = 4;
const RESETS: u32 = 2;

/// Nothing comes back within this time (a tenth of four in a second).
const NOTHING_BACK: Duration = Duration::from_secs(2);

/// What a connection is made of.
const WORDS: [&[u8]; 16] = [
    b"\0\0\0\0\0\0\0\0\x01",
    b"\0\0\0\0\x01\0\0\0\x01",
    b"\0\0\x02\0\0\0\0\0\x01ab",
    b"\0\0\x01\x01\x05\0\0\0\x01\x82",
    b"\0\0\x01\x01\x04\0\0\0\x03\x82",
    b"\0\0\x05\x02\0\0\0\0\x01\0\0\0\0\x10",
    b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08",
    b"\0\0\0\x04\0\0\0\0\0",
    b"\0\0\0\x04\x01\0\0\0\0",
    b"\0\0\x08\x06\0\0\0\0\0\0\0\0\0\0\0\0\0",
    b"\0\0\x04\x08\0\0\0\0\0\0\0\xff\xff",
    b"\0\0\0\x09\x04\0\0\0\x01",
    b"\0\0\x01\x4d\0\0\0\0\0\0",
    b"\xff\xff\xff\x06\0\0\0\0\0",
    b"\0\x01\0\0\0\0\0\0\x01",
    &[0; 256],
];

#[test]
fn a_flood_is_noticed_with_the_header_of_the_frame_too_many_however_the_bytes_are_cut() {
    bytes("frames", 20_000, &super::corpus("frames"), &WORDS, |input| {
        let wanted = flood(input);
        for part in [1, 2, 9, 10, 4096] {
            let started = Instant::now();
            let noticed = noticed(input, part);
            if started.elapsed() < NOTHING_BACK {
                prop_assert_eq!(noticed, wanted.map(|end| (end - 1) / part), "by {}", part);
            }
        }
        Ok(())
    });
}

/// Which of the parts, each of so many bytes, the scanner does not let pass.
fn noticed(input: &[u8], part: usize) -> Option<usize> {
    let limits = Limits { control_frames: CONTROL_FRAMES, resets: RESETS, ..Limits::default() };
    let mut scanner = FrameScanner::new(&limits, Flooded::default());
    scanner.received(&[0; PREFACE]).expect("the preface is no frame");
    input.chunks(part).position(|bytes| scanner.received(bytes).is_err())
}

/// Where the header ends of the first frame that is one too many.
fn flood(input: &[u8]) -> Option<usize> {
    let (mut control, mut resets) = (CONTROL_FRAMES, RESETS);
    let mut start = 0;
    while let Some(&[high, middle, low, kind, flags, _, _, _, _]) = input.get(start..start + 9) {
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        let left = match kind {
            0 if length > 0 || flags % 2 == 1 => None,
            1 => {
                control = CONTROL_FRAMES.min(control + 1);
                None
            }
            3 => Some(&mut resets),
            _ => Some(&mut control),
        };
        if let Some(left) = left {
            *left = match left.checked_sub(1) {
                Some(left) => left,
                None => return Some(start + 9),
            };
        }
        start += 9 + length;
    }
    None
}
