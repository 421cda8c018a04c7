//! The full tier: what the gateway promises about load, memory, delay, cost and malformed requests, measured on the
//! built binary.
//!
//! `cargo run --release -p net-pingora-tests --bin full [-- CHECK...]` runs the checks one after the
//! other, each with processes and manifests of its own, and exits 1 when one of them fails.

#![expect(clippy::cast_precision_loss, reason = "figures are for people")]

mod abuse;
mod accounting;
mod backends;
mod certificates;
mod change;
mod chaos;
mod cpu;
mod findings;
mod framing;
mod h2spec;
mod hold;
mod instructions;
mod lookup;
mod manifests;
mod process;
mod rename;
mod soak;
mod split;
mod tls;
mod tools;
mod transfer;

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};

use crate::abuse::{Attack, Order};
use crate::backends::Helper;
use crate::findings::{Findings, Tally};

/// Measure what the gateway promises: exits 0 when every figure is within its bound, else 1.
#[derive(Debug, Parser)]
struct Args {
    /// What to measure [default: everything]
    checks: Vec<Check>,

    /// Only a short look at whether the checks themselves work; its figures prove nothing
    #[arg(long)]
    quick: bool,

    /// Measure what is built already
    #[arg(long)]
    no_build: bool,

    /// Be a process that a check needs beside it
    #[arg(long, hide = true)]
    helper: Option<Helper>,

    /// Only these attacks of abuse [default: all]
    #[arg(long, value_name = "ATTACK", value_delimiter = ',')]
    attacks: Vec<Attack>,

    /// Be an attacker
    #[arg(long, hide = true)]
    attack: Option<Order>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Check {
    /// Shares of an 80/20/0 split over 10,000 requests
    Split,
    /// Every kind of traffic at once, three times: no error, bounded memory
    Soak,
    /// 200 renames of a target under load: no error, soon in effect
    Rename,
    /// 1,000 certificates, 600 replaced under handshakes: none fails, soon in effect, bounded memory
    Certificates,
    /// TLS handshakes and requests beside nginx and Envoy, one worker each
    Tls,
    /// CPU per request beside a bare pingora-proxy
    Cpu,
    /// One look-up among 100,000 hosts: time, and instructions beside 10 hosts
    Lookup,
    /// Instructions of one request with 10,000 routes beside one route
    Instructions,
    /// CPU of one change among 100,000 hosts
    Change,
    /// Malformed HTTP/1 to Go, nginx and hyper: each sees what the gateway meant, or nothing
    Framing,
    /// h2spec against both ports that speak HTTP/2
    H2spec,
    /// Traffic whose every answer is checked while endpoints, files, gateways and clients fail
    Chaos,
    /// 10,000 requests that wait for a pod: memory of each, who is too many, all answered in the end
    Hold,
    /// Twelve attacks beside good traffic: none of it fails or is slow, bounded memory and connections
    Abuse,
}

impl Check {
    fn run(self, args: &Args) -> anyhow::Result<Findings> {
        let quick = args.quick;
        match self {
            Self::Split => split::run(),
            Self::Soak => soak::run(quick),
            Self::Rename => rename::run(quick),
            Self::Certificates => certificates::run(quick),
            Self::Tls => tls::run(quick),
            Self::Cpu => cpu::run(quick),
            Self::Lookup => lookup::run(quick),
            Self::Instructions => instructions::run(quick),
            Self::Change => change::run(),
            Self::Framing => framing::run(quick),
            Self::H2spec => h2spec::run(),
            Self::Chaos => chaos::run(quick),
            Self::Hold => hold::run(quick),
            Self::Abuse => abuse::run(quick, &args.attacks),
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    process::raise_open_files()?;
    if let Some(helper) = args.helper {
        backends::run(helper)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(order) = args.attack {
        order.follow()?;
        return Ok(ExitCode::SUCCESS);
    }
    if !args.no_build {
        process::build()?;
    }
    let checks = if args.checks.is_empty() { Check::value_variants() } else { &args.checks };
    let mut tally = Tally::default();
    for check in checks {
        let start = Instant::now();
        let outcome = check.run(&args);
        tally.note(&check.name(), outcome, start.elapsed());
    }
    Ok(tally.close())
}
