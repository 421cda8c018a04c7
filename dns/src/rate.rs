//! How many answers an address gets by UDP, where whoever asks may have forged it.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// Buckets: 128 KiB, however many addresses ask.
const BUCKETS: usize = 16_384;
/// Time whose answers may come at once.
const BURST: Duration = Duration::from_secs(1);

/// A rate of answers for each source address.
///
/// An address is in one bucket for ever, by a hash that nobody else can compute; those that meet in a bucket share
/// its rate.
#[derive(Debug)]
pub(crate) struct RateLimit {
    /// When the answers given would be due if they came at the rate (generic cell rate algorithm), in nanoseconds.
    due: Box<[u64]>,
    interval: u64,
    hasher: RandomState,
    started: Instant,
}

impl RateLimit {
    /// At most `rate` answers a second.
    pub(crate) fn new(rate: NonZeroU32) -> Self {
        let interval = Duration::from_secs(1) / rate.get();
        Self {
            due: vec![0; BUCKETS].into(),
            interval: nanoseconds(interval),
            hasher: RandomState::new(),
            started: Instant::now(),
        }
    }

    /// Whether an address gets one more answer at `now`.
    pub(crate) fn allows(&mut self, address: IpAddr, now: Instant) -> bool {
        let now = nanoseconds(now.saturating_duration_since(self.started));
        let hash = self.hasher.hash_one(network(address)).to_le_bytes();
        let bucket = usize::from(u16::from_le_bytes([hash[0], hash[1]])) % BUCKETS;
        let Some(due) = self.due.get_mut(bucket) else { return false };
        let next = now.max(*due).saturating_add(self.interval);
        let allowed = next - now <= nanoseconds(BURST);
        if allowed {
            *due = next;
        }
        allowed
    }
}

/// Whoever has an IPv6 address has all of its /64 (RFC 4291 §2.5.4); a mapped one is IPv4.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        ipv4 @ IpAddr::V4(_) => ipv4,
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: NonZeroU32 = NonZeroU32::new(10).unwrap();

    #[test]
    fn an_address_gets_its_rate_and_a_second_of_it_at_once() {
        let mut limit = RateLimit::new(RATE);
        let address = "192.0.2.1".parse().unwrap();
        let mut allowed = |at: u64, asked: usize| {
            let now = limit.started + Duration::from_millis(at);
            (0..asked).filter(|_| limit.allows(address, now)).count()
        };
        assert_eq!(allowed(0, 100), 10);
        assert_eq!(allowed(99, 100), 0);
        assert_eq!(allowed(100, 100), 1);
        assert_eq!(allowed(600, 100), 5);
        // What is not used does not add up.
        assert_eq!(allowed(60_000, 100), 10);
    }

    #[test]
    fn addresses_do_not_wait_for_each_other_except_in_a_network() {
        let mut limit = RateLimit::new(NonZeroU32::MIN);
        let now = limit.started;
        let mut allows = |address: &str| limit.allows(address.parse().unwrap(), now);
        assert!(allows("2001:db8::1") && !allows("2001:db8::ffff:2"));
        assert!(allows("192.0.2.1") && !allows("::ffff:192.0.2.1"));
        // Of so many buckets few are shared.
        let others = (0..1000_u32).filter(|index| allows(&format!("10.0.{}.{}", index / 256, index % 256))).count();
        assert!(others > 800, "{others}");
    }
}
