//! One connection at the leader, from handshake to end.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Mutex;
use std::time::Duration;

use net_pingora_routing::ObjectKey;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

use super::gate::{Gate, Refusal};
use super::line::{self, Hello, Line, LineError, MAX_LINE};
use super::{MAX_OBJECTS, SILENCE};
use crate::election::Leadership;
use crate::report::{Event, Report};
use crate::served::Update;

/// For handshake, first line and review.
const ADMISSION: Duration = Duration::from_secs(10);
/// Bytes of the first line.
const MAX_HELLO: usize = 16 << 10;

/// What all connections share.
pub(crate) struct Hearing {
    acceptor: TlsAcceptor,
    gate: Gate,
    leadership: watch::Receiver<Leadership>,
    reports: mpsc::Sender<Report>,
    turns: Turns,
}

#[derive(Debug, thiserror::Error)]
enum NotAdmitted {
    #[error("not all was said within {} s", ADMISSION.as_secs())]
    Timeout,
    #[error("TLS handshake failed: {0}")]
    Handshake(io::Error),
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("{replica}: {refusal}")]
    Refused { replica: String, refusal: Refusal },
}

/// Why a replica is not heard any more.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("this replica leads no more")]
    Deposed,
    #[error("it has connected again")]
    Again,
    #[error("silent for {} s", SILENCE.as_secs())]
    Silent,
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("it changes something before it has told everything")]
    Order,
    #[error("it serves more than {MAX_OBJECTS} objects")]
    TooMany,
    #[error("nobody listens")]
    Unheard,
}

type Lines = BufReader<TlsStream<TcpStream>>;

impl Hearing {
    pub(crate) fn new(
        acceptor: TlsAcceptor,
        gate: Gate,
        leadership: watch::Receiver<Leadership>,
        reports: mpsc::Sender<Report>,
    ) -> Self {
        Self { acceptor, gate, leadership, reports, turns: Turns::default() }
    }

    /// Hears one replica out, as long as this one leads.
    pub(super) async fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        let mut deposed = pin!(deposed(self.leadership.clone()));
        let admitted = tokio::select! {
            biased;
            () = &mut deposed => return,
            admitted = timeout(ADMISSION, self.admit(stream)) => admitted.unwrap_or(Err(NotAdmitted::Timeout)),
        };
        let (replica, mut lines) = match admitted {
            Ok(admitted) => admitted,
            Err(reason) => return warn!(%peer, %reason, "a replica is refused"),
        };
        let mut turn = self.turns.next(&replica).await;
        let mut told = false;
        let reason = tokio::select! {
            biased;
            () = &mut deposed => Ended::Deposed,
            () = turn.over() => Ended::Again,
            Err(ended) = self.hear(&replica, &mut lines, &mut told) => ended,
        };
        info!(replica, %peer, %reason, "a replica is not heard any more");
        if told {
            // Nobody listens once the control plane has ended.
            let _ = self.tell(&replica, Event::Disconnected).await;
        }
    }

    async fn admit(&self, stream: TcpStream) -> Result<(String, Lines), NotAdmitted> {
        // Without it the connection is only slower.
        let _ = stream.set_nodelay(true);
        let stream = self.acceptor.accept(stream).await.map_err(NotAdmitted::Handshake)?;
        let mut lines = BufReader::new(stream);
        let Hello { replica, token } = Hello::parse(&line::read(&mut lines, MAX_HELLO).await?)?;
        match self.gate.admit(&replica, token).await {
            Ok(()) => Ok((replica, lines)),
            Err(refusal) => Err(NotAdmitted::Refused { replica, refusal }),
        }
    }

    async fn hear(&self, replica: &str, lines: &mut Lines, told: &mut bool) -> Result<Infallible, Ended> {
        let mut account = Account::default();
        loop {
            let line = timeout(SILENCE, line::read(lines, MAX_LINE)).await.map_err(|_| Ended::Silent)??;
            let Some(update) = account.enter(Line::parse(&line)?)? else { continue };
            match (update.all, *told) {
                (false, false) => return Err(Ended::Order),
                (true, _) => {
                    *told = true;
                    self.tell(replica, Event::Connected).await?;
                }
                (false, true) => {}
            }
            self.tell(replica, Event::Serves(update.changes)).await?;
        }
    }

    async fn tell(&self, replica: &str, event: Event) -> Result<(), Ended> {
        let report = Report { replica: replica.to_owned(), event };
        self.reports.send(report).await.map_err(|_| Ended::Unheard)
    }
}

/// Ends when this replica leads no more, or when the election has ended.
async fn deposed(mut leadership: watch::Receiver<Leadership>) {
    let _ = leadership.wait_for(|leadership| *leadership != Leadership::Us).await;
}

/// What a replica has said so far: lines that belong together, and how many objects it serves.
#[derive(Default)]
struct Account {
    update: Option<Update>,
    hasher: RandomState,
    /// By hash, which is enough to count them.
    objects: HashSet<u64>,
}

impl Account {
    /// Enters a line; returns the update that ends with it.
    fn enter(&mut self, line: Line) -> Result<Option<Update>, Ended> {
        if line.all {
            self.objects.clear();
            self.update = Some(Update { all: true, changes: Vec::new() });
        }
        let more = line.more;
        if self.update.is_none() && line.len() == 0 && !more {
            return Ok(None);
        }
        let update = self.update.get_or_insert_with(|| Update { all: false, changes: Vec::new() });
        for (key, version) in line.into_changes() {
            Self::count(&mut self.objects, self.hasher.hash_one::<&ObjectKey>(&key), version.is_some());
            update.changes.push((key, version));
        }
        if self.objects.len().max(update.changes.len()) > MAX_OBJECTS {
            return Err(Ended::TooMany);
        }
        Ok(if more { None } else { self.update.take() })
    }

    fn count(objects: &mut HashSet<u64>, object: u64, served: bool) {
        if served {
            objects.insert(object);
        } else {
            objects.remove(&object);
        }
    }
}

/// Sees to it that each replica is heard over its latest connection only.
#[derive(Default)]
struct Turns(Mutex<HashMap<String, Latest>>);

/// The latest connection of a replica; dropping `end` ends it, and `ended` tells when it has.
struct Latest {
    end: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

/// The right to tell what a replica says, until it is dropped.
struct Turn {
    over: oneshot::Receiver<()>,
    _ended: oneshot::Sender<()>,
}

impl Turns {
    /// Ends the replica's earlier connection, and waits until it has said its last word.
    async fn next(&self, replica: &str) -> Turn {
        let (end, over) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        let earlier = self.enter(replica, Latest { end, ended });
        if let Some(Latest { end, ended }) = earlier {
            drop(end);
            let _ = ended.await;
        }
        Turn { over, _ended: ending }
    }

    fn enter(&self, replica: &str, latest: Latest) -> Option<Latest> {
        let mut turns = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        turns.retain(|_, latest| !latest.end.is_closed());
        turns.insert(replica.to_owned(), latest)
    }
}

impl Turn {
    async fn over(&mut self) {
        let _ = (&mut self.over).await;
    }
}
