//! The command: arguments in, a plan run, a report printed and judged.

mod args;
mod churn;
mod cold;
mod compare;
mod flags;
mod output;
mod plan;
mod progress;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser};
use net_pingora_loadtest::{PlanError, Report, Stop, report, run};

use self::args::{Args, Output};
use self::progress::Progress;

/// Something the run was to keep to was missed, or it could not be run.
const MISSED: u8 = 1;

/// The command line says what cannot be done.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    match arguments.get(1).and_then(|first| first.to_str()) {
        Some("churn") => churn::main(arguments.drain(1..)),
        Some("compare") => compare::main(arguments.drain(1..)),
        Some("cold") => cold::main(arguments.drain(1..)),
        _ => load(arguments),
    }
}

fn load(arguments: Vec<OsString>) -> ExitCode {
    let args = Args::parse_from(flags::normal(&Args::command(), arguments));
    let plan = match plan::plan(&args) {
        Ok(plan) => plan,
        Err(error) => return usage(&error),
    };
    let stop = Stop::default();
    let mut progress = std::io::stderr().is_terminal().then(|| Progress::new(plan.end));
    let ran = stop_on_interrupt(&stop).and_then(|()| {
        Ok(run(plan, &stop, |second| {
            if let Some(progress) = &mut progress {
                progress.show(second);
            }
        })?)
    });
    if progress.is_some() {
        Progress::clear();
    }
    exit(ran.and_then(|report| {
        tell(&args, &report)?;
        Ok(judge(&args, &report))
    }))
}

/// How the command ends: whether all bounds were kept, or why it could not be run.
fn exit(kept: anyhow::Result<bool>) -> ExitCode {
    match kept {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(MISSED),
        Err(error) if error.downcast_ref::<PlanError>().is_some_and(|error| !matches!(error, PlanError::Thread(_))) => {
            usage(&error)
        }
        Err(error) => {
            eprintln!("loadtest: {error:#}");
            ExitCode::from(MISSED)
        }
    }
}

fn usage(error: &anyhow::Error) -> ExitCode {
    eprintln!("loadtest: {error:#}\nloadtest --help tells all options");
    ExitCode::from(USAGE)
}

/// The first Ctrl-C ends the run; what was seen is printed. Another one ends the program.
fn stop_on_interrupt(stop: &Stop) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("wait for Ctrl-C")?;
    let stop = stop.clone();
    let wait = move || {
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.stop();
                drop(tokio::signal::ctrl_c().await);
                std::process::exit(i32::from(MISSED));
            }
        });
    };
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(wait).context("wait for Ctrl-C")?;
    Ok(())
}

/// Writes all texts that were asked for.
fn tell(args: &Args, report: &Report) -> anyhow::Result<()> {
    let summary = || match args.output {
        Some(Output::Csv) => report::csv::text(report),
        None => report::hey::text(report),
    };
    args.texts.write(summary, || report::json::text(report), || report::html::text(report))
}

/// Names what was missed; whether all was kept to.
fn judge(args: &Args, report: &Report) -> bool {
    let mut kept = output::kept(&args.thresholds, report);
    for share in report.shares.iter().filter(|share| !share.agrees()) {
        let (from, until) = share.interval;
        let (name, percent) = (&share.name, share.percent);
        eprintln!("loadtest: share {name} missed: {percent:.3} %, not within {from:.3} to {until:.3} %");
        kept = false;
    }
    kept
}
