//! `loadtest churn`: routes change under load.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{CommandFactory, Parser};
use net_pingora_loadtest::churn::{Change, Error, Metric, Place, Plan, Report, html, json, run, text};
use net_pingora_loadtest::{Stop, Target, Threshold};

use crate::args::duration;
use crate::output::{OutputArgs, kept};
use crate::{exit, flags, plan, stop_on_interrupt, usage};

/// Routes that change under load: how long a change takes to its effect, what fails and what is stale meanwhile.
///
/// Writes KIngress, Service and EndpointSlice objects with names of its own to where a gateway reads them, and removes
/// them at the end. Two backends run meanwhile; each change moves one route from one to the other.
#[derive(Debug, Parser)]
#[command(name = "loadtest churn", version, max_term_width = 120)]
struct Args {
    /// The gateway: http://
    url: Target,
    /// The directory that the gateway reads its objects from; backends listen on loopback
    #[arg(long, value_name = "DIR", required_unless_present = "kubernetes")]
    directory: Option<PathBuf>,
    /// The gateway reads its objects from the cluster of KUBECONFIG, or of this pod
    #[arg(long, conflicts_with = "directory", requires = "advertise")]
    kubernetes: bool,
    /// With --kubernetes: this machine's address for the gateway, on which backends listen
    #[arg(long, value_name = "IP", requires = "kubernetes", conflicts_with = "directory")]
    advertise: Option<IpAddr>,

    /// Routes, each with a host of its own
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    routes: usize,
    /// Changes in all
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    changes: usize,
    /// Rest between a change's effect and the next change
    #[arg(long, value_parser = duration, default_value = "100ms", value_name = "TIME")]
    pause: Duration,
    /// Requests a second over all routes meanwhile
    #[arg(long, default_value_t = 200.0, value_name = "RATE")]
    rate: f64,
    /// Connections of these
    #[arg(short, default_value_t = 16, value_name = "COUNT")]
    c: usize,
    /// Seconds a request may take
    #[arg(short, default_value_t = 20.0, value_name = "SECONDS")]
    t: f64,
    /// So long after a change the old target is stale even if nobody has seen the new one
    #[arg(long, value_parser = duration, default_value = "1s", value_name = "TIME")]
    grace: Duration,
    /// How long a change may take to its effect before it is given up
    #[arg(long, value_parser = duration, default_value = "10s", value_name = "TIME")]
    patience: Duration,
    /// Namespace of the objects
    #[arg(long, default_value = "default", value_name = "NAME")]
    namespace: String,
    /// Their ingress class
    #[arg(long, default_value = "pingora.ingress.networking.knative.dev", value_name = "CLASS")]
    class: String,

    #[command(flatten)]
    texts: OutputArgs,
    #[arg(long = "threshold", value_name = "BOUND", help = THRESHOLDS)]
    thresholds: Vec<Threshold<Metric>>,
}

const THRESHOLDS: &str =
    "What the changes must keep to, as in 'effect_p90<100ms', 'errors=0', 'stale=0'; may be repeated";

pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = Args::parse_from(flags::normal(&Args::command(), arguments));
    let timeout = match plan::patience(args.t) {
        Ok(timeout) => timeout.unwrap_or(Duration::MAX),
        Err(error) => return usage(&error),
    };
    match changed(&args, timeout) {
        Err(error)
            if matches!(error.downcast_ref(), Some(Error::Plan(_) | Error::Scheme(_) | Error::Advertised(_))) =>
        {
            usage(&error)
        }
        report => exit(report.and_then(|report| {
            args.texts.write(|| text::text(&report), || json::text(&report), || html::text(&report))?;
            Ok(judge(&args, &report))
        })),
    }
}

fn changed(args: &Args, timeout: Duration) -> anyhow::Result<Report> {
    let plan = Plan {
        gateway: args.url.clone(),
        place: place(args).context("name a --directory, or --kubernetes and what to --advertise")?,
        namespace: args.namespace.clone(),
        class: args.class.clone(),
        routes: args.routes,
        changes: args.changes,
        pause: args.pause,
        rate: args.rate,
        connections: args.c,
        timeout,
        grace: args.grace,
        patience: args.patience,
    };
    let stop = Stop::default();
    stop_on_interrupt(&stop)?;
    let (terminal, mut number) = (std::io::stderr().is_terminal(), 0);
    let report = run(&plan, &stop, |change| {
        number += 1;
        if terminal {
            eprint!("\r\x1b[K{}", line(change, number, plan.changes));
        }
    });
    if terminal {
        eprint!("\r\x1b[K");
    }
    Ok(report?)
}

fn place(args: &Args) -> Option<Place> {
    args.advertise.map(Place::Kubernetes).or_else(|| args.directory.clone().map(Place::Directory))
}

fn line(change: &Change, number: usize, all: usize) -> String {
    let effect = change.effect.map(|effect| format!("{:.3} ms", effect.as_secs_f64() * 1000.0));
    format!("change {number}/{all}: {}", effect.as_deref().unwrap_or("no effect"))
}

/// Names what was missed; whether all changes had an effect and all thresholds were kept.
fn judge(args: &Args, report: &Report) -> bool {
    let without = report.without_effect();
    if without > 0 {
        eprintln!("loadtest: {without} changes had no effect within {:?}", args.patience);
    }
    kept(&args.thresholds, report) && without == 0
}
