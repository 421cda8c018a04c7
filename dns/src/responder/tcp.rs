//! Queries on connections (RFC 7766).

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{Id, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::{PAUSE, Settings};
use crate::rate::network;
use crate::service::Service;

/// Octets of a query; a longer one ends its connection.
const LARGEST: u16 = 4096;

/// All open connections.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    most_of_one: usize,
    timeout: Duration,
    service: Arc<Service>,
    tasks: JoinSet<()>,
    /// Whose connection a task serves; counted when one more comes, over a number that is bounded.
    owners: HashMap<Id, IpAddr>,
}

impl Connections {
    pub(super) fn new(settings: &Settings, service: Arc<Service>) -> Self {
        Self {
            most: settings.max_tcp_connections,
            most_of_one: settings.max_tcp_connections_per_address,
            timeout: settings.tcp_timeout,
            service,
            tasks: JoinSet::new(),
            owners: HashMap::new(),
        }
    }

    /// Accepts for ever; dropping it ends all connections.
    pub(super) async fn serve(mut self, listeners: Vec<TcpListener>) {
        loop {
            let accepted = tokio::select! {
                accepted = poll_fn(|context| accept(&listeners, context)) => accepted,
                Some(ended) = self.tasks.join_next_with_id() => {
                    self.owners.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
                    continue;
                }
            };
            match accepted {
                Ok((stream, peer)) => self.begin(stream, peer),
                Err(error) => {
                    warn!(%error, "cannot accept a DNS connection");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection, or closes it if there are too many.
    fn begin(&mut self, stream: TcpStream, peer: SocketAddr) {
        let owner = network(peer.ip());
        let of_one = self.owners.values().filter(|other| **other == owner).count();
        if self.owners.len() >= self.most || of_one >= self.most_of_one {
            debug!(%peer, of_one, in_all = self.owners.len(), "too many DNS connections");
            return;
        }
        let (service, patience) = (Arc::clone(&self.service), self.timeout);
        let task = self.tasks.spawn(async move {
            if let Err(error) = connection(stream, &service, patience).await {
                debug!(%error, %peer, "DNS connection ended");
            }
        });
        self.owners.insert(task.id(), owner);
    }
}

/// The next connection of any listener.
fn accept(listeners: &[TcpListener], context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
    let accepted = listeners.iter().map(|listener| listener.poll_accept(context)).find(Poll::is_ready);
    accepted.unwrap_or(Poll::Pending)
}

/// Answers the queries of a connection in their order, until its client has no more or takes too long.
async fn connection(stream: TcpStream, service: &Service, patience: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(usize::from(LARGEST), stream);
    let mut query = Vec::new();
    while timeout(patience, exchange(&mut stream, &mut query, service)).await?? {}
    Ok(())
}

/// Answers one query; `false` when there is none, or none that can be answered.
async fn exchange(stream: &mut BufReader<TcpStream>, query: &mut Vec<u8>, service: &Service) -> io::Result<bool> {
    let length = match stream.read_u16().await {
        Ok(length) if length <= LARGEST => length,
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        Err(error) => return Err(error),
    };
    query.resize(usize::from(length), 0);
    stream.read_exact(query).await?;
    let Some(answer) = service.message(query) else { return Ok(false) };
    // Length and answer in one segment: RFC 7766 §8.
    let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
    let framed = [&length.to_be_bytes()[..], &answer].concat();
    stream.write_all(&framed).await?;
    Ok(true)
}
