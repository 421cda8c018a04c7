//! WebSockets that must echo what they are told.

use std::ops::Range;
use std::time::Instant;

use http::StatusCode;
use net_pingora_tests::websocket::{Heard, WebSocket};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Error;

use super::Chaos;
use super::client::{Broken, Plan, Protocol, Reply};
use super::oracle::{Asked, Verdict};
use super::random::Random;
use super::traffic::Kind;

/// Messages until the client leaves.
const MESSAGES: Range<u64> = 1..60;

/// Opens a WebSocket and has messages echoed, with `rest` milliseconds between them.
pub(super) async fn converse(chaos: &Chaos, random: &mut Random, rest: Range<u64>) {
    let (Some(host), Some(replica)) = (random.pick(&chaos.world.hosts), chaos.replicas.pick(random)) else { return };
    let plan = Plan::get(random);
    let (protocol, sent) = (Protocol::Http1, Instant::now());
    let mut asked = Asked { host, plan: &plan, replica: &replica, protocol, kept: false, sent };
    let opened = open(&asked).await;
    let (verdict, socket) = match opened {
        Ok((told, socket)) => match asked.fault(&told, None) {
            Some(fault) => (Verdict::Wrong(fault), None),
            None => (Verdict::Right("WebSocket opened"), Some((told, socket))),
        },
        Err(outcome) => (asked.judge(&chaos.world, outcome), None),
    };
    chaos.note(Kind::WebSocket, &asked, &verdict);
    let Some((told, mut socket)) = socket else { return };
    for number in 0..random.within(MESSAGES) {
        sleep(random.millis(rest.clone())).await;
        // A drain would cut it in the end.
        if replica.is_leaving() {
            break;
        }
        asked.sent = Instant::now();
        let verdict = match echo(&mut socket, number).await {
            Ok(heard) if heard == format!("{told} {number}") => Verdict::Right("echoed"),
            Ok(heard) => Verdict::Wrong(format!("message {number} is echoed as {heard}, after {told}")),
            Err(error) => asked.judge(&chaos.world, Err(Broken::Cut(error.to_string()))),
        };
        chaos.note(Kind::WebSocket, &asked, &verdict);
        if !matches!(verdict, Verdict::Right(_)) {
            break;
        }
    }
    chaos.world.ledger.take(plan.nonce);
}

/// Opens the WebSocket and hears who it is; else tells how HTTP has refused it.
async fn open(asked: &Asked<'_>) -> Result<(String, WebSocket), Result<Reply, Broken>> {
    let path = format!("/{:x}", asked.plan.nonce);
    let mut socket = WebSocket::open(asked.replica.address, &asked.host.name, &path).await.map_err(refusal)?;
    let told = hear(&mut socket).await.map_err(|error| Err(Broken::Cut(error.to_string())))?;
    Ok((told, socket))
}

async fn echo(socket: &mut WebSocket, number: u64) -> Result<String, Error> {
    socket.say(&number.to_string()).await?;
    hear(socket).await
}

async fn hear(socket: &mut WebSocket) -> Result<String, Error> {
    match socket.hear().await? {
        Heard::Text(text) => Ok(text),
        Heard::Close(_) => Err(Error::ConnectionClosed),
    }
}

/// What has become of a handshake.
fn refusal(error: Error) -> Result<Reply, Broken> {
    let Error::Http(response) = error else { return Err(Broken::Unanswered(error.to_string())) };
    let status = StatusCode::from_u16(response.status().as_u16()).unwrap_or_default();
    Ok(Reply { status, told: None, body: response.into_body().unwrap_or_default().into() })
}
