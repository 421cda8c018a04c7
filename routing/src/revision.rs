//! Revisions of Knative's whose requests pass through us as they would pass through its activator: they wait here for
//! a pod that can take them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::{Demand, Endpoint, EndpointSet, InFlight, ObjectKey};

/// Up to this `containerConcurrency` the first pod with room is taken, so that others may go; above it, pods take
/// turns (`knative.dev/serving` `pkg/activator/net/throttler.go`).
const FIRST_FIT: u32 = 3;

/// One revision: what is asked of it, and who waits for a pod. It stays the same while its pods come and go.
#[derive(Debug)]
pub struct Revision {
    /// Its namespace and name.
    pub key: ObjectKey,
    /// What is asked of it.
    pub demand: Demand,
    waiting: AtomicUsize,
    turn: AtomicUsize,
    room: Notify,
    pods: Notify,
    probed: AtomicBool,
}

/// The pods of a revision that is served through us.
#[derive(Clone, Debug)]
pub struct Pods {
    /// The revision.
    pub revision: Arc<Revision>,
    /// Requests that a pod takes at once (`containerConcurrency`); 0 any number.
    pub concurrency: u32,
    /// From the arrival of a request until it must have a pod (`timeoutSeconds`).
    pub timeout: Duration,
    /// The replica of ours that gives out these pods, where that is not us: requests are passed on to it as long as
    /// it takes them.
    pub keeper: Option<Arc<Endpoint>>,
    /// Where a pod is probed, if not where it takes requests.
    pub probe_port: Option<u16>,
    /// Pods that Kubernetes calls ready.
    pub ready: EndpointSet,
    /// Pods that it does not call ready yet, and whose queue-proxy may be probed.
    pub starting: EndpointSet,
}

/// A place among those who wait for a pod; dropping it gives it up.
#[derive(Debug)]
pub struct Place<'a>(&'a Revision);

impl Revision {
    /// A revision nobody has asked for.
    pub fn new(key: ObjectKey) -> Arc<Self> {
        Arc::new(Self {
            key,
            demand: Demand::default(),
            waiting: AtomicUsize::new(0),
            turn: AtomicUsize::new(0),
            room: Notify::new(),
            pods: Notify::new(),
            probed: AtomicBool::new(false),
        })
    }

    /// Takes a place among those who wait, unless there are `most` already.
    pub fn wait(&self, most: usize) -> Option<Place<'_>> {
        let more = |waiting: usize| (waiting < most).then_some(waiting + 1);
        let place = self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Place(self));
        // Either we see the room that is made now, or who makes it sees us.
        fence(Ordering::SeqCst);
        place
    }

    /// How many wait for a pod.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Resolves when a pod may have room; to be enabled before a look for one. Only who waits, or makes room for who
    /// waits, takes its lock.
    pub fn room(&self) -> Notified<'_> {
        self.room.notified()
    }

    /// Resolves when the pods are others, or one is doubted: for who probes them.
    pub fn other_pods(&self) -> Notified<'_> {
        self.pods.notified()
    }

    /// Whether nobody probes the pods yet: who is told so does it from now on.
    pub fn begin_probing(&self) -> bool {
        !self.probed.swap(true, Ordering::AcqRel)
    }

    /// Who has probed the pods has ended, and looks once more whether anybody waits.
    pub fn end_probing(&self) {
        self.probed.store(false, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// The pods are others, or one may be chosen that might not before: all who wait look again.
    pub fn wake(&self) {
        self.room.notify_waiters();
        self.pods.notify_one();
    }

    /// A pod has room for one more: who has waited longest looks again.
    pub fn wake_one(&self) {
        fence(Ordering::SeqCst);
        if self.waiting() > 0 {
            self.room.notify_one();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pods {
    /// A pod with room for a request, which is counted there until the guard is dropped.
    pub fn take(&self, random: u64) -> Option<InFlight> {
        if self.concurrency == 0 {
            return self.any(random);
        }
        let count = self.usable().count();
        let first = if self.concurrency > FIRST_FIT { self.revision.turn.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let mut pods = self.usable().cycle().skip(first.checked_rem(count)?).take(count);
        pods.find_map(|pod| pod.enter_below(self.concurrency))
    }

    /// Whether some pod has room for a request.
    pub fn have_room(&self) -> bool {
        self.usable().any(|pod| self.concurrency == 0 || pod.in_flight() < self.concurrency)
    }

    /// The less loaded of two, as long as Kubernetes calls any ready.
    fn any(&self, random: u64) -> Option<InFlight> {
        let picked = self.ready.pick(random, &[]).filter(|endpoint| !endpoint.is_doubted());
        if let Some(endpoint) = picked {
            return Some(endpoint.enter());
        }
        self.usable().min_by_key(|pod| pod.in_flight()).map(Endpoint::enter)
    }

    /// The pods that may be chosen, those that Kubernetes calls ready first.
    fn usable(&self) -> impl Iterator<Item = &Arc<Endpoint>> + Clone {
        let ready = self.ready.as_slice().iter().filter(|pod| !pod.is_doubted());
        ready.chain(self.starting.as_slice().iter().filter(|pod| pod.is_proven()))
    }

    /// The pods to be probed.
    pub fn unproven(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        let ready = self.ready.as_slice().iter().filter(|pod| pod.is_doubted());
        ready.chain(self.starting.as_slice().iter().filter(|pod| !pod.is_proven()))
    }

    /// Whether no pod could take a request, however few others did.
    pub fn is_cold(&self) -> bool {
        self.usable().next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn set(last: impl IntoIterator<Item = u8>) -> EndpointSet {
        EndpointSet::new(last.into_iter().map(address), &EndpointSet::default())
    }

    fn address(last: u8) -> SocketAddr {
        ([10, 0, 0, last], 8012).into()
    }

    fn pods(concurrency: u32, ready: EndpointSet, starting: EndpointSet) -> Pods {
        let revision = Revision::new(ObjectKey::new("default", "hello-00001"));
        let timeout = Duration::from_mins(5);
        Pods { revision, concurrency, timeout, keeper: None, probe_port: None, ready, starting }
    }

    fn last(taken: &InFlight) -> u8 {
        (1..=9).find(|&last| address(last) == taken.endpoint().address).unwrap()
    }

    #[test]
    fn a_pod_never_takes_more_than_its_container_concurrency() {
        for concurrency in [1, 3, 4, 10] {
            let pods = pods(concurrency, set(1..=3), set([]));
            let taken: Vec<_> = std::iter::from_fn(|| pods.take(7)).take(100).collect();
            assert_eq!(taken.len(), 3 * concurrency as usize);
            for pod in pods.ready.as_slice() {
                assert_eq!(pod.in_flight(), concurrency);
            }
            assert!(!pods.have_room());
            drop(taken);
            assert!(pods.have_room());
        }
    }

    #[test]
    fn few_at_once_go_to_the_first_pod_with_room_and_many_in_turns() {
        for (concurrency, wanted) in [(2, [1, 1, 2, 2]), (4, [1, 2, 3, 1])] {
            let pods = pods(concurrency, set(1..=3), set([]));
            let taken = [(); 4].map(|()| pods.take(0).unwrap());
            assert_eq!(taken.each_ref().map(last), wanted, "{concurrency}");
        }
    }

    #[test]
    fn a_pod_is_chosen_when_kubernetes_or_its_queue_proxy_says_so_and_no_connect_failed_since() {
        for concurrency in [0, 1, 10] {
            let pods = pods(concurrency, set([1]), set([2]));
            let (ready, starting) = (&pods.ready.as_slice()[0], &pods.starting.as_slice()[0]);
            let chosen = || pods.take(0).map(|taken| last(&taken));
            let asked = || pods.unproven().map(|pod| pod.address).collect::<Vec<_>>();
            assert_eq!((chosen(), asked()), (Some(1), vec![address(2)]));
            ready.doubt();
            assert_eq!((chosen(), asked()), (None, vec![address(1), address(2)]));
            assert!(pods.is_cold());
            starting.prove();
            assert_eq!((chosen(), asked()), (Some(2), vec![address(1)]));
            ready.prove();
            starting.doubt();
            assert_eq!((chosen(), asked()), (Some(1), vec![address(2)]));
        }
    }

    #[test]
    fn places_to_wait_are_bounded_and_given_back() {
        let revision = Revision::new(ObjectKey::new("default", "hello-00001"));
        let places = [revision.wait(2), revision.wait(2)];
        assert!(revision.wait(2).is_none() && revision.waiting() == 2);
        drop(places);
        assert_eq!(revision.waiting(), 0);
        assert!(revision.wait(1).is_some());
    }
}
