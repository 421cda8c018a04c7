//! A WebSocket backend: echo on every path, a chat on `/chat`, and the page to chat with on `/`.

use futures::{SinkExt, StreamExt};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::sync::{broadcast, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use crate::{Body, feed, full, query, respond};

/// The chat page, without anything from elsewhere.
const PAGE: &str = include_str!("chat.html");

/// Bytes of one message at most.
const LARGEST: usize = 1 << 20;

/// Messages a slow reader of the chat may miss before it is told the newest again.
const BACKLOG: usize = 64;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Who chats hears what the others say, until the backend is stopped.
pub(crate) struct Chat {
    said: broadcast::Sender<String>,
    stopped: watch::Receiver<()>,
}

impl Chat {
    /// A chat that ends with the sender of `stopped`.
    pub(crate) fn new(stopped: watch::Receiver<()>) -> Self {
        Self { said: broadcast::channel(BACKLOG).0, stopped }
    }
}

/// Upgrades, or shows the chat page; `?code=N` closes at once with that code.
pub(crate) fn answer(mut request: Request<Incoming>, chat: &Chat) -> Response<Body> {
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY).cloned() else {
        return respond(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    };
    let close = query(&request, "code");
    let said = (request.uri().path() == "/chat").then(|| chat.said.clone());
    let upgrade = hyper::upgrade::on(&mut request);
    let mut stopped = chat.stopped.clone();
    feed(async move {
        tokio::select! {
            () = serve(upgrade, close, said) => {}
            _ = stopped.changed() => {}
        }
    });
    switching(derive_accept_key(key.as_bytes()))
}

/// Speaks WebSocket on the upgraded connection.
async fn serve(upgrade: OnUpgrade, close: Option<u16>, said: Option<broadcast::Sender<String>>) {
    let Ok(upgraded) = upgrade.await else { return };
    let config = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    match (close, said) {
        (Some(code), _) => close_with(socket, code).await,
        (None, Some(said)) => converse(socket, said).await,
        (None, None) => echo(socket).await,
    }
}

fn switching(accept: String) -> Response<Body> {
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::try_from(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// Sends every message back; the library answers a close with the same code.
async fn echo(mut socket: Socket) {
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn close_with(mut socket: Socket, code: u16) {
    // The client may have left.
    let _ = socket.close(Some(CloseFrame { code: code.into(), reason: "as asked".into() })).await;
    while let Some(Ok(_)) = socket.next().await {}
}

/// Tells everybody what this one says, and this one what everybody says.
async fn converse(mut socket: Socket, chat: broadcast::Sender<String>) {
    let mut heard = chat.subscribe();
    loop {
        tokio::select! {
            said = socket.next() => match said {
                Some(Ok(Message::Text(text))) => drop(chat.send(text.to_string())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
            told = heard.recv() => match told {
                Ok(text) => {
                    if socket.send(Message::text(text)).await.is_err() {
                        return;
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
        }
    }
}
