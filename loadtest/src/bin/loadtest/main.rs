//! The command: arguments in, a plan run, a report printed and judged.

mod args;
mod compare;
mod flags;
mod plan;
mod progress;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use net_pingora_loadtest::{PlanError, Report, Stop, report, run};

use self::args::{Args, Output};
use self::progress::Progress;

/// Something the run was to keep to was missed, or it could not be run.
const MISSED: u8 = 1;

/// The command line says what cannot be done.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == "compare") {
        return compare::main(std::env::args_os().skip(1));
    }
    let args = Args::parse_from(flags::normal(std::env::args_os()));
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
    let told = ran.and_then(|report| tell(&args, &report).map(|()| report));
    match told {
        Ok(report) if judge(&args, &report) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(MISSED),
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
    let json_to_stdout = args.json.as_deref() == Some("-");
    if args.output == Some(Output::Csv) {
        put("-", &report::csv::text(report))?;
    } else if !json_to_stdout {
        put("-", &report::hey::text(report))?;
    }
    if let Some(file) = &args.json {
        put(file, &report::json::text(report))?;
    }
    if let Some(file) = &args.html {
        put(file, &report::html::text(report))?;
    }
    Ok(())
}

/// Writes to a file, or to standard output for `-`.
fn put(file: &str, text: &str) -> anyhow::Result<()> {
    if file == "-" {
        return std::io::stdout().lock().write_all(text.as_bytes()).context("write to standard output");
    }
    std::fs::write(file, text).with_context(|| format!("write {file}"))
}

/// Names what was missed; whether all was kept to.
fn judge(args: &Args, report: &Report) -> bool {
    let mut kept = true;
    for threshold in &args.thresholds {
        if let Err(missed) = threshold.check(report) {
            eprintln!("loadtest: {missed}");
            kept = false;
        }
    }
    for share in report.shares.iter().filter(|share| !share.agrees()) {
        let (from, until) = share.interval;
        let (name, percent) = (&share.name, share.percent);
        eprintln!("loadtest: share {name} missed: {percent:.3} %, not within {from:.3} to {until:.3} %");
        kept = false;
    }
    kept
}
