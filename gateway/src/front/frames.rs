//! HTTP/2 frames as they pass: those that cost us more than the client are counted, and too many end the
//! connection. Who cancels many streams is read slower before that.
//!
//! Floods of SETTINGS, PING, `RST_STREAM`, empty DATA and the like are all legal (RFC 9113 §10.5). What a client
//! earns by what it is sent and what it asks for is far more than it needs to take that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::settings::Limits;

/// Bytes of the preface, which is no frame (RFC 9113 §3.4).
pub(super) const PREFACE: usize = 24;

/// Bytes before a frame's payload (RFC 9113 §4.1).
const HEADER: usize = 9;

/// Bytes sent to a client that let it send one control frame more: each is acknowledged with 17.
const EARNS: usize = 64;

/// A tenth of an allowance comes back every second.
const REFILL: f64 = 10.0;

/// For how long a client is not read for each stream that it cancels too many, in times that one takes to come back.
/// Less than one, so that who goes on is ended.
const PAUSE: f64 = 0.5;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;

/// What a client may still send.
#[derive(Debug)]
struct Allowance {
    most: u32,
    left: u32,
    /// With less than this left, a client has taken more than it has a good reason for.
    low: u32,
    refilled: Instant,
}

/// Follows the frames of one connection.
#[derive(Debug)]
pub(super) struct FrameScanner {
    /// Bytes until the next frame's header.
    skip: usize,
    header: [u8; HEADER],
    read: usize,
    control: Allowance,
    resets: Allowance,
    /// Streams cancelled without a good reason, for which the client was not made to wait yet.
    excess: u32,
    /// Bytes sent to the client for which it has earned nothing yet.
    sent: usize,
    flooded: Flooded,
}

/// Says that a connection was ended for a flood.
#[derive(Clone, Debug, Default)]
pub(super) struct Flooded(Arc<AtomicBool>);

/// A flood of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client sends more frames that carry nothing than the limits allow")]
pub(super) struct Flood;

impl Flooded {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Allowance {
    /// There is a good reason for `free` of `most`; till then the clock is not read.
    fn new(most: u32, free: u32) -> Self {
        Self { most, left: most, low: most.saturating_sub(free), refilled: Instant::now() }
    }

    fn earn(&mut self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(count).min(self.most);
    }

    fn take(&mut self) -> bool {
        if self.left <= self.low {
            self.refill();
        }
        let taken = self.left > 0;
        self.left = self.left.saturating_sub(1);
        taken
    }

    fn refill(&mut self) {
        let back = self.refilled.elapsed().as_secs_f64() * f64::from(self.most) / REFILL;
        if back >= 1.0 {
            self.refilled = Instant::now();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is neither")]
            self.earn(back as usize);
        }
    }

    fn is_low(&self) -> bool {
        self.left < self.low
    }
}

impl FrameScanner {
    /// Begins before the preface; `flooded` hears of a flood.
    pub(super) fn new(limits: &Limits, flooded: Flooded) -> Self {
        let control = Allowance::new(limits.control_frames, limits.control_frames);
        // Who leaves a page cancels all that is open.
        let resets = Allowance::new(limits.resets, limits.streams);
        Self { skip: PREFACE, header: [0; HEADER], read: 0, control, resets, excess: 0, sent: 0, flooded }
    }

    /// Follows some bytes of the client.
    pub(super) fn received(&mut self, bytes: &[u8]) -> Result<(), Flood> {
        if self.pass(bytes) {
            return Ok(());
        }
        self.flooded.0.store(true, Ordering::Relaxed);
        Err(Flood)
    }

    /// Whether the client has cancelled more than it has a good reason for.
    pub(super) fn is_slowed(&mut self) -> bool {
        if self.resets.is_low() {
            self.resets.refill();
        }
        self.resets.is_low()
    }

    /// How long the client is not to be read now, for what it has cancelled: less than five seconds.
    pub(super) fn pause(&mut self) -> Option<Duration> {
        let excess = f64::from(std::mem::take(&mut self.excess));
        (excess > 0.0).then(|| Duration::from_secs_f64(excess * PAUSE * REFILL / f64::from(self.resets.most)))
    }

    /// Notes bytes that the client was sent.
    pub(super) fn sent(&mut self, length: usize) {
        self.sent += length;
        self.control.earn(self.sent / EARNS);
        self.sent %= EARNS;
    }

    /// False when the bytes are a flood.
    fn pass(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            let wanted = if self.skip == 0 { (HEADER - self.read).min(bytes.len() - skipped) } else { 0 };
            let (Some(part), Some(rest)) = (bytes.get(skipped..skipped + wanted), bytes.get(skipped + wanted..)) else {
                return false;
            };
            if let Some(place) = self.header.get_mut(self.read..self.read + wanted) {
                place.copy_from_slice(part);
            }
            self.read += wanted;
            bytes = rest;
            if self.read == HEADER && !self.frame() {
                return false;
            }
        }
        true
    }

    fn frame(&mut self) -> bool {
        let [a, b, c, kind, flags, ..] = self.header;
        self.read = 0;
        self.skip = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let ends = flags & 1 == 1;
        match kind {
            DATA if self.skip > 0 || ends => true,
            HEADERS => {
                self.control.earn(1);
                true
            }
            RST_STREAM => {
                let taken = self.resets.take();
                self.excess += u32::from(taken && self.resets.is_low());
                taken
            }
            _ => self.control.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: u8 = 4;
    const PING: u8 = 6;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.resize(HEADER + usize::from(length), 0);
        frame
    }

    fn pairs(one: &[u8], other: &[u8]) -> Vec<Vec<u8>> {
        (0..99).flat_map(|_| [one.to_vec(), other.to_vec()]).collect()
    }

    /// How many of these frames pass, in parts of a few bytes each.
    fn passed(frames: &[Vec<u8>], part: usize) -> usize {
        let limits = Limits { control_frames: 3, resets: 2, ..Limits::default() };
        let flooded = Flooded::default();
        let mut scanner = FrameScanner::new(&limits, flooded.clone());
        scanner.received(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        let passed = frames.iter().take_while(|frame| frame.chunks(part).all(|part| scanner.received(part).is_ok()));
        let passed = passed.count();
        assert_eq!(flooded.get(), passed < frames.len());
        passed
    }

    #[test]
    fn rfc_9113_10_5_floods_are_noticed_however_they_are_cut() {
        for (frames, wanted) in [
            (vec![frame(PING, 0, 8); 9], 3),
            (vec![frame(SETTINGS, 0, 0); 9], 3),
            (vec![frame(9, 0, 200); 9], 3),
            (vec![frame(DATA, 0, 0); 9], 3),
            (vec![frame(77, 0, 1); 9], 3),
            (vec![frame(RST_STREAM, 0, 4); 9], 2),
            (pairs(&frame(HEADERS, 4, 10), &frame(RST_STREAM, 0, 4)), 5),
        ] {
            for part in [1, 2, 8, 9, 10, 1000] {
                assert_eq!(passed(&frames, part), wanted, "{frames:?} by {part}");
            }
        }
    }

    #[test]
    fn who_cancels_more_than_may_be_open_is_read_slower() {
        let limits = Limits { streams: 10, resets: 20, ..Limits::default() };
        let mut scanner = FrameScanner::new(&limits, Flooded::default());
        scanner.received(&[0; PREFACE]).unwrap();
        for (cancelled, wanted) in [(10, None), (1, Some(250)), (8, Some(2_000)), (0, None)] {
            scanner.received(&frame(RST_STREAM, 0, 4).repeat(cancelled)).unwrap();
            assert_eq!(scanner.pause(), wanted.map(Duration::from_millis), "{cancelled}");
        }
    }

    #[test]
    fn requests_and_bodies_are_no_flood() {
        for frames in [
            vec![frame(DATA, 0, 1); 99],
            vec![frame(DATA, 1, 0); 99],
            vec![frame(HEADERS, 5, 40); 99],
            pairs(&frame(HEADERS, 5, 40), &frame(8, 0, 4)),
        ] {
            assert_eq!(passed(&frames, 7), frames.len());
        }
    }
}
