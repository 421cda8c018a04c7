//! What attacks are made of, in a process of its own: connections from many addresses, held or flooded.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, sleep_until, timeout_at};

use super::frames::Frames;

/// Attackers have 127.0.0.2 and so on; the good are 127.0.0.1.
const ADDRESSES: u8 = 20;

/// How often a flood sends.
const TICKS_A_SECOND: u32 = 100;
const TICK: Duration = Duration::from_millis(1000 / TICKS_A_SECOND as u64);

/// A receive buffer of a client that does not mean to read.
const SMALL: u32 = 4096;

/// Where to attack, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    at: SocketAddr,
    began: Instant,
    until: Instant,
    counts: Arc<Counts>,
}

/// What was done.
#[derive(Debug, Default)]
struct Counts {
    opened: AtomicU64,
    refused: AtomicU64,
    ended: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
}

/// Connections that are held, and what is said on each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hold {
    /// How many.
    pub(crate) connections: u32,
    /// Said at once.
    pub(crate) opening: Vec<u8>,
    /// Said again and again after it.
    pub(crate) drip: Option<(u8, Duration)>,
    /// Whether nothing is ever read.
    pub(crate) deaf: bool,
}

/// Frames that are sent as fast as they are taken, within a bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    /// Connections at a time.
    pub(crate) connections: u32,
    /// Frames a second at most, on all connections together.
    pub(crate) frames: u32,
}

impl Field {
    pub(crate) fn new(at: SocketAddr, time: Duration) -> Self {
        let began = Instant::now();
        Self { at, began, until: began + time, counts: Arc::default() }
    }

    /// Holds connections; one that the gateway ends is opened anew.
    pub(crate) async fn hold(&self, hold: Hold) {
        let mut holding = JoinSet::new();
        // In a tenth of the time all are open.
        let ramp = (self.until - self.began) / 10;
        for number in 0..hold.connections {
            let (field, hold) = (self.clone(), hold.clone());
            holding.spawn(async move {
                sleep_until(field.began + ramp * number / hold.connections).await;
                while Instant::now() < field.until {
                    let Some(stream) = field.connect(number, hold.deaf).await else { continue };
                    let kept = timeout_at(field.until, field.keep(stream, &hold)).await;
                    note(&field.counts.ended, u64::from(kept.is_ok()));
                }
            });
        }
        holding.join_all().await;
    }

    /// Keeps a connection until the gateway ends it.
    async fn keep(&self, mut stream: TcpStream, hold: &Hold) -> std::io::Result<()> {
        self.say(&mut stream, &hold.opening).await?;
        let every = hold.drip.map_or(Duration::from_hours(1), |(_, every)| every);
        let mut unread = [0; 4096];
        loop {
            tokio::select! {
                () = sleep(every) => {
                    if let Some((byte, _)) = hold.drip {
                        self.say(&mut stream, &[byte]).await?;
                    }
                }
                read = stream.read(&mut unread), if !hold.deaf => if read? == 0 { return Ok(()) },
            }
        }
    }

    /// Floods over HTTP/2: `script` makes, for the connection of this number, what writes its next frames.
    pub(crate) async fn flood<S>(&self, flood: Flood, script: impl Fn(u32) -> S + Clone + Send + 'static)
    where
        S: FnMut(&mut Frames) + Send,
    {
        let mut flooding = JoinSet::new();
        for number in 0..flood.connections {
            let (field, script) = (self.clone(), script.clone());
            flooding.spawn(async move {
                let mut ticks = interval(TICK);
                // What the gateway was too slow to take is not made up for.
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                while Instant::now() < field.until {
                    let Some(stream) = field.connect(number, false).await else { continue };
                    let flooded = timeout_at(field.until, field.pour(stream, flood, &mut ticks, script(number))).await;
                    note(&field.counts.ended, u64::from(flooded.is_ok()));
                }
            });
        }
        flooding.join_all().await;
    }

    /// Sends frames until the gateway ends the connection.
    async fn pour(
        &self,
        stream: TcpStream,
        flood: Flood,
        ticks: &mut Interval,
        mut script: impl FnMut(&mut Frames),
    ) -> std::io::Result<()> {
        let share = u64::from(flood.frames / flood.connections / TICKS_A_SECOND);
        let (read, mut write) = stream.into_split();
        let mut ended = tokio::spawn(discard(read));
        write.write_all(&Frames::opening().bytes).await?;
        loop {
            // Before the first frames too: an attacker whose connections are ended has no more of them a second.
            tokio::select! {
                _ = &mut ended => return Ok(()),
                _ = ticks.tick() => {}
            }
            let mut frames = Frames::default();
            while frames.count < share {
                script(&mut frames);
            }
            tokio::select! {
                _ = &mut ended => return Ok(()),
                said = self.say(&mut write, &frames.bytes) => said?,
            }
            note(&self.counts.frames, frames.count);
        }
    }

    async fn say(&self, stream: &mut (impl AsyncWriteExt + Unpin), bytes: &[u8]) -> std::io::Result<()> {
        stream.write_all(bytes).await?;
        note(&self.counts.bytes, bytes.len() as u64);
        Ok(())
    }

    /// A new connection; after a while, if there is none.
    async fn connect(&self, number: u32, deaf: bool) -> Option<TcpStream> {
        let buffer = deaf.then_some(SMALL);
        if let Ok(Ok(stream)) = timeout_at(self.until, connect(self.at, number, buffer)).await {
            note(&self.counts.opened, 1);
            return Some(stream);
        }
        note(&self.counts.refused, 1);
        sleep(TICK).await;
        None
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { opened, refused, ended, frames, bytes } = &*self.counts;
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let per_second = |count: &AtomicU64| get(count) as f64 / self.began.elapsed().as_secs_f64();
        write!(f, "{} connections opened, {} ended by the gateway", get(opened), get(ended))?;
        write!(f, ", {} not let in, {:.0} bytes a second", get(refused), per_second(bytes))?;
        if get(frames) == 0 { Ok(()) } else { write!(f, ", {:.0} frames a second", per_second(frames)) }
    }
}

/// Connects from one of several addresses of loopback: one alone has too few ports, and might be held to less.
pub(crate) async fn connect(at: SocketAddr, number: u32, buffer: Option<u32>) -> std::io::Result<TcpStream> {
    let last = u8::try_from(number % u32::from(ADDRESSES)).unwrap_or_default() + 2;
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into())?;
    if let Some(buffer) = buffer {
        socket.set_recv_buffer_size(buffer)?;
    }
    socket.connect(at).await
}

fn note(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

/// Reads, so that the gateway can go on answering, until it ends the connection.
async fn discard(mut stream: OwnedReadHalf) {
    let mut unread = vec![0; 64 << 10];
    while stream.read(&mut unread).await.is_ok_and(|length| length > 0) {}
}
