use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use super::elector::{HOLD, LEASE, LOOK};
use super::*;
use crate::testing::{ApiServer, LEASE as NAME, Link, NAMESPACE, Network};

/// More than a few API calls without delay take in virtual time.
const MOMENT: Duration = Duration::from_millis(20);

struct Replica {
    me: Leader,
    leadership: watch::Receiver<Leadership>,
    retire: Retire,
    link: Link,
    task: AbortHandle,
}

impl Replica {
    fn leads(&self) -> bool {
        *self.leadership.borrow() == Leadership::Us
    }

    fn knows(&self) -> Leadership {
        self.leadership.borrow().clone()
    }
}

#[derive(Default)]
struct Stage {
    server: ApiServer,
    tasks: JoinSet<()>,
    replicas: Vec<Replica>,
}

impl Stage {
    fn of(replicas: u8) -> Self {
        let mut stage = Self::default();
        (0..replicas).for_each(|number| stage.join(number));
        stage
    }

    fn join(&mut self, number: u8) {
        let address = Some(SocketAddr::from(([10, 0, 0, number], 9002)));
        let me = Leader { identity: format!("pod-{number}"), address, fingerprint: [number; 32] };
        let (client, link) = self.server.client();
        let (election, leadership, retire) = Election::new(client, NAMESPACE, NAME, me.clone());
        let task = self.tasks.spawn(election.run());
        self.replicas.push(Replica { me, leadership, retire, link, task });
    }

    fn leaders(&self) -> Vec<usize> {
        (0..self.replicas.len()).filter(|number| self.replicas[*number].leads()).collect()
    }

    /// The only leader, once there is one other than `before`, and how long that took.
    async fn leader_after(&self, before: Option<usize>) -> (usize, Duration) {
        let start = Instant::now();
        loop {
            match self.leaders()[..] {
                [leader] if Some(leader) != before => return (leader, start.elapsed()),
                _ => sleep(Duration::from_millis(5)).await,
            }
            assert!(start.elapsed() < Duration::from_mins(1), "nobody leads");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_of_many_leads_and_the_others_know_which() {
    let stage = Stage::of(5);
    let (leader, took) = stage.leader_after(None).await;
    assert!(took < MOMENT, "{took:?}");
    sleep(LOOK + MOMENT).await;
    for (number, replica) in stage.replicas.iter().enumerate() {
        let wanted =
            if number == leader { Leadership::Us } else { Leadership::Other(stage.replicas[leader].me.clone()) };
        assert_eq!(replica.knows(), wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_leader_is_replaced_within_lease_and_look() {
    for phase in 0..10 {
        let stage = Stage::of(3);
        let (leader, _) = stage.leader_after(None).await;
        sleep(Duration::from_millis(7000 + phase * 200)).await;
        stage.replicas[leader].task.abort();
        let others =
            Stage { replicas: stage.replicas.into_iter().filter(|replica| !replica.leads()).collect(), ..stage };
        let (_, took) = others.leader_after(None).await;
        assert!(took > HOLD && took <= LEASE + LOOK + MOMENT, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_retires_is_followed_at_once_and_leads_never_again() {
    let stage = Stage::of(2);
    let (leader, _) = stage.leader_after(None).await;
    sleep(LOOK * 3).await;
    stage.replicas[leader].retire.retire().await;
    assert!(!stage.replicas[leader].leads());
    let (next, took) = stage.leader_after(Some(leader)).await;
    assert!(took <= LOOK + MOMENT, "{took:?}");
    sleep(LOOK * 2).await;
    assert_eq!(stage.replicas[leader].knows(), Leadership::Other(stage.replicas[next].me.clone()));
    stage.replicas[next].task.abort();
    sleep(LEASE * 3).await;
    assert!(!stage.replicas[leader].leads());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_stops_before_another_starts() {
    for network in [Network::Cut, Network::Deaf, Network::Failing] {
        let stage = Stage::of(2);
        let (leader, _) = stage.leader_after(None).await;
        sleep(LEASE).await;
        let cut = Instant::now();
        stage.replicas[leader].link.set(network);
        while stage.replicas[leader].leads() {
            assert!(stage.leaders().len() < 2, "{network:?}");
            sleep(Duration::from_millis(5)).await;
        }
        assert!(cut.elapsed() <= HOLD + MOMENT, "{network:?} {:?}", cut.elapsed());
        assert_eq!(stage.replicas[leader].knows(), Leadership::Unknown);
        if network == Network::Deaf {
            // It goes on to write, so that nobody else may take the Lease.
            continue;
        }
        let (next, _) = stage.leader_after(None).await;
        stage.replicas[leader].link.set(Network::Good);
        sleep(LEASE).await;
        assert_eq!(stage.leaders(), [next]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_does_not_make_the_lead_last_longer() {
    let stage = Stage::of(1);
    stage.leader_after(None).await;
    // A second to read and one to write: renewals are sent 9, 11 and so on seconds after the first.
    stage.replicas[0].link.set(Network::Slow(Duration::from_secs(1)));
    sleep(Duration::from_millis(11_500)).await;
    stage.replicas[0].link.set(Network::Cut);
    sleep(Duration::from_millis(7_400)).await;
    assert!(stage.replicas[0].leads());
    sleep(Duration::from_millis(200)).await;
    assert!(!stage.replicas[0].leads());
}

#[tokio::test(start_paused = true)]
async fn without_an_api_server_the_last_leader_is_remembered_and_leads_no_more() {
    let stage = Stage::of(2);
    let (leader, _) = stage.leader_after(None).await;
    sleep(LEASE).await;
    let last = Leadership::Other(stage.replicas[leader].me.clone());
    stage.replicas.iter().for_each(|replica| replica.link.set(Network::Cut));
    sleep(Duration::from_mins(2)).await;
    assert!(stage.leaders().is_empty());
    assert_eq!(stage.replicas[1 - leader].knows(), last);
    stage.replicas.iter().for_each(|replica| replica.link.set(Network::Good));
    let (_, took) = stage.leader_after(None).await;
    assert!(took <= CALL + LOOK + MOMENT, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn whatever_the_network_does_no_two_lead_and_one_does_once_it_is_good() {
    for seed in 0..30 {
        let mut random = fastrand::Rng::with_seed(seed);
        let stage = Stage::of(3);
        for _ in 0..40 {
            let replica = &stage.replicas[random.usize(..3)];
            let delay = Duration::from_millis(random.u64(..4000));
            let good = Network::Good;
            let networks = [good, good, Network::Slow(delay), Network::Cut, Network::Deaf, Network::Failing];
            replica.link.set(networks[random.usize(..networks.len())]);
            let until = Instant::now() + Duration::from_millis(random.u64(..6000));
            while Instant::now() < until {
                assert!(stage.leaders().len() < 2, "seed {seed}");
                sleep(Duration::from_millis(5)).await;
            }
        }
        stage.replicas.iter().for_each(|replica| replica.link.set(Network::Good));
        // Requests on their way may still be slow.
        let (_, took) = stage.leader_after(None).await;
        assert!(took <= LEASE + LOOK + CALL + MOMENT, "seed {seed}: {took:?}");
    }
}
