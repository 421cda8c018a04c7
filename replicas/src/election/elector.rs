//! Whether to take, hold or leave the lead: a pure function of what was seen of the Lease, and when.

use std::time::Duration;

use tokio::time::Instant;

use super::record::Record;
use super::{Leader, Leadership};

/// A holder that has not renewed for so long has lost the Lease.
pub(super) const LEASE: Duration = Duration::from_secs(10);
/// A leader that could not renew for so long leads no more, before others may take the Lease.
pub(super) const HOLD: Duration = Duration::from_secs(8);
/// From one renewal to the next.
pub(super) const RENEW: Duration = Duration::from_secs(2);
/// From one look at the Lease of another to the next: a holder is missed at most `LOOK` + [`LEASE`] after it died.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// What one replica knows of the lead.
#[derive(Debug)]
pub(super) struct Elector {
    me: Leader,
    state: State,
    retired: bool,
}

#[derive(Debug)]
enum State {
    /// The Lease was not read since the start, or since the lead was lost by not renewing it.
    Unread,
    /// Another holds the Lease, or none does; `seen` is when this was first read, on our clock.
    Following { record: Record, seen: Instant },
    /// We lead; `renewed` is when the last accepted renewal was sent.
    Leading { renewed: Instant },
}

/// What to do with the Lease as it was just read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Leave it.
    Leave,
    /// Take or renew it.
    Hold,
    /// Give it away.
    Release,
}

impl Elector {
    pub(super) fn new(me: Leader) -> Self {
        Self { me, state: State::Unread, retired: false }
    }

    pub(super) fn leadership(&self) -> Leadership {
        match &self.state {
            State::Leading { .. } => Leadership::Us,
            State::Following { record: Record { leader: Some(leader), .. }, .. } => Leadership::Other(leader.clone()),
            State::Following { .. } | State::Unread => Leadership::Unknown,
        }
    }

    /// The Lease as it was read, none if there is none; `now` is after the answer came.
    ///
    /// A record is as old as the time since it was first seen; the times written in it are of another clock.
    pub(super) fn read(&mut self, record: Option<Record>, now: Instant) -> Verdict {
        let ours = record.as_ref().is_some_and(|record| record.leader.as_ref() == Some(&self.me));
        match record {
            Some(record) if !ours && !self.follows(&record) => self.state = State::Following { record, seen: now },
            _ => {}
        }
        match (self.retired, ours || self.expires().is_none_or(|at| at <= now)) {
            (true, _) if ours => Verdict::Release,
            (false, true) => Verdict::Hold,
            (true | false, _) => Verdict::Leave,
        }
    }

    /// Our write of [`Verdict::Hold`], sent at `sent`, was accepted.
    pub(super) fn held(&mut self, sent: Instant) {
        self.state = State::Leading { renewed: sent };
    }

    /// Time goes by: a lead that was not renewed ends.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.lead_ends().is_some_and(|at| at <= now) {
            self.state = State::Unread;
        }
    }

    /// Ends the lead, for good.
    pub(super) fn retire(&mut self) {
        self.retired = true;
        if let State::Leading { .. } = self.state {
            self.state = State::Unread;
        }
    }

    /// When the lead ends unless it is renewed.
    pub(super) fn lead_ends(&self) -> Option<Instant> {
        match self.state {
            State::Leading { renewed } => Some(renewed + HOLD),
            State::Unread | State::Following { .. } => None,
        }
    }

    /// When to look at the Lease next, after a look that began at `began`.
    pub(super) fn next_look(&self, began: Instant, now: Instant) -> Instant {
        match (self.lead_ends(), self.expires().filter(|at| *at > now)) {
            (Some(ends), _) => ends.min(began + RENEW),
            (None, Some(expires)) => expires.min(began + LOOK),
            (None, None) => began + LOOK,
        }
    }

    fn follows(&self, record: &Record) -> bool {
        matches!(&self.state, State::Following { record: last, .. } if last == record)
    }

    /// When the Lease of another may be taken; none if nobody holds it.
    fn expires(&self) -> Option<Instant> {
        match &self.state {
            State::Following { record, seen } if !record.holder.is_empty() => Some(*seen + LEASE),
            State::Unread | State::Leading { .. } | State::Following { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leader(identity: &str) -> Leader {
        Leader { identity: identity.into(), address: None, fingerprint: [identity.as_bytes()[0]; 32] }
    }

    fn record(identity: &str, transitions: i32) -> Record {
        let leader = (!identity.is_empty()).then(|| leader(identity));
        Record { holder: identity.into(), leader, renewed: None, transitions }
    }

    fn at(start: Instant, seconds: f64) -> Instant {
        start + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_lease_is_taken_when_nobody_holds_it_or_its_record_did_not_change_for_ten_seconds() {
        // What is read and when; the verdict.
        type Step<'a> = (f64, Option<(&'a str, i32)>, Verdict);
        let cases: [(&str, &[Step<'_>]); 7] = [
            ("none there", &[(0.0, None, Verdict::Hold)]),
            ("released", &[(0.0, Some(("", 3)), Verdict::Hold)]),
            ("ours, the answer was lost", &[(0.0, Some(("me", 0)), Verdict::Hold)]),
            (
                "held and not renewed",
                &[
                    (0.0, Some(("a", 0)), Verdict::Leave),
                    (9.9, Some(("a", 0)), Verdict::Leave),
                    (10.0, Some(("a", 0)), Verdict::Hold),
                ],
            ),
            (
                "renewed",
                &[
                    (0.0, Some(("a", 0)), Verdict::Leave),
                    (9.0, Some(("a", 1)), Verdict::Leave),
                    (18.9, Some(("a", 1)), Verdict::Leave),
                    (19.0, Some(("a", 1)), Verdict::Hold),
                ],
            ),
            (
                "deleted: its holder may lead for a while",
                &[(0.0, Some(("a", 0)), Verdict::Leave), (9.9, None, Verdict::Leave), (10.0, None, Verdict::Hold)],
            ),
            ("passed on", &[(0.0, Some(("a", 0)), Verdict::Leave), (5.0, Some(("b", 1)), Verdict::Leave)]),
        ];
        for (name, steps) in cases {
            let start = Instant::now();
            let mut elector = Elector::new(leader("me"));
            for (seconds, read, wanted) in steps {
                let read = read.map(|(identity, transitions)| record(identity, transitions));
                assert_eq!(elector.read(read, at(start, *seconds)), *wanted, "{name} at {seconds}");
            }
        }
    }

    #[test]
    fn the_lead_ends_eight_seconds_after_the_last_accepted_renewal_was_sent() {
        let start = Instant::now();
        let mut elector = Elector::new(leader("me"));
        elector.read(None, start);
        elector.held(start);
        for (now, leads) in [(0.0, true), (7.9, true), (8.0, false), (9.0, false)] {
            elector.tick(at(start, now));
            assert_eq!(elector.leadership() == Leadership::Us, leads, "{now}");
        }
        assert_eq!(elector.read(Some(record("me", 0)), at(start, 9.0)), Verdict::Hold);
        elector.held(at(start, 9.0));
        assert_eq!(elector.leadership(), Leadership::Us);
        assert_eq!(elector.read(Some(record("b", 1)), at(start, 10.0)), Verdict::Leave);
        assert_eq!(elector.leadership(), Leadership::Other(leader("b")));
    }

    #[test]
    fn another_of_the_same_name_is_not_us() {
        let mut elector = Elector::new(leader("me"));
        let earlier = Leader { fingerprint: [0; 32], ..leader("me") };
        let read = Record { leader: Some(earlier.clone()), ..record("me", 0) };
        assert_eq!(elector.read(Some(read), Instant::now()), Verdict::Leave);
        assert_eq!(elector.leadership(), Leadership::Other(earlier));
    }

    #[test]
    fn one_that_retired_gives_the_lease_away_and_never_takes_it_again() {
        let start = Instant::now();
        let mut elector = Elector::new(leader("me"));
        elector.read(None, start);
        elector.held(start);
        elector.retire();
        assert_eq!(elector.leadership(), Leadership::Unknown);
        assert_eq!(elector.read(Some(record("me", 0)), start), Verdict::Release);
        assert_eq!(elector.read(Some(record("", 0)), start), Verdict::Leave);
        assert_eq!(elector.read(None, start), Verdict::Leave);
        assert_eq!(elector.read(Some(record("a", 1)), start), Verdict::Leave);
        assert_eq!(elector.leadership(), Leadership::Other(leader("a")));
        assert_eq!(elector.read(Some(record("a", 1)), at(start, 60.0)), Verdict::Leave);
    }

    #[test]
    fn the_next_look_is_when_something_may_be_due() {
        let start = Instant::now();
        let mut elector = Elector::new(leader("me"));
        let next = |elector: &Elector, began: f64, now: f64| {
            (elector.next_look(at(start, began), at(start, now)) - start).as_secs_f64()
        };
        let is = |got: f64, wanted: f64| assert!((got - wanted).abs() < 1e-6, "{got} is not {wanted}");
        is(next(&elector, 0.0, 0.5), 1.0);
        elector.read(Some(record("a", 0)), start);
        is(next(&elector, 3.0, 3.1), 4.0);
        is(next(&elector, 9.5, 9.6), 10.0);
        // Expired, but it could not be taken.
        is(next(&elector, 10.0, 12.0), 11.0);
        elector.held(at(start, 20.0));
        is(next(&elector, 20.0, 20.1), 22.0);
        is(next(&elector, 27.0, 27.1), 28.0);
    }
}
