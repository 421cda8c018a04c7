//! WebSocket: a message and its echo, on a connection that stays open (RFC 6455).

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use futures::{SinkExt, StreamExt};
use http::{Request, header};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::connect::{Connected, Stream, connect};
use super::{Client, Local};
use crate::failure::{Failure, Kind};
use crate::prepared::Prepared;
use crate::record::{Outcome, Stages};

/// The status of the upgrade, as which echoes are counted.
const SWITCHING: u16 = 101;

/// A WebSocket.
#[derive(Debug)]
pub(crate) struct WebSocket {
    prepared: Arc<Prepared>,
    local: Rc<Local>,
    socket: Option<WebSocketStream<Stream>>,
}

impl WebSocket {
    pub(crate) fn new(prepared: Arc<Prepared>, local: Rc<Local>) -> Self {
        Self { prepared, local, socket: None }
    }

    async fn open(&self, stages: &mut Stages) -> Result<WebSocketStream<Stream>, Failure> {
        let request = self.request()?;
        let Connected { stream, resolve, connect } = connect(&self.prepared.route).await?;
        (stages.resolve, stages.connect) = (resolve, connect);
        let (socket, _) = client_async(request, stream).await.map_err(failure)?;
        Ok(socket)
    }

    fn request(&self) -> Result<Request<()>, Failure> {
        let plan = &self.prepared.plan;
        let mut url = format!("{}://", if plan.target.tls { "wss" } else { "ws" }).into_bytes();
        {
            let random = &mut self.local.random.borrow_mut();
            plan.request.hosts.draw(&mut url, random);
            plan.request.paths.draw(&mut url, random);
        }
        let mut request = String::from_utf8_lossy(&url).into_client_request().map_err(failure)?;
        for (name, value) in &plan.request.headers {
            if ![header::CONTENT_TYPE, header::ACCEPT_ENCODING].contains(name) {
                request.headers_mut().insert(name, value.clone());
            }
        }
        Ok(request)
    }

    /// Sends a message and reads until its echo.
    async fn echo(&self, socket: &mut WebSocketStream<Stream>, stages: &mut Stages) -> Result<u64, Failure> {
        let message = &self.prepared.plan.request.body;
        let begin = Instant::now();
        socket.send(Message::Binary(message.clone())).await.map_err(failure)?;
        let written = Instant::now();
        let echo = loop {
            match socket.next().await.transpose().map_err(failure)? {
                Some(Message::Binary(echo)) => break echo,
                Some(Message::Text(echo)) => break echo.into(),
                Some(Message::Close(_)) | None => {
                    return Err(Failure::new(Kind::Closed, "WebSocket closed before the echo"));
                }
                Some(_) => {}
            }
        };
        if echo != *message {
            return Err(Failure::bad("a WebSocket message that is no echo"));
        }
        (stages.write, stages.wait) = (written - begin, written.elapsed());
        Ok(echo.len() as u64)
    }
}

impl Client for WebSocket {
    async fn exchange(&mut self) -> Result<Outcome, Failure> {
        let mut stages = Stages::default();
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.open(&mut stages).await?,
        };
        let bytes = self.echo(&mut socket, &mut stages).await?;
        if self.prepared.plan.keep_alive {
            self.socket = Some(socket);
        }
        Ok(Outcome { status: SWITCHING, bytes, stages, location: None, backend: None })
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        if let Some(mut socket) = self.socket.take() {
            // The server may have left.
            let _ = socket.close(None).await;
        }
        Ok(())
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Io(error) => error.into(),
        Error::Http(answer) => Failure::bad(format!("upgrade answered with status {}", answer.status().as_u16())),
        Error::ConnectionClosed | Error::AlreadyClosed => Failure::new(Kind::Closed, "WebSocket closed"),
        error => Failure::bad(format!("WebSocket: {error}")),
    }
}
