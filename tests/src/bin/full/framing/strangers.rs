//! Reports of what was never routed.

use std::collections::HashSet;

use super::judge::Trial;
use super::records::Seen;

/// How far from its neighbours a report may come: some backends write it after they have answered.
const ASTRAY: usize = 2;

/// Every report that belongs to no request of the gateway.
///
/// One without an id is of something that the backend refused before it knew more: it belongs to a request of about
/// that time that the backend has not answered otherwise. One of those explains one report.
pub(super) fn strangers(trials: &[Trial<'_>], reported: &HashSet<&str>, seen: &[Seen]) -> Vec<String> {
    let cases_of =
        |id: &str| trials.iter().position(|trial| trial.routed.iter().any(|routed| routed.sent && routed.id == id));
    let mut unanswered: Vec<_> = (trials.iter().enumerate())
        .flat_map(|(at, trial)| trial.routed.iter().map(move |routed| (at, routed)))
        .filter(|(_, routed)| routed.sent && !routed.answered() && !reported.contains(&*routed.id))
        .map(|(at, _)| at)
        .collect();
    let places: Vec<_> = seen.iter().map(|seen| cases_of(&seen.id)).collect();
    let mut violations = Vec::new();
    let mut before = 0;
    for (at, (seen, place)) in seen.iter().zip(&places).enumerate() {
        if let Some(place) = place {
            before = *place;
            continue;
        }
        let after = places.iter().skip(at).find_map(|place| *place).unwrap_or(trials.len());
        let near = before.saturating_sub(ASTRAY)..=after.saturating_add(ASTRAY);
        let explained =
            unanswered.iter().position(|at| near.contains(at)).filter(|_| seen.id.is_empty() && !seen.whole);
        match explained {
            Some(at) => drop(unanswered.remove(at)),
            None => violations.push(stranger(trials, before, seen)),
        }
    }
    violations
}

fn stranger(trials: &[Trial<'_>], before: usize, seen: &Seen) -> String {
    let name = trials.get(before).map_or("", |trial| &trial.case.name);
    format!("{name}: in it or soon after it was seen what was not routed: {seen}")
}
