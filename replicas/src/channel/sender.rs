//! Tells the leader, whoever that is, what this replica serves.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls;
use tracing::{info, warn};

use super::line::{self, Hello, Line, LineError};
use super::{HEARTBEAT, SILENCE, tls};
use crate::election::{Fingerprint, Leader, Leadership};
use crate::report::{Event, Report};
use crate::served::Served;

/// For connection and handshake.
const CONNECT: Duration = Duration::from_secs(2);
/// The first and the longest pause before the next try.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// Tells the leader what this replica serves.
pub(crate) struct Sender {
    /// Name of this pod.
    pub(crate) identity: String,
    pub(crate) served: Served,
    pub(crate) leadership: watch::Receiver<Leadership>,
    /// Where this replica tells itself.
    pub(crate) reports: mpsc::Sender<Report>,
    /// With a token of this pod; none where there is no pod, and so no leader to tell.
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("cannot read the token file {}: {error}; mount a service-account token of the audience net-pingora there", file.display())]
    Token { file: PathBuf, error: io::Error },
    #[error("no connection within {} s", CONNECT.as_secs())]
    Timeout,
    #[error("it has closed the connection; its log says why")]
    Closed,
    #[error(transparent)]
    Io(io::Error),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    #[error(transparent)]
    Line(#[from] LineError),
}

impl From<io::Error> for SendError {
    fn from(error: io::Error) -> Self {
        if line::is_end(&error) { Self::Closed } else { Self::Io(error) }
    }
}

impl Sender {
    /// Tells for ever.
    pub(crate) async fn run(self) {
        let mut leadership = self.leadership.clone();
        loop {
            let leader = leadership.borrow_and_update().clone();
            let told = async {
                match (&leader, &self.token_file) {
                    (Leadership::Us, _) => self.tell_self().await,
                    (Leadership::Other(leader), Some(token_file)) => match self.tell(leader, token_file).await {},
                    (Leadership::Other(_) | Leadership::Unknown, _) => {}
                }
                pending().await
            };
            let changed = tokio::select! {
                changed = leadership.changed() => changed,
                never = told => never,
            };
            if changed.is_err() {
                return;
            }
            if leader == Leadership::Us {
                let _ = self.report(Event::Disconnected).await;
            }
        }
    }

    /// The leader hears itself without a connection.
    async fn tell_self(&self) {
        let mut feed = self.served.feed();
        loop {
            let update = feed.next().await;
            if update.all && self.report(Event::Connected).await.is_err() {
                return;
            }
            if self.report(Event::Serves(update.changes)).await.is_err() {
                return;
            }
        }
    }

    async fn report(&self, event: Event) -> Result<(), mpsc::error::SendError<Report>> {
        self.reports.send(Report { replica: self.identity.clone(), event }).await
    }

    /// Connects again and again.
    async fn tell(&self, leader: &Leader, token_file: &Path) -> Infallible {
        let Some(address) = leader.address else { return pending().await };
        let (mut pause, mut logged) = (PAUSES.0, String::new());
        loop {
            let (error, lasted) = self.tell_once(address, leader.fingerprint, token_file).await;
            if lasted > PAUSES.1 {
                (pause, logged) = (PAUSES.0, String::new());
            }
            let reason = error.to_string();
            if logged != reason {
                let leader = &leader.identity;
                if let SendError::Closed = error {
                    info!(leader, %reason, "the leader does not hear this replica");
                } else {
                    warn!(leader, %reason, "the leader does not hear this replica");
                }
                logged = reason;
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Tells until the connection fails; returns why it has, and how long it lasted.
    async fn tell_once(&self, address: SocketAddr, accepted: Fingerprint, token_file: &Path) -> (SendError, Duration) {
        match self.open(address, accepted, token_file).await {
            Ok(stream) => {
                let began = Instant::now();
                let Err(error) = self.feed(stream).await;
                (error, began.elapsed())
            }
            Err(error) => (error, Duration::ZERO),
        }
    }

    async fn open(
        &self,
        address: SocketAddr,
        accepted: Fingerprint,
        token_file: &Path,
    ) -> Result<TlsStream<TcpStream>, SendError> {
        let token = tokio::fs::read_to_string(token_file)
            .await
            .map_err(|error| SendError::Token { file: token_file.to_owned(), error })?;
        let mut stream = timeout(CONNECT, connect(address, accepted)).await.map_err(|_| SendError::Timeout)??;
        let hello = Hello { replica: self.identity.clone(), token: token.trim().to_owned() };
        stream.write_all(&line::encode(&hello)?).await?;
        Ok(stream)
    }

    async fn feed(&self, mut stream: TlsStream<TcpStream>) -> Result<Infallible, SendError> {
        let mut feed = self.served.feed();
        loop {
            let mut unasked = [0];
            let lines = tokio::select! {
                update = feed.next() => Line::of(update),
                () = sleep(HEARTBEAT) => vec![Line::default()],
                // It says nothing, so that this is its end.
                read = stream.read(&mut unasked) => return Err(read.map_or_else(SendError::from, |_| SendError::Closed)),
            };
            for line in lines {
                stream.write_all(&line::encode(&line)?).await?;
            }
            stream.flush().await?;
        }
    }
}

async fn connect(address: SocketAddr, fingerprint: Fingerprint) -> Result<TlsStream<TcpStream>, SendError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    // A leader that is cut off acknowledges nothing; without it, that is noticed after a quarter of an hour.
    SockRef::from(&stream).set_tcp_user_timeout(Some(SILENCE))?;
    let (connector, name) = tls::connector(fingerprint)?;
    Ok(connector.connect(name, stream).await?)
}
