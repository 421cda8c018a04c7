//! `loadtest cold`: bursts at a route that sleeps.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use net_pingora_loadtest::cold::{Bursts, Metric, Report, html, json, run, text};
use net_pingora_loadtest::{Plan, Stop, Target, Threshold};

use crate::args::{ProtocolArgs, RequestArgs, duration};
use crate::output::{OutputArgs, kept};
use crate::{exit, flags, plan, stop_on_interrupt, usage};

/// Bursts at a route that sleeps: what is held, and when it is answered.
///
/// Requests that wait have a connection, or a stream, each. Times are those to the first byte of good answers.
#[derive(Debug, Parser)]
#[command(name = "loadtest cold", version, max_term_width = 120)]
struct Args {
    /// What to ask: http://, https://, ws:// or wss://
    url: Target,

    /// Requests of a burst
    #[arg(short, default_value_t = 100, value_name = "COUNT")]
    n: usize,
    /// The time over which they are sent, evenly; 0 is all at once
    #[arg(long, value_parser = duration, default_value = "0", value_name = "TIME")]
    over: Duration,
    /// Bursts
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    repeat: usize,
    /// Rest between two bursts, in which the route falls asleep
    #[arg(long, value_parser = duration, default_value = "90s", value_name = "TIME")]
    idle: Duration,
    /// Seconds a request may take; 0 is for ever
    #[arg(short, default_value_t = 120.0, value_name = "SECONDS")]
    t: f64,

    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    protocol: ProtocolArgs,

    #[command(flatten)]
    texts: OutputArgs,
    /// What the bursts must keep to, as in 'p99<2s', 'first<1s', 'errors=0'; may be repeated
    #[arg(long = "threshold", value_name = "BOUND")]
    thresholds: Vec<Threshold<Metric>>,
}

pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = Args::parse_from(flags::normal(&Args::command(), arguments));
    let (plan, bursts) = match asked(&args) {
        Ok(asked) => asked,
        Err(error) => return usage(&error),
    };
    exit(bursts_of(plan, bursts).and_then(|report| {
        args.texts.write(|| text::text(&report), || json::text(&report), || html::text(&report))?;
        Ok(kept(&args.thresholds, &report))
    }))
}

fn asked(args: &Args) -> anyhow::Result<(Plan, Bursts)> {
    anyhow::ensure!(args.repeat > 0, "--repeat must be at least 1");
    let mut plan = plan::asking(&args.url, &args.request, &args.protocol)?;
    plan.timeout = plan::patience(args.t)?;
    Ok((plan, Bursts { requests: args.n, over: args.over, repeat: args.repeat, idle: args.idle }))
}

fn bursts_of(plan: Plan, bursts: Bursts) -> anyhow::Result<Report> {
    let stop = Stop::default();
    stop_on_interrupt(&stop)?;
    let mut number = 0;
    Ok(run(plan, bursts, &stop, |burst| {
        number += 1;
        if std::io::stderr().is_terminal() {
            let (ended, errors) = (burst.requests.len(), burst.errors());
            eprintln!("burst {number} of {}: {ended} requests, {errors} errors", bursts.repeat);
        }
    })?)
}
