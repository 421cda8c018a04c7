//! The autoscaler is told once a second what is asked of every revision, and at once of the first request.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use net_pingora_routing::{Asked, Revision, Seen};
use prost::Message;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at};

use super::connection::Frames;
use super::demand::now;
use super::wire::{Stat, WireStatMessage, WireStatMessages};

/// From one report to the next.
const PERIOD: Duration = Duration::from_secs(1);

/// A revision of which the autoscaler knows.
struct Entry {
    revision: Arc<Revision>,
    seen: Seen,
    /// Whether its first request was told by itself, which the next report leaves out.
    poked: bool,
}

/// Reports for ever.
pub(super) async fn run(pod: String, mut unknown: mpsc::UnboundedReceiver<Arc<Revision>>, mut frames: Frames) {
    let mut known: Vec<Entry> = Vec::new();
    let mut tick = interval_at(Instant::now() + PERIOD, PERIOD);
    loop {
        tokio::select! {
            Some(revision) = unknown.recv() => poke(&mut known, revision, &pod, &frames),
            () = frames.opened() => report(&mut known, &pod, &frames),
            _ = tick.tick() => report(&mut known, &pod, &frames),
        }
    }
}

/// A revision of which nothing was known: one request, so that a pod is made at once.
fn poke(known: &mut Vec<Entry>, revision: Arc<Revision>, pod: &str, frames: &Frames) {
    let poked = send(frames, vec![message(&revision, pod, Asked { concurrency: 1.0, requests: 1 })]);
    known.push(Entry { seen: revision.demand.see(now()), revision, poked });
}

fn report(known: &mut Vec<Entry>, pod: &str, frames: &Frames) {
    let mut messages = Vec::with_capacity(known.len());
    known.retain_mut(|entry| {
        let demand = &entry.revision.demand;
        let asked = demand.asked_since(&mut entry.seen, now());
        messages.push(message(&entry.revision, pod, if entry.poked { less_the_first(asked) } else { asked }));
        entry.poked = false;
        let idle = asked.concurrency <= 0.0 && asked.requests == 0;
        !(idle && demand.forget())
    });
    if !messages.is_empty() {
        send(frames, messages);
    }
}

/// Whether somebody takes it.
fn send(frames: &Frames, messages: Vec<WireStatMessage>) -> bool {
    frames.send(WireStatMessages { messages }.encode_to_vec())
}

/// The first request was told by itself.
fn less_the_first(asked: Asked) -> Asked {
    Asked { concurrency: (asked.concurrency - 1.0).max(0.0), requests: asked.requests.saturating_sub(1) }
}

#[expect(clippy::cast_precision_loss, reason = "nobody sends 2^52 requests a second")]
fn message(revision: &Revision, pod: &str, asked: Asked) -> WireStatMessage {
    let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let stat = Stat {
        pod_name: pod.to_owned(),
        average_concurrent_requests: asked.concurrency,
        request_count: asked.requests as f64,
        timestamp: timestamp.try_into().unwrap_or_default(),
        ..Stat::default()
    };
    let key = &revision.key;
    WireStatMessage { namespace: key.namespace.to_string(), name: key.name.to_string(), stat: Some(stat) }
}
