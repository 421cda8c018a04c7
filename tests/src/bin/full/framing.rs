//! Malformed and ambiguous HTTP/1 requests, each before a sentinel on a connection of its own: what a backend
//! sees is what the gateway meant, or nothing.

mod backends;
mod case;
mod chunks;
mod classics;
mod codings;
mod first;
mod hops;
mod hosts;
pub(crate) mod hyper;
mod judge;
mod lengths;
mod lines;
mod records;
mod strangers;
mod talk;

use std::fs::{self, File};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use tokio::runtime::Builder;

use self::backends::Backend;
use self::case::Case;
use self::judge::Outcome;
use crate::findings::Findings;
use crate::manifests::Folder;
use crate::process::{Process, gateway_command};

/// As many cases as are promised.
const LEAST: usize = 300;

/// How long no log must have grown before it counts as complete.
const QUIET: Duration = Duration::from_millis(500);

pub(crate) fn run(quick: bool) -> anyhow::Result<Findings> {
    let files = Folder::new()?;
    let cases = cases();
    let mut found = Findings::default();
    found.bound(cases.len() >= LEAST, format_args!("{} cases", cases.len()), "at least 300");
    for backend in backends::start(files.path())? {
        let mut outcome = Outcome::default();
        for cut in if quick { vec![false] } else { vec![false, true] } {
            play(&backend, files.path(), &cases, cut, &mut outcome)?;
        }
        tell(&mut found, backend.name, &outcome);
    }
    Ok(found)
}

fn cases() -> Vec<Case> {
    let tables = [
        lengths::cases(),
        codings::cases(),
        chunks::cases(),
        lines::cases(),
        first::cases(),
        hosts::cases(),
        hops::cases(),
        classics::cases(),
    ];
    tables.into_iter().flatten().collect()
}

/// Sends every case to one backend, through a gateway that routes to no other.
fn play(backend: &Backend, files: &Path, cases: &[Case], cut: bool, outcome: &mut Outcome) -> anyhow::Result<()> {
    let folder = Folder::new()?;
    folder.service("backend", backend.address)?;
    folder.route("a.example", &[("backend", 100)])?;
    let log = files.join("gateway.log");
    let flags = ["--access-log", "--log-format", "json", "--log-level", "error,access=info"];
    let mut command = gateway_command(folder.path(), &flags, None)?;
    let gateway = Process::start(command.stderr(File::create(&log)?), &["external-http"])?;
    let address = gateway.address("external-http")?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let before = records::seen(&backend.log)?.len();
    let mut talks = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        talks.push(runtime.block_on(talk::talk(address, at, case, cut))?);
    }
    settle(&[&log, &backend.log])?;
    let seen = records::seen(&backend.log)?.split_off(before);
    judge::judge(cases, &talks, &records::routed(&log)?, &seen, outcome);
    Ok(())
}

/// Waits until nothing is written any more.
fn settle(logs: &[&Path]) -> std::io::Result<()> {
    let mut before = u64::MAX;
    loop {
        let mut now = 0;
        for log in logs {
            now += fs::metadata(log)?.len();
        }
        if now == before {
            return Ok(());
        }
        before = now;
        sleep(QUIET);
    }
}

fn tell(found: &mut Findings, backend: &str, outcome: &Outcome) {
    let Outcome { refused, passed, refused_there, broken_off, sentinels, violations } = outcome;
    found.figure(format_args!(
        "{backend}: {refused} refused, {passed} passed, {refused_there} passed and refused there, \
         {broken_off} broken off, {sentinels} sentinels answered"
    ));
    for violation in violations {
        found.violation(format_args!("{backend}, {violation}"));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_case_has_its_own_name_and_wire_text() {
        let cases = cases();
        let (mut names, mut wires) = (HashSet::new(), HashSet::new());
        let twice = cases.iter().filter(|case| !names.insert(&case.name) | !wires.insert(&case.wire));
        assert_eq!(twice.map(|case| &*case.name).collect::<Vec<_>>(), Vec::<&str>::new());
        assert!(cases.len() >= LEAST);
    }
}
