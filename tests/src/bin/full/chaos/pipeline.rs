//! Requests that are sent before the one before them is answered: each must get its own answer.

use std::time::Instant;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Chaos;
use super::backend::TOLD;
use super::client::{Broken, Plan, Protocol, Reply};
use super::oracle::{Asked, Verdict};
use super::random::Random;
use super::traffic::{Kind, PATIENCE};

const REQUESTS: usize = 4;

/// Sends requests to one host at once, and judges their answers in turn.
pub(super) async fn ask(chaos: &Chaos, random: &mut Random) {
    let (Some(host), Some(replica)) = (random.pick(&chaos.world.hosts), chaos.replicas.pick(random)) else { return };
    let plans: Vec<_> = (0..REQUESTS).map(|_| Plan::get(random)).collect();
    let sent = Instant::now();
    let text = |plan: &Plan| format!("GET /{:x} HTTP/1.1\r\nHost: {}\r\n\r\n", plan.nonce, host.name);
    let requests: String = plans.iter().map(text).collect();
    let opened: Result<_, std::io::Error> = async {
        let mut stream = TcpStream::connect(replica.address).await?;
        stream.write_all(requests.as_bytes()).await?;
        Ok(stream)
    }
    .await;
    let (mut stream, mut unread) = (opened, Vec::new());
    for plan in &plans {
        let outcome = match &mut stream {
            Ok(stream) => timeout(PATIENCE, read(stream, &mut unread)).await.unwrap_or(Err(Broken::Late)),
            Err(error) => Err(Broken::Unsent(error.to_string())),
        };
        let asked = Asked { host, plan, replica: &replica, protocol: Protocol::Http1, kept: false, sent };
        let verdict = asked.judge(&chaos.world, outcome);
        chaos.note(Kind::Pipeline, &asked, &verdict);
        // Whoever ends the connection, or drains, may leave the rest unread (RFC 9112 §9.3.2).
        if !matches!(verdict, Verdict::Right(_)) || replica.is_leaving() {
            break;
        }
    }
    for plan in &plans {
        chaos.world.ledger.take(plan.nonce);
    }
}

/// Reads the next response.
async fn read(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Result<Reply, Broken> {
    loop {
        if let Some((reply, length)) = parse(unread) {
            unread.drain(..length);
            return Ok(reply);
        }
        let error = match stream.read_buf(unread).await {
            Ok(0) => "the connection was closed".to_owned(),
            Ok(_) => continue,
            Err(error) => error.to_string(),
        };
        return Err(if unread.is_empty() { Broken::Unanswered(error) } else { Broken::Cut(error) });
    }
}

/// A whole response and its length, if it is there.
fn parse(bytes: &[u8]) -> Option<(Reply, usize)> {
    let (head, mut rest) = split(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(head);
    let value = |name: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let status = head.get(9..12).and_then(|status| status.parse().ok())?;
    let body = match value("content-length") {
        Some(length) => take(&mut rest, length.parse().ok()?)?.to_vec(),
        None => chunks(&mut rest)?,
    };
    let reply = Reply { status, told: value(TOLD), body: Bytes::from(body) };
    Some((reply, bytes.len() - rest.len()))
}

/// A chunked body without trailers.
fn chunks(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (size, chunk) = split(rest, b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        *rest = chunk;
        body.extend_from_slice(take(rest, size)?);
        take(rest, 2)?;
        if size == 0 {
            return Some(body);
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn split<'a>(bytes: &'a [u8], end: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(end.len()).position(|window| window == end)?;
    Some((&bytes[..at], &bytes[at + end.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_to_its_end_and_not_beyond() {
        for (bytes, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP", Some(("ok", 4))),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP", Some(("ok", 4))),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", None),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", None),
        ] {
            let parsed = parse(bytes.as_bytes());
            let parsed = parsed.map(|(reply, length)| (reply.body, bytes.len() - length));
            assert_eq!(parsed, body.map(|(body, left)| (Bytes::from_static(body.as_bytes()), left)), "{bytes}");
        }
    }
}
