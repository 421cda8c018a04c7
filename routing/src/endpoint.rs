//! The endpoints of a backend, and the choice between them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use crate::outlier::{self, Outlier, Standing};

/// One address that serves a backend.
#[derive(Debug)]
pub struct Endpoint {
    /// Where to connect to.
    pub address: SocketAddr,
    in_flight: AtomicU32,
    outlier: Outlier,
    proof: AtomicU8,
}

/// Nothing is known of an endpoint but what Kubernetes says.
const UNPROVEN: u8 = 0;
/// It has said itself that it is ready.
const PROVEN: u8 = 1;
/// It has not taken a connection since it was ready.
const DOUBTED: u8 = 2;

impl Endpoint {
    /// An endpoint that carries no request yet.
    pub fn new(address: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            address,
            in_flight: AtomicU32::new(0),
            outlier: Outlier::default(),
            proof: AtomicU8::new(UNPROVEN),
        })
    }

    /// Requests this endpoint is serving for us right now.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts one request until the guard is dropped.
    pub fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// Counts one request until the guard is dropped, unless `limit` are counted already.
    pub fn enter_below(self: &Arc<Self>, limit: u32) -> Option<InFlight> {
        let more = |in_flight: u32| (in_flight < limit).then_some(in_flight + 1);
        let entered = self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        entered.ok().map(|_| InFlight(Arc::clone(self)))
    }

    /// The endpoint has said that it is ready.
    pub fn prove(&self) {
        self.proof.store(PROVEN, Ordering::Relaxed);
    }

    /// The endpoint has not taken a connection: it is to say anew whether it is ready.
    pub fn doubt(&self) {
        self.proof.store(DOUBTED, Ordering::Relaxed);
    }

    /// What the endpoint has said is of no worth any more.
    pub fn unprove(&self) {
        self.proof.store(UNPROVEN, Ordering::Relaxed);
    }

    /// Whether it has said that it is ready.
    pub fn is_proven(&self) -> bool {
        self.proof.load(Ordering::Relaxed) == PROVEN
    }

    /// Whether it has to say anew that it is ready.
    pub fn is_doubted(&self) -> bool {
        self.proof.load(Ordering::Relaxed) == DOUBTED
    }

    /// Counts a connect that failed. After `limit` of them in a row the endpoint is left out of the
    /// choice for a while, 1 s at first and 30 s at most; says whether that begins now. 0 never.
    pub fn connect_failed(&self, limit: u16) -> bool {
        limit > 0 && self.outlier.failed(limit, outlier::clock())
    }

    /// The endpoint serves: its failures are forgotten, and it is chosen like any other.
    pub fn serves(&self) {
        self.outlier.succeeded();
    }
}

/// One request in flight at an endpoint; dropping it ends the count.
#[derive(Debug)]
pub struct InFlight(Arc<Endpoint>);

impl InFlight {
    /// The endpoint that is counted.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The ready endpoints of a backend.
#[derive(Clone, Debug, Default)]
pub struct EndpointSet(Arc<[Arc<Endpoint>]>);

impl EndpointSet {
    /// The set with these addresses; an endpoint that `previous` has too is kept with all it has counted.
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>, previous: &Self) -> Self {
        Self::keeping(addresses, &[previous])
    }

    /// The same, where an endpoint may be known from several sets.
    pub fn keeping(addresses: impl IntoIterator<Item = SocketAddr>, previous: &[&Self]) -> Self {
        let mut addresses: Vec<_> = addresses.into_iter().collect();
        addresses.sort_unstable();
        addresses.dedup();
        let known = |address| previous.iter().find_map(|set| set.get(address));
        let keep = |address| known(address).map_or_else(|| Endpoint::new(address), Arc::clone);
        Self(addresses.into_iter().map(keep).collect())
    }

    /// The endpoint with an address.
    pub fn get(&self, address: SocketAddr) -> Option<&Arc<Endpoint>> {
        let at = self.0.binary_search_by_key(&address, |endpoint| endpoint.address).ok()?;
        self.0.get(at)
    }

    /// All endpoints, by address.
    pub fn as_slice(&self) -> &[Arc<Endpoint>] {
        &self.0
    }

    /// The less loaded of two random choices, none of them in `tried` while others are left.
    ///
    /// Endpoints that took no connections are left out, unless all are: then none is. The cost does
    /// not depend on the number of endpoints as long as nothing was tried and none is left out.
    pub fn pick(&self, random: u64, tried: &[SocketAddr]) -> Option<&Arc<Endpoint>> {
        self.pick_at(random, tried, outlier::clock)
    }

    fn pick_at(&self, random: u64, tried: &[SocketAddr], now: impl Fn() -> u64) -> Option<&Arc<Endpoint>> {
        if tried.is_empty() {
            return pick_of(self.0.len(), random, |at| self.0.get(at), now);
        }
        let fresh: Vec<_> = self.0.iter().filter(|endpoint| !tried.contains(&endpoint.address)).collect();
        pick_of(fresh.len(), random, |at| fresh.get(at).copied(), now)
    }
}

/// One of `count` endpoints: usually the less loaded of two, and the last one whatever it has done.
fn pick_of<'a>(
    count: usize,
    random: u64,
    get: impl Fn(usize) -> Option<&'a Arc<Endpoint>>,
    now: impl Fn() -> u64,
) -> Option<&'a Arc<Endpoint>> {
    let (first, second) = draw(count, random, &get)?;
    if count == 1 {
        return Some(first);
    }
    match first.outlier.standing(&now) {
        Standing::Trial => return Some(first),
        Standing::In => match second.outlier.standing(&now) {
            Standing::In => return Some(less_loaded(first, second)),
            Standing::Trial => return Some(second),
            Standing::Out => return Some(first),
        },
        Standing::Out => {}
    }
    let mut left = Vec::new();
    for endpoint in (0..count).filter_map(&get) {
        match endpoint.outlier.standing(&now) {
            Standing::Trial => return Some(endpoint),
            Standing::In => left.push(endpoint),
            Standing::Out => {}
        }
    }
    let drawn = draw(left.len(), random, |at| left.get(at).copied());
    let (first, second) = drawn.unwrap_or((first, second));
    Some(less_loaded(first, second))
}

/// Power of two choices: each half of `random` draws one of `count`, without repetition.
fn draw<T>(count: usize, random: u64, get: impl Fn(usize) -> Option<T>) -> Option<(T, T)> {
    let first_at = scaled(random, count);
    let first = get(first_at)?;
    let step = 1 + scaled(random << 32, count - 1);
    Some((first, get((first_at + step) % count)?))
}

fn less_loaded<'a>(first: &'a Arc<Endpoint>, second: &'a Arc<Endpoint>) -> &'a Arc<Endpoint> {
    if second.in_flight() < first.in_flight() { second } else { first }
}

/// Maps the upper half of `random` onto `0..below` without a division.
fn scaled(random: u64, below: usize) -> usize {
    (((random >> 32) * below as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(count: u16) -> impl Iterator<Item = SocketAddr> {
        (1..=count).map(|port| SocketAddr::from(([10, 0, 0, 1], port)))
    }

    #[test]
    fn the_less_loaded_of_two_is_picked() {
        let set = EndpointSet::new(addresses(2), &EndpointSet::default());
        let _busy = set.as_slice()[0].enter();
        for random in [0, u64::MAX, 1 << 63, 0x1234_5678_9abc_def0] {
            assert_eq!(set.pick(random, &[]).unwrap().address.port(), 2, "{random:x}");
        }
    }

    #[test]
    fn every_endpoint_is_reached_and_none_beyond_the_set() {
        let set = EndpointSet::new(addresses(7), &EndpointSet::default());
        let mut seen = [0_u32; 8];
        for n in 0..10_000_u64 {
            let random = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            seen[usize::from(set.pick(random, &[]).unwrap().address.port())] += 1;
        }
        assert!(seen[1..].iter().all(|&count| count > 1_000), "{seen:?}");
    }

    #[test]
    fn what_was_tried_is_not_tried_again_and_then_there_is_nothing() {
        let set = EndpointSet::new(addresses(2), &EndpointSet::default());
        let mut tried = Vec::new();
        for _ in 0..2 {
            let picked = set.pick(7 << 40, &tried).unwrap().address;
            assert!(!tried.contains(&picked));
            tried.push(picked);
        }
        assert!(set.pick(7 << 40, &tried).is_none());
    }

    /// Ports that are picked at a time, over many random numbers.
    fn picked(set: &EndpointSet, tried: &[SocketAddr], now: u64) -> Vec<u16> {
        let random = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut ports: Vec<_> =
            (0..1_000).map(|n| set.pick_at(random(n), tried, || now).unwrap().address.port()).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    #[test]
    fn what_takes_no_connections_is_left_out_until_none_is_left() {
        for (count, failing, tried, wanted) in [
            (4, vec![], vec![], vec![1, 2, 3, 4]),
            (4, vec![2], vec![], vec![1, 3, 4]),
            (4, vec![1, 2, 4], vec![], vec![3]),
            (4, vec![1, 2, 3, 4], vec![], vec![1, 2, 3, 4]),
            (4, vec![2], vec![1], vec![3, 4]),
            (4, vec![2, 3, 4], vec![1], vec![2, 3, 4]),
            (2, vec![1], vec![2], vec![1]),
            (1, vec![1], vec![], vec![1]),
        ] {
            let set = EndpointSet::new(addresses(count), &EndpointSet::default());
            for &port in &failing {
                set.as_slice()[port - 1].outlier.failed(1, 0);
            }
            let tried: Vec<_> = addresses(count).filter(|address| tried.contains(&address.port())).collect();
            assert_eq!(picked(&set, &tried, 500), wanted, "{count} endpoints, {failing:?} fail, {tried:?} tried");
        }
    }

    #[test]
    fn one_request_tries_an_endpoint_whose_time_has_come() {
        let set = EndpointSet::new(addresses(3), &EndpointSet::default());
        set.as_slice()[0].outlier.failed(1, 0);
        let picks = (0..1_000_u64).map(|n| set.pick_at(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), &[], || 1_000).unwrap());
        assert_eq!(picks.filter(|endpoint| endpoint.address.port() == 1).count(), 1);
        set.as_slice()[0].serves();
        assert_eq!(picked(&set, &[], 1_001), [1, 2, 3]);
    }

    #[test]
    fn an_endpoint_that_stays_keeps_its_count() {
        let before = EndpointSet::new(addresses(3), &EndpointSet::default());
        let request = before.as_slice()[1].enter();
        before.as_slice()[1].outlier.failed(1, 0);
        let after = EndpointSet::new(addresses(5), &before);
        assert_eq!(after.as_slice()[1].in_flight(), 1);
        assert_eq!(picked(&after, &[], 0), [1, 3, 4, 5]);
        drop(request);
        assert_eq!(after.as_slice()[1].in_flight(), 0);
    }
}
