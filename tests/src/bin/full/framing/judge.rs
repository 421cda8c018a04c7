//! Whether what a backend saw is what the gateway meant.

use std::collections::{HashMap, HashSet};

use super::case::{Case, Wanted};
use super::records::{Routed, Seen};
use super::strangers::strangers;
use super::talk::{Talk, client};

/// How many cases ended how at one backend.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Nothing of the case has reached the backend.
    pub(super) refused: usize,
    /// The backend answered what was sent to it.
    pub(super) passed: usize,
    /// The gateway sent it, and the backend refused it.
    pub(super) refused_there: usize,
    /// The gateway found a fault in the body, or too little of it, after it had begun to send.
    pub(super) broken_off: usize,
    /// Cases after which the sentinel was answered.
    pub(super) sentinels: usize,
    /// What breaks the rule, each once.
    pub(super) violations: Vec<String>,
}

/// One case at one backend.
#[derive(Debug)]
pub(super) struct Trial<'a> {
    number: String,
    pub(super) case: &'a Case,
    talk: &'a Talk,
    /// In the gateway's order, the sentinel among them.
    pub(super) routed: Vec<&'a Routed>,
}

/// What was seen, by the id that the gateway gave it.
type Reports<'a> = HashMap<&'a str, Vec<&'a Seen>>;

/// Judges every case and every report.
pub(super) fn judge(cases: &[Case], talks: &[Talk], routed: &[Routed], seen: &[Seen], outcome: &mut Outcome) {
    let mut reports = Reports::new();
    for report in seen {
        reports.entry(&report.id).or_default().push(report);
    }
    let played = cases.iter().zip(talks).enumerate();
    let trials: Vec<_> = played.map(|(at, (case, talk))| Trial::new(at, case, talk, routed)).collect();
    let mut violations = Vec::new();
    for trial in &trials {
        let faults = trial.faults(&reports).into_iter().chain(trial.fate(&reports, outcome));
        violations.extend(faults.map(|fault| format!("{}: {fault}", trial.case.name)));
    }
    let known: HashSet<_> = reports.into_keys().collect();
    violations.extend(strangers(&trials, &known, seen));
    for violation in violations {
        if !outcome.violations.contains(&violation) {
            outcome.violations.push(violation);
        }
    }
}

impl<'a> Trial<'a> {
    fn new(at: usize, case: &'a Case, talk: &'a Talk, routed: &'a [Routed]) -> Self {
        let ip = client(at).to_string();
        let routed = routed.iter().filter(|routed| routed.client == ip).collect();
        Self { number: Case::number(at), case, talk, routed }
    }

    /// What the backend saw otherwise than it was meant, and what the client was told wrongly.
    fn faults(&self, reports: &Reports<'_>) -> Vec<String> {
        let mut faults = Vec::new();
        for routed in self.routed.iter().filter(|routed| routed.sent) {
            let seen = reports.get(&*routed.id).map(Vec::as_slice).unwrap_or_default();
            faults.extend(compare(routed, seen));
            faults.extend(seen.iter().filter_map(|seen| self.mixed(seen)));
            if seen.iter().any(|seen| seen.upgrade && !self.case.asks_for_upgrade()) {
                faults.push("the backend was asked for an upgrade, and the gateway was not".to_owned());
            }
        }
        let markers = self.talk.said.lines().filter_map(|line| line.strip_prefix("saw "));
        let others = markers.filter(|marker| !marker.is_empty() && !marker.ends_with(&self.number));
        faults.extend(others.map(|marker| format!("the client was given the answer to {marker}")));
        faults.extend(self.sentinel_fault());
        faults
    }

    /// The sentinel is a request of its own, or the gateway closed the connection before it.
    fn sentinel_fault(&self) -> Option<String> {
        let answered = self.talk.said.contains(&format!("saw sentinel-{}", self.number));
        match self.routed.iter().filter(|routed| self.is_sentinel(routed)).count() {
            0 if self.talk.closed || self.case.wanted == Wanted::Unfinished => None,
            0 => Some(format!("the gateway neither took the sentinel nor closed{}", self.talk.statuses())),
            1 if answered => None,
            1 => Some(format!("the sentinel was not answered{}", self.talk.statuses())),
            routed => Some(format!("the sentinel was routed {routed} times")),
        }
    }

    fn is_sentinel(&self, routed: &Routed) -> bool {
        routed.request.target.contains(&format!("/sentinel-{}", self.number))
    }

    /// A sentinel with a part of another request, or the other way round.
    fn mixed(&self, seen: &Seen) -> Option<String> {
        let sentinel = format!("sentinel-{}", self.number);
        let request = &seen.request;
        let is_one = request.target.contains(&sentinel) || seen.marker == sentinel;
        let clean = request.method == "GET" && request.target == format!("/{sentinel}") && request.length == 0;
        (is_one && !(clean && seen.marker == sentinel)).then(|| format!("the sentinel was seen as {seen}"))
    }

    /// Counts how the case ended; says when that is not what is wanted.
    fn fate(&self, reports: &Reports<'_>, outcome: &mut Outcome) -> Option<String> {
        let reached =
            |routed: &Routed| routed.answered() || routed.refused_there() || reports.contains_key(&*routed.id);
        let (sentinel, own): (Vec<&Routed>, _) = self.routed.iter().partition(|routed| self.is_sentinel(routed));
        let own: Vec<_> = own.into_iter().filter(|routed| routed.sent && reached(routed)).collect();
        let sentinel = sentinel.iter().any(|routed| routed.answered());
        let passed = !own.is_empty() && own.iter().all(|routed| routed.answered());
        outcome.sentinels += usize::from(sentinel);
        outcome.refused += usize::from(own.is_empty());
        outcome.passed += usize::from(passed);
        let refused_there = own.iter().any(|routed| routed.refused_there());
        outcome.refused_there += usize::from(!passed && refused_there);
        outcome.broken_off += usize::from(!passed && !refused_there && !own.is_empty());
        let first = match self.case.wanted {
            Wanted::Refused => own.first(),
            Wanted::Broken | Wanted::Unfinished => own.iter().find(|routed| routed.answered()),
            Wanted::Served | Wanted::Either => None,
        };
        if let Some(first) = first {
            return Some(format!("wanted it refused, it was sent as {first}"));
        }
        let lacking = self.case.wanted == Wanted::Served && !(passed && sentinel);
        lacking.then(|| format!("wanted it passed, and the sentinel{}", self.talk.statuses()))
    }
}

/// A request that was answered is seen once, whole and the same. Any other is not seen, or as one broken off: a fault
/// in a body is found when its head has been sent.
fn compare(routed: &Routed, seen: &[&Seen]) -> Option<String> {
    let meant = &routed.request;
    let same = |seen: &Seen| seen.request.method == meant.method && seen.request.target == meant.target;
    match seen {
        [one] if routed.answered() && one.whole && one.request == *meant => None,
        [one] if !routed.answered() && !one.whole && same(one) => None,
        [] if !routed.answered() => None,
        [] => Some(format!("meant as {routed}, and not seen")),
        _ => {
            let seen = seen.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            Some(format!("meant as {routed}, seen as {seen}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::records::Request;
    use super::*;

    fn request(method: &str, target: &str, length: u64) -> Request {
        Request { method: method.to_owned(), target: target.to_owned(), host: "a.example".to_owned(), length }
    }

    fn routed(id: &str, request: Request) -> Routed {
        let (id, client) = (id.to_owned(), client(0).to_string());
        Routed { id, client, request, status: 200, sent: true, refused: false }
    }

    fn seen(id: &str, marker: &str, request: Request) -> Seen {
        Seen { id: id.to_owned(), marker: marker.to_owned(), upgrade: false, request, whole: true }
    }

    /// The violations of one case that was answered in full, as was its sentinel.
    fn violations(wanted: Wanted, case: &Routed, reports: &[Seen]) -> Vec<String> {
        let cases = [Case { name: "it".to_owned(), wire: Vec::new(), wanted }];
        let talks = [Talk { said: "HTTP/1.1 200 OK\r\n\r\nsaw sentinel-0000\n".to_owned(), closed: false }];
        let sentinel = routed("s", request("GET", "/sentinel-0000", 0));
        let mut outcome = Outcome::default();
        judge(&cases, &talks, &[case.clone(), sentinel], reports, &mut outcome);
        outcome.violations
    }

    #[test]
    fn what_is_seen_as_it_was_meant_is_no_violation() {
        let post = || request("POST", "/case-0000", 5);
        let sentinel = || seen("s", "sentinel-0000", request("GET", "/sentinel-0000", 0));
        let whole = [seen("c", "case-0000", post()), sentinel()];
        assert_eq!(violations(Wanted::Served, &routed("c", post()), &whole), Vec::<String>::new());
        let broken = [Seen { whole: false, ..seen("c", "case-0000", request("POST", "/case-0000", 2)) }, sentinel()];
        let cut = Routed { status: 499, ..routed("c", post()) };
        assert_eq!(violations(Wanted::Broken, &cut, &broken), Vec::<String>::new());
        let there = Routed { status: 400, ..routed("c", post()) };
        assert_eq!(violations(Wanted::Either, &there, &[Seen::default(), sentinel()]), Vec::<String>::new());
    }

    #[test]
    fn every_other_report_is_a_violation() {
        let post = || request("POST", "/case-0000", 5);
        let case = || seen("c", "case-0000", post());
        let sentinel = || seen("s", "sentinel-0000", request("GET", "/sentinel-0000", 0));
        let inner = seen("", "inner-0000", request("GET", "/inner-0000", 0));
        for (what, reports, told) in [
            ("not seen", vec![sentinel()], "not seen"),
            ("seen twice", vec![case(), case(), sentinel()], "; "),
            ("another length", vec![seen("c", "case-0000", request("POST", "/case-0000", 0)), sentinel()], "0 bytes"),
            ("another target", vec![seen("c", "case-0000", request("POST", "/x", 5)), sentinel()], "/x"),
            ("smuggled", vec![case(), inner, sentinel()], "not routed"),
            ("made an upgrade", vec![Seen { upgrade: true, ..case() }, sentinel()], "asked for an upgrade"),
            ("a refusal too many", vec![case(), Seen::default(), sentinel()], "not routed"),
            ("mixed", vec![case(), seen("s", "case-0000", request("GET", "/sentinel-0000", 0))], "sentinel was seen"),
        ] {
            let violations = violations(Wanted::Served, &routed("c", post()), &reports);
            assert!(matches!(&*violations, [one] if one.contains(told)), "{what}: {violations:?}");
        }
    }

    #[test]
    fn what_is_refused_is_not_answered_and_what_is_clean_is() {
        let post = request("POST", "/case-0000", 5);
        let sentinel = seen("s", "sentinel-0000", request("GET", "/sentinel-0000", 0));
        let reports = [seen("c", "case-0000", post.clone()), sentinel.clone()];
        assert_eq!(violations(Wanted::Refused, &routed("c", post.clone()), &reports).len(), 1);
        assert_eq!(violations(Wanted::Broken, &routed("c", post.clone()), &reports).len(), 1);
        let there = Routed { status: 400, ..routed("c", post.clone()) };
        assert_eq!(violations(Wanted::Refused, &there, &[Seen::default(), sentinel.clone()]).len(), 1);
        let refused = Routed { status: 400, refused: true, ..routed("c", post) };
        assert_eq!(violations(Wanted::Served, &refused, &[sentinel]).len(), 1);
        assert_eq!(violations(Wanted::Either, &refused, &reports).len(), 1);
    }
}
