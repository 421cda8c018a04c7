//! Attacks on the gateway beside good traffic, one after the other, and what idle connections cost.

mod attack;
mod attacker;
mod client;
mod continuation;
mod frames;
mod good;
mod held;
mod hpack_bomb;
mod idle;
mod made_you_reset;
mod ping;
mod rapid_reset;
mod settings;
mod siege;
mod slow_body;
mod slow_head;
mod slow_read;
mod sockets;
mod stage;
mod zero_window;

use std::time::Duration;

use anyhow::ensure;
use clap::ValueEnum;

pub(crate) use self::attack::{Attack, Order};

use self::good::Good;
use self::siege::{Siege, besiege};
use self::stage::Stage;
use crate::findings::{Findings, tell};
use crate::process::ask_for_open_files;

/// How long an attack goes on, and the good are asked for before it.
const TIME: Duration = Duration::from_secs(30);
const QUICK_TIME: Duration = Duration::from_secs(3);

/// Files that 20,000 idle connections need, and the rest.
const FILES: u64 = 32_000;

/// What the p99 of the good may be of what it was without an attack, which counts as 3 ms at least: attackers
/// and endpoints have the same cores as the gateway.
const MOST_SLOWDOWN: u32 = 3;
const LEAST_BASELINE: Duration = Duration::from_millis(3);

/// How late one good request of a hundred may be sent.
const MOST_LATE: Duration = Duration::from_millis(5);

/// Bytes of memory that the gateway may grow by in an attack, and still have after it.
const MOST_GROWTH: u64 = 50_000_000;
const MOST_LEFT: u64 = 10_000_000;

/// Connections to endpoints beside those that the attack's own requests need.
const OTHERS: usize = 200;

pub(crate) fn run(quick: bool, only: &[Attack]) -> anyhow::Result<Findings> {
    let time = if quick { QUICK_TIME } else { TIME };
    let files = ask_for_open_files(FILES)?;
    let mut found = Findings::default();
    let before = peace(time)?;
    let most = before.max(LEAST_BASELINE) * MOST_SLOWDOWN;
    found.figure(format_args!("p99 without an attack {before:.1?}, so at most {most:.1?}, {files} open files allowed"));
    let attacks = if only.is_empty() { Attack::value_variants() } else { only };
    for attack in attacks {
        // What becomes of one says nothing of the others.
        match steadily(*attack, time) {
            Ok(siege) => judge(&mut found, *attack, most, &siege),
            Err(error) => found.demand(false, format_args!("{attack}: {error:#}"), "figures"),
        }
    }
    if only.is_empty() {
        held::measure(&mut found, quick)?;
    }
    Ok(found)
}

/// An attack; once more if something else kept this machine from sending in time.
fn steadily(attack: Attack, time: Duration) -> anyhow::Result<Siege> {
    let siege = besiege(attack, time)?;
    if siege.answers.late() <= MOST_LATE { Ok(siege) } else { besiege(attack, time) }
}

/// The p99 of good requests that nobody disturbs.
fn peace(time: Duration) -> anyhow::Result<Duration> {
    let stage = Stage::start()?;
    let good = Good::connect(stage.at)?;
    siege::warm_up(&good)?;
    let answers = good.ask(time)?;
    ensure!(answers.failed() == 0, "without an attack: {}", answers.reasons());
    let late = answers.late();
    ensure!(
        late <= MOST_LATE,
        "this machine is too busy to measure: without an attack, requests are sent {late:.1?} late"
    );
    Ok(answers.p99())
}

fn judge(found: &mut Findings, attack: Attack, most: Duration, siege: &Siege) {
    let Siege { answers, later, grown, left, upstreams, back, said, .. } = siege;
    let (p99, failed, requests) =
        (answers.p99(), answers.failed() + later.failed(), attack.requests() as usize + OTHERS);
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let (grown_by, left_over) = (megabytes(*grown), megabytes(*left));
    let came_back = back.map_or("not back".to_owned(), |after| format!("back after {after:.1?}"));
    tell(format_args!(
        "{attack}: p99 {p99:.1?} (sent {:.1?} late), {failed} of {} failed, memory +{grown_by:.1} MB, {upstreams} upstream connections \
         of at most {requests}, {came_back}; {said}",
        answers.late(),
        answers.count() + later.count(),
    ));
    found.demand(
        failed == 0,
        format_args!("{attack}: {failed} failed, {}; {}", answers.reasons(), later.reasons()),
        "none",
    );
    found.demand(p99 <= most, format_args!("{attack}: p99 {p99:.1?}"), &format!("at most {most:.1?}"));
    found.demand(*grown <= MOST_GROWTH, format_args!("{attack}: memory +{grown_by:.1} MB"), "at most 50 MB");
    let most = format!("at most {requests}");
    found.demand(*upstreams <= requests, format_args!("{attack}: {upstreams} upstream connections"), &most);
    let left = format_args!("{attack}: {left_over:.1} MB and {} connections left", siege.connections);
    found.demand(back.is_some(), left, "at most 10 MB and none");
}
