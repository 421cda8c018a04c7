//! `loadtest compare`: proxies beside each other on this machine.

mod account;
mod args;
mod backend;
mod certificate;
mod check;
mod contestant;
mod cores;
mod figures;
mod idle;
mod interrupt;
mod machine;
mod outcome;
mod process;
mod progress;
mod proxies;
mod relay;
mod report;
mod rounds;
mod work;

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};

use self::args::{Args, Helper};
use self::backend::Backend;
use self::certificate::Certificate;
use self::contestant::{Field, Installed};
use self::cores::Cores;
use self::interrupt::Interrupt;
use self::machine::Machine;
use self::outcome::Outcome;
use self::progress::Progress;
use self::proxies::Kind;
use self::report::{Comparison, configuration, json, markdown, table};
use self::rounds::Scale;
use self::work::Work;

/// Compares by these arguments, of which the first is the program's name: 0 when all rules were kept to, 1 when one was
/// not or a proxy failed, 2 for bad usage.
pub(crate) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let args = Args::parse_from(arguments);
    let done = match &args.helper {
        Some(helper) => help(helper).map(|()| true),
        None => compare(&args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("loadtest compare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn help(helper: &Helper) -> anyhow::Result<()> {
    match helper {
        Helper::Pinned { parent, cores, program, arguments } => {
            Err(process::become_pinned(*parent, cores, Command::new(program).args(arguments)))
        }
        Helper::Backend { threads } => backend::serve(*threads),
        Helper::Relay { listen, to, threads } => relay::serve(*listen, *to, *threads),
    }
}

/// Whether all went well.
fn compare(args: &Args) -> anyhow::Result<bool> {
    let (begin, machine, progress) = (Instant::now(), Machine::look(), Progress::new());
    let interrupt = Interrupt::listen()?;
    let cores = Cores::shared(args.threads)?;
    cores.others.pin()?;
    idle::raise_open_files()?;
    let (installed, left_out) = find(&args.only);
    for line in &left_out {
        progress.note(line);
    }
    ensure!(!installed.is_empty(), "none of the proxies is installed");
    let folder = tempfile::Builder::new().prefix("loadtest-compare-").tempdir().context("a folder for the proxies")?;
    let field = Field {
        backend: Backend::start(&cores, folder.path())?,
        cores,
        certificate: Certificate::new()?,
        folder: folder.path().to_owned(),
        scale: Scale { rounds: args.rounds, time: args.time },
        progress,
        interrupt,
    };
    if args.check {
        return see(&field, &installed, &works(args));
    }
    let outcomes = measure(&field, &installed, &works(args))?;
    let comparison = Comparison {
        command: command_line(),
        machine,
        cores: field.cores,
        scale: field.scale,
        took: begin.elapsed(),
        versions: installed.iter().map(|one| (one.kind, one.kind.version(&one.program))).collect(),
        configurations: configurations(&installed, args.threads)?,
        left_out,
        judged: check::judge(&outcomes),
        outcomes,
    };
    tell(args, &comparison)?;
    Ok(comparison.is_good())
}

/// The proxies that are wanted and installed, and a line for each that is not.
fn find(only: &[Kind]) -> (Vec<Installed>, Vec<String>) {
    let (mut installed, mut left_out) = (Vec::new(), Vec::new());
    for kind in Kind::value_variants().iter().filter(|kind| only.is_empty() || only.contains(kind)) {
        match kind.find() {
            Ok(program) => installed.push(Installed { kind: *kind, program }),
            Err(missing) => left_out.push(missing.to_string()),
        }
    }
    (installed, left_out)
}

fn works(args: &Args) -> Vec<Work> {
    match &args.work {
        _ if args.quick => Work::QUICK.to_vec(),
        works if works.is_empty() => Work::value_variants().to_vec(),
        works => works.clone(),
    }
}

/// Sees that each proxy answers a request of each work.
fn see(field: &Field, installed: &[Installed], works: &[Work]) -> anyhow::Result<bool> {
    let mut good = true;
    for work in works {
        for installed in installed.iter().filter(|installed| installed.kind.does(*work)) {
            let (work_name, name) = (work.name(), installed.kind.name());
            field.progress.tell(&format!("{work_name}: {name}"));
            let said = match field.start(installed, *work) {
                Ok(_) => "answers".to_owned(),
                Err(error) => {
                    good = false;
                    format!("failed: {error:#}")
                }
            };
            field.progress.note(&format!("{work_name}: {name} {said}"));
            field.interrupt.check()?;
        }
    }
    Ok(good)
}

fn measure(field: &Field, installed: &[Installed], works: &[Work]) -> anyhow::Result<Vec<Outcome>> {
    let lasts = |work: &Work| field.scale.lasts(*work, installed.iter().filter(|one| one.kind.does(*work)).count());
    let all: Duration = works.iter().map(lasts).sum();
    if cfg!(debug_assertions) {
        field.progress.note("figures of a debug build prove nothing; use cargo run --release");
    }
    field.progress.note(&format!("this takes about {} min", all.as_millis().div_ceil(60_000)));
    let mut outcomes = Vec::new();
    for work in works {
        let begin = Instant::now();
        let outcome = rounds::measure(field, installed, *work)?;
        field.progress.note(&format!("{}: {} s", work.name(), begin.elapsed().as_secs()));
        println!("{}\n\n{}", work.title(), table::text(&outcome));
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn configurations(installed: &[Installed], threads: usize) -> anyhow::Result<Vec<(Kind, String)>> {
    installed.iter().map(|one| Ok((one.kind, configuration::text(one, threads)?))).collect()
}

fn tell(args: &Args, comparison: &Comparison) -> anyhow::Result<()> {
    for judged in &comparison.judged {
        println!("{:<8}  net-pingora, {}: {:.3}", judged.verdict(), judged.rule, judged.ratio);
    }
    if let Some(path) = &args.json {
        std::fs::write(path, json::text(comparison)).with_context(|| format!("write {}", path.display()))?;
    }
    if let Some(path) = &args.markdown {
        markdown::write(comparison, path)?;
    }
    Ok(())
}

/// The command line, without the folder of this program.
fn command_line() -> String {
    let arguments = std::env::args().skip(1);
    std::iter::once("loadtest".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}
