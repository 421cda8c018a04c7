//! The command line of `loadtest compare`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use net_pingora_loadtest::time;

use super::cores::List;
use super::proxies::Kind;
use super::work::Work;

/// Measures reverse proxies beside each other on this machine: CPU per request, requests per second, latency at one
/// rate, memory.
///
/// Each proxy is started here with an equivalent configuration, its workers pinned to cores of their own; client and
/// backend share the other cores. Proxies take turns in every round. What is not installed is left out.
#[derive(Debug, Parser)]
#[command(name = "loadtest compare", version, max_term_width = 120, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// HTTP/1.1, h2c, TLS and 10,000 routes only: about eleven minutes
    #[arg(long, conflicts_with = "work")]
    pub(crate) quick: bool,
    /// Only these proxies, with commas
    #[arg(long, value_enum, value_name = "PROXY", value_delimiter = ',')]
    pub(crate) only: Vec<Kind>,
    /// Only these kinds of work, with commas
    #[arg(long, value_enum, value_name = "WORK", value_delimiter = ',')]
    pub(crate) work: Vec<Work>,
    /// Turns of each proxy [default: as many as take 170s for one kind of work, so the fewer proxies the more]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: Option<u32>,
    /// Length of a turn as fast as can be; latencies at the fixed rate are measured for half of it
    #[arg(long, default_value = "750ms", value_name = "TIME", value_parser = duration)]
    pub(crate) time: Duration,
    /// Workers of each proxy, each with a core; client and backend have the cores that are left
    #[arg(long, default_value_t = 1, value_name = "COUNT", value_parser = at_least_one)]
    pub(crate) threads: usize,
    /// Only see that each proxy answers one request of every work
    #[arg(long, conflicts_with_all = ["json", "markdown"])]
    pub(crate) check: bool,
    /// Write all figures of all turns as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write tables as Markdown, and the plots they link beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) helper: Option<Helper>,
}

/// What this program is when it starts itself.
#[derive(Debug, Subcommand)]
pub(crate) enum Helper {
    /// Become another program on some cores, which ends with its parent
    #[command(hide = true, trailing_var_arg = true)]
    Pinned {
        parent: u32,
        cores: List,
        program: PathBuf,
        #[arg(allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
    /// Answer requests
    #[command(hide = true)]
    Backend { threads: usize },
    /// Pass bytes on
    #[command(hide = true)]
    Relay { listen: SocketAddr, to: SocketAddr, threads: usize },
}

fn duration(text: &str) -> Result<Duration, String> {
    let long_enough = time::parse(text).filter(|time| *time >= Duration::from_millis(100));
    long_enough.ok_or_else(|| "write a number with a unit, as in 3s or 500ms, of at least 100ms".to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "write a number of at least 1".to_owned())
}
