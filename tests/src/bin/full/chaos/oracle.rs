//! Which answers are right, which failures are nobody's fault, and what is wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use net_pingora_backends::checksum;

use super::client::{Broken, Plan, Protocol, Reply};
use super::ledger::Known;
use super::random::answer_body;
use super::replicas::Replica;
use super::world::{Host, Route, World};

/// How long after a change its old state may still be seen by a new request.
const GRACE: Duration = Duration::from_secs(2);

/// How long after an endpoint has got well a connection it had closed may be met.
const AFTER_FAULT: Duration = Duration::from_secs(1);

/// Tries that the gateway gives a request.
const TRIES: u32 = 3;

/// A request that was sent.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) host: &'a Host,
    pub(super) plan: &'a Plan,
    pub(super) replica: &'a Arc<Replica>,
    pub(super) protocol: Protocol,
    /// Whether its connection had answered before.
    pub(super) kept: bool,
    pub(super) sent: Instant,
}

/// What is thought of an outcome.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The answer is the right one.
    Right(&'static str),
    /// It failed, as the gateway could not know better.
    Excused(&'static str),
    /// A client sends it once more, and must be answered.
    Repeat(&'static str),
    /// The gateway's fault.
    Wrong(String),
}

impl Asked<'_> {
    /// Judges what has just come of it.
    pub(super) fn judge(&self, world: &World, outcome: Result<Reply, Broken>) -> Verdict {
        let known = world.ledger.take(self.plan.nonce);
        match outcome {
            Ok(reply) => self.judge_reply(&reply, known.dropped),
            Err(broken) => self.judge_broken(broken, known),
        }
    }

    fn judge_reply(&self, reply: &Reply, dropped: u32) -> Verdict {
        match (reply.status, &reply.told) {
            (StatusCode::OK, Some(told)) => match self.fault(told, Some(&reply.body)) {
                Some(fault) => Verdict::Wrong(fault),
                None if dropped > 0 => Verdict::Right("answered after the gateway's repetition"),
                None => Verdict::Right("answered"),
            },
            (StatusCode::NOT_FOUND, None) if self.had_route(Option::is_none) => Verdict::Right("no such host"),
            (StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE, None) => self.judge_refusal(reply, dropped),
            (status, _) => Verdict::Wrong(format!("answered {status}: {}", said(&reply.body))),
        }
    }

    /// What is wrong with who has answered, what it was sent, or its body.
    pub(super) fn fault(&self, told: &str, body: Option<&Bytes>) -> Option<String> {
        let parts: Vec<_> = told.split(' ').collect();
        let &[service, endpoint, version, nonce, length, sum] = parts.as_slice() else {
            return Some(format!("answered by {told:?}"));
        };
        let sent = &self.plan.body;
        if nonce != format!("{:x}", self.plan.nonce) {
            return Some(format!("the answer to {nonce}"));
        }
        if (length, sum) != (&*sent.len().to_string(), &*checksum(0, sent).to_string()) {
            return Some(format!("the endpoint was sent another body: {told}, not {} bytes", sent.len()));
        }
        if let Some(body) = body.filter(|body| **body != answer_body(self.plan.nonce)) {
            return Some(format!("{} bytes that the endpoint has not sent so", body.len()));
        }
        let in_force = self.had_route(|route| {
            route.as_ref().is_some_and(|route| {
                let has = |(name, percent): &(&str, u8)| *name == service && *percent > 0;
                version == route.version.to_string() && route.split.iter().any(has)
            })
        });
        if !in_force {
            return Some(format!("{service} of version {version}, which is not in force"));
        }
        let service = self.host.services.iter().find(|one| one.name == service)?;
        let has = |members: &Vec<u8>| members.iter().any(|member| member.to_string() == endpoint);
        let member = service.members.had(self.sent, Instant::now(), GRACE, has);
        (!member).then(|| format!("endpoint {endpoint} of {}, which was removed", service.name))
    }

    /// The gateway tells that no endpoint has answered.
    fn judge_refusal(&self, reply: &Reply, dropped: u32) -> Verdict {
        let services = &self.host.services;
        // Whether a POST was carried out cannot be known: the gateway does not repeat it.
        let why = match (self.plan.is_safe(), dropped) {
            (true, TRIES..) => Some("GET or PUT, dropped by endpoints as often as there are tries"),
            (false, 1..) => Some("POST, dropped by an endpoint"),
            _ => None,
        };
        if let Some(why) = why {
            return Verdict::Excused(why);
        }
        let closing = services.iter().any(|one| one.closing.had(self.sent, Instant::now(), Duration::ZERO, |is| *is));
        if closing {
            return Verdict::Excused("in the queue of a listener that closed");
        }
        let faulty = services.iter().any(|one| one.faulty.had(self.sent, Instant::now(), AFTER_FAULT, |is| *is));
        if !self.plan.is_safe() && faulty {
            return Verdict::Excused("POST, and an endpoint misbehaved");
        }
        Verdict::Wrong(format!("answered {} with endpoints in good health: {}", reply.status, said(&reply.body)))
    }

    fn judge_broken(&self, broken: Broken, known: Known) -> Verdict {
        let (killed, leaving) = (self.replica.is_killed(), self.replica.is_leaving());
        match broken {
            Broken::Unsent(_) if leaving || self.kept => Verdict::Repeat("not sent: the connection was closed"),
            // Opened before its client has read of the drain, sent after it has.
            Broken::LeftOut(_) if leaving && (self.plan.is_safe() || !known.heard) => {
                Verdict::Repeat("left out by the GOAWAY of a draining gateway")
            }
            Broken::Unanswered(_) | Broken::Cut(_) if killed && self.plan.is_safe() => {
                Verdict::Repeat("cut by a killed gateway")
            }
            Broken::Unanswered(_) | Broken::Cut(_) if killed => Verdict::Excused("POST, cut by a killed gateway"),
            // HTTP/1.1 cannot tell a client in time that its next request will not be read.
            Broken::Unanswered(_) if leaving && self.kept && self.is_http1() && self.plan.is_safe() => {
                Verdict::Repeat("met the end of a kept connection of a draining gateway")
            }
            Broken::Cut(_) if known.dropped > 0 => Verdict::Excused("cut by its endpoint"),
            Broken::Late => Verdict::Wrong("not answered in time".to_owned()),
            Broken::Unsent(error) => Verdict::Wrong(format!("not sent: {error}")),
            Broken::Unanswered(error) | Broken::LeftOut(error) => Verdict::Wrong(format!("not answered: {error}")),
            Broken::Cut(error) => Verdict::Wrong(format!("cut: {error}")),
        }
    }

    fn had_route(&self, fits: impl Fn(&Option<Route>) -> bool) -> bool {
        self.host.route.had(self.sent, Instant::now(), GRACE, fits)
    }

    fn is_http1(&self) -> bool {
        self.protocol == Protocol::Http1
    }
}

fn said(body: &Bytes) -> String {
    String::from_utf8_lossy(body).trim_end().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    #[test]
    fn an_answer_is_right_only_from_the_endpoint_and_version_in_force_with_the_bytes_of_its_request() {
        let world = World::new().unwrap();
        let (host, replica) = (&world.hosts[1], Arc::new(Replica::at(([127, 0, 0, 1], 1).into())));
        let plan = Plan::get(&mut Random::new(1, "test"));
        let (nonce, body) = (plan.nonce, answer_body(plan.nonce));
        let sent = Instant::now();
        let asked = Asked { host, plan: &plan, replica: &replica, protocol: Protocol::Http1, kept: false, sent };
        let version = host.route.now().flatten().unwrap().version;
        let right = format!("south-1 2 {version} {nonce:x} 0 0");
        assert_eq!(asked.fault(&right, Some(&body)), None);
        for (told, body) in [
            (right.replace("south-1", "north-1"), &body),
            (right.replace("south-1", "south-2"), &body),
            (right.replace("south-1 2", "south-1 5"), &body),
            (format!("south-1 2 {} {nonce:x} 0 0", version + 1), &body),
            (format!("south-1 2 {version} {:x} 0 0", nonce + 1), &body),
            (format!("south-1 2 {version} {nonce:x} 1 0"), &body),
            (right.clone(), &body.slice(1..)),
            (right, &answer_body(nonce + 1)),
        ] {
            assert!(asked.fault(&told, Some(body)).is_some(), "{told}");
        }
    }

    #[test]
    fn a_failure_is_excused_only_where_an_endpoint_or_a_kill_explains_it() {
        let world = World::new().unwrap();
        let (host, replica) = (&world.hosts[1], Arc::new(Replica::at(([127, 0, 0, 1], 1).into())));
        let plan = Plan::get(&mut Random::new(1, "test"));
        let asked =
            Asked { host, plan: &plan, replica: &replica, protocol: Protocol::Http1, kept: true, sent: Instant::now() };
        let refused = || Ok(Reply { status: StatusCode::SERVICE_UNAVAILABLE, told: None, body: Bytes::new() });
        let cut = || Err(Broken::Cut("cut".to_owned()));
        let wrong = |verdict: Verdict| matches!(verdict, Verdict::Wrong(_));
        assert!(wrong(asked.judge(&world, refused())));
        assert!(wrong(asked.judge(&world, cut())));
        let drop = |times| (0..times).for_each(|_| world.ledger.note_dropped(plan.nonce));
        drop(TRIES - 1);
        assert!(wrong(asked.judge(&world, refused())), "another endpoint would have answered");
        drop(TRIES);
        assert!(!wrong(asked.judge(&world, refused())));
        drop(1);
        assert!(!wrong(asked.judge(&world, cut())));
    }

    #[test]
    fn rfc_9113_6_8_what_the_goaway_of_a_drain_leaves_out_is_repeated_and_no_endpoint_has_a_post_of_it() {
        let world = World::new().unwrap();
        let (host, random) = (&world.hosts[1], &mut Random::new(1, "test"));
        let (get, post) = (Plan::get(random), Plan::unending(random));
        for (plan, leaving, heard, repeated) in [
            (&get, true, false, true),
            (&get, true, true, true),
            (&get, false, false, false),
            (&post, true, false, true),
            (&post, true, true, false),
        ] {
            let replica = Replica::at(([127, 0, 0, 1], 1).into());
            if leaving {
                replica.leave();
            }
            if heard {
                world.ledger.note_heard(plan.nonce);
            }
            let (replica, sent) = (Arc::new(replica), Instant::now());
            let asked = Asked { host, plan, replica: &replica, protocol: Protocol::Http2, kept: true, sent };
            let verdict = asked.judge(&world, Err(Broken::LeftOut("GOAWAY".to_owned())));
            assert_eq!(matches!(verdict, Verdict::Repeat(_)), repeated, "{} {leaving} {heard}", plan.method);
        }
    }
}
