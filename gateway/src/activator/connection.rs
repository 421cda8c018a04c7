//! The connection to the autoscaler: a WebSocket that is opened again whenever it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::observe::metrics::ActivatorMetrics;
use crate::settings::Autoscaler;
use crate::upstream::Names;
use crate::upstream::dns::NameError;

/// Frames that wait to be sent; what comes when there are as many is out of date before it is read.
const FRAMES: usize = 16;

/// From the first packet to the end of the handshake (`knative.dev/pkg` `websocket/connection.go`, as all of these).
const HANDSHAKE: Duration = Duration::from_secs(3);

/// A connection without a sign of life for so long is given up.
const SILENCE: Duration = Duration::from_secs(10);

/// How often a sign is asked for.
const PING: Duration = Duration::from_millis(3_333);

/// Between two attempts to connect, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Bytes of what the autoscaler has no reason to send.
const LARGEST: usize = 64 * 1024;

/// Where frames go.
pub(super) struct Frames {
    queue: mpsc::Sender<Bytes>,
    open: watch::Receiver<bool>,
    metrics: ActivatorMetrics,
}

/// Why a connection has ended.
#[derive(Debug, Error)]
enum Ended {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("the name has no address")]
    NoAddress,
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    WebSocket(Box<tungstenite::Error>),
    #[error("no sign of life")]
    Silent,
    #[error("closed by the autoscaler")]
    Closed,
}

impl From<tungstenite::Error> for Ended {
    fn from(error: tungstenite::Error) -> Self {
        Self::WebSocket(Box::new(error))
    }
}

impl From<tokio::time::error::Elapsed> for Ended {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::Silent
    }
}

impl Frames {
    /// Sends a frame, or drops it while nobody takes any; whether somebody does.
    pub(super) fn send(&self, frame: Vec<u8>) -> bool {
        let taken = *self.open.borrow() && self.queue.try_send(frame.into()).is_ok();
        if !taken {
            self.metrics.reports_lost.inc();
        }
        taken
    }

    /// Resolves when the connection was opened anew: what was told before may be lost.
    pub(super) async fn opened(&mut self) {
        while self.open.changed().await.is_ok() {
            if *self.open.borrow_and_update() {
                return;
            }
        }
        // The process ends.
        std::future::pending::<()>().await;
    }
}

/// Keeps a connection open, on the runtime it is called on.
pub(super) fn open(autoscaler: Autoscaler, names: Arc<Names>, metrics: ActivatorMetrics) -> Frames {
    let (queue, frames) = mpsc::channel(FRAMES);
    let (opened, open) = watch::channel(false);
    tokio::spawn(keep_open(autoscaler, names, frames, opened, metrics.clone()));
    Frames { queue, open, metrics }
}

async fn keep_open(
    autoscaler: Autoscaler,
    names: Arc<Names>,
    mut frames: mpsc::Receiver<Bytes>,
    opened: watch::Sender<bool>,
    metrics: ActivatorMetrics,
) {
    let mut pause = FIRST_PAUSE;
    let mut failing = false;
    loop {
        let ended = match timeout(HANDSHAKE, connect(&autoscaler, &names)).await.map_err(Ended::from).flatten() {
            Ok(socket) => {
                tracing::info!(autoscaler = %autoscaler, "connected to the autoscaler");
                (pause, failing) = (FIRST_PAUSE, false);
                metrics.autoscaler_connected.set(1);
                opened.send_replace(true);
                let ended = converse(socket, &mut frames, &metrics).await;
                opened.send_replace(false);
                metrics.autoscaler_connected.set(0);
                ended
            }
            Err(error) => error,
        };
        if !std::mem::replace(&mut failing, true) {
            tracing::warn!(autoscaler = %autoscaler, error = %ended, "no connection to the autoscaler: tried again");
        }
        sleep(pause.mul_f64(fastrand::f64() + 0.5)).await;
        pause = pause.mul_f64(1.3).min(LONGEST_PAUSE);
    }
}

async fn connect(autoscaler: &Autoscaler, names: &Arc<Names>) -> Result<WebSocketStream<TcpStream>, Ended> {
    let stream = TcpStream::connect(address(autoscaler, names).await?).await?;
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
    let (socket, _) = client_async_with_config(format!("ws://{autoscaler}/"), stream, Some(config)).await?;
    Ok(socket)
}

/// An address that somebody has set is taken as it is.
async fn address(autoscaler: &Autoscaler, names: &Arc<Names>) -> Result<SocketAddr, Ended> {
    if let Ok(address) = autoscaler.to_string().parse() {
        return Ok(address);
    }
    names.resolve(&autoscaler.host, autoscaler.port).await?.iter().next().ok_or(Ended::NoAddress)
}

/// Sends what there is to be sent until the connection ends.
async fn converse(
    mut socket: WebSocketStream<TcpStream>,
    frames: &mut mpsc::Receiver<Bytes>,
    metrics: &ActivatorMetrics,
) -> Ended {
    let mut ping = interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        let sent = tokio::select! {
            Some(frame) = frames.recv() => {
                metrics.reports.inc();
                timeout(SILENCE, socket.send(Message::Binary(frame))).await
            }
            _ = ping.tick() => timeout(SILENCE, socket.send(Message::Ping(Bytes::new()))).await,
            said = socket.next() => match said {
                Some(Ok(Message::Close(_))) | None => return Ended::Closed,
                Some(Err(error)) => return error.into(),
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
            },
        };
        match sent {
            Ok(Ok(())) if heard.elapsed() < SILENCE => {}
            Ok(Err(error)) => return error.into(),
            Ok(Ok(())) | Err(_) => return Ended::Silent,
        }
    }
}
