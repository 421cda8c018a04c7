//! Good traffic: a request every millisecond, whether or not earlier ones were answered.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout};

use super::client::{Client, Protocol};

/// From one request to the next, HTTP/1.1 and HTTP/2 in turns.
const EVERY: Duration = Duration::from_millis(1);

/// Connections of each protocol; when all wait for answers, one more is opened, for one answer.
const CONNECTIONS: usize = 32;

/// Requests of a connection before another one takes its place: who comes anew must be served too.
const REQUESTS: u32 = 100;

/// How long a request may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Different errors that are told.
const TOLD: usize = 3;

/// How long after it was due a request was answered, or why it was not.
type Answer = Result<Duration, String>;

/// The clients.
#[derive(Debug)]
pub(crate) struct Good {
    runtime: Runtime,
    clients: Arc<Clients>,
}

#[derive(Debug)]
struct Clients {
    at: SocketAddr,
    http1: Mutex<VecDeque<Client>>,
    http2: Mutex<VecDeque<Client>>,
}

/// What became of the requests of some time.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    answers: Vec<Answer>,
    /// How late the requests were sent, which is not the gateway's fault.
    late: Vec<Duration>,
}

impl Good {
    /// Clients on a thread of their own, connected.
    pub(crate) fn connect(at: SocketAddr) -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let clients = Clients { at, http1: Mutex::default(), http2: Mutex::default() };
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for _ in 0..CONNECTIONS {
                clients.put(protocol, runtime.block_on(Client::connect(at, protocol))?);
            }
        }
        Ok(Self { runtime, clients: Arc::new(clients) })
    }

    /// Asks for `time`, and waits for the last answer.
    pub(crate) fn ask(&self, time: Duration) -> anyhow::Result<Answers> {
        let clients = Arc::clone(&self.clients);
        Ok(self.runtime.block_on(self.runtime.spawn(ask_for(clients, time)))?)
    }
}

async fn ask_for(clients: Arc<Clients>, time: Duration) -> Answers {
    let (mut asked, mut late) = (JoinSet::new(), Vec::new());
    let mut schedule = interval(EVERY);
    for number in 0..time.as_millis() / EVERY.as_millis() {
        let protocol = if number % 2 == 0 { Protocol::Http1 } else { Protocol::Http2 };
        // What is late is made up for at once, and its delay counts.
        let due = schedule.tick().await;
        late.push(due.elapsed());
        let clients = Arc::clone(&clients);
        asked.spawn(async move { clients.ask(protocol, due).await });
    }
    Answers { answers: asked.join_all().await, late }
}

impl Clients {
    async fn ask(&self, protocol: Protocol, due: Instant) -> Answer {
        let asking = async {
            let mut client = match self.take(protocol) {
                Some(client) => client,
                None => Client::connect(self.at, protocol).await?,
            };
            client.ask().await?;
            self.put(protocol, client);
            anyhow::Ok(due.elapsed())
        };
        match timeout(PATIENCE, asking).await {
            Ok(answered) => answered.map_err(|error| format!("{protocol:?}: {error:#}")),
            Err(_) => Err(format!("{protocol:?}: not answered within {PATIENCE:?}")),
        }
    }

    /// The client that has waited longest, unless it has done its part.
    fn take(&self, protocol: Protocol) -> Option<Client> {
        let client = self.waiting(protocol).lock().unwrap_or_else(PoisonError::into_inner).pop_front()?;
        (client.answered < REQUESTS && !client.is_closed()).then_some(client)
    }

    fn put(&self, protocol: Protocol, client: Client) {
        let mut waiting = self.waiting(protocol).lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < CONNECTIONS {
            waiting.push_back(client);
        }
    }

    fn waiting(&self, protocol: Protocol) -> &Mutex<VecDeque<Client>> {
        match protocol {
            Protocol::Http1 => &self.http1,
            Protocol::Http2 => &self.http2,
        }
    }
}

impl Answers {
    pub(crate) fn count(&self) -> usize {
        self.answers.len()
    }

    /// Those of a later time belong to it too.
    pub(crate) fn add(&mut self, later: Self) {
        self.answers.extend(later.answers);
        self.late.extend(later.late);
    }

    /// What one request of a hundred took longer than; one that failed counts as the longest.
    pub(crate) fn p99(&self) -> Duration {
        p99(self.answers.iter().map(|answer| answer.as_ref().map_or(PATIENCE, |delay| *delay)).collect())
    }

    /// How late one request of a hundred was sent: if that is long, this machine was too busy to measure.
    pub(crate) fn late(&self) -> Duration {
        p99(self.late.clone())
    }

    pub(crate) fn failed(&self) -> usize {
        self.answers.iter().filter(|answer| answer.is_err()).count()
    }

    /// Why requests failed, and how many for each reason.
    pub(crate) fn reasons(&self) -> String {
        let mut reasons = BTreeMap::<_, usize>::new();
        for reason in self.answers.iter().filter_map(|answer| answer.as_ref().err()) {
            *reasons.entry(reason).or_default() += 1;
        }
        let told: Vec<_> = reasons.iter().take(TOLD).map(|(reason, count)| format!("{count} times {reason}")).collect();
        told.join("; ")
    }
}

fn p99(mut delays: Vec<Duration>) -> Duration {
    delays.sort_unstable();
    delays.get((delays.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_hundred_may_be_late_and_a_second_one_shows() {
        let soon = || Ok(Duration::from_millis(1));
        let of = |answers| Answers { answers, late: Vec::new() };
        let mut answers = of((0..99).map(|_| soon()).chain([Err("gone".to_owned())]).collect());
        assert_eq!(answers.p99(), Duration::from_millis(1));
        answers.add(of(vec![Err("gone".to_owned())]));
        assert_eq!(answers.p99(), PATIENCE);
        assert_eq!(answers.reasons(), "2 times gone");
    }
}
