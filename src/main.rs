//! The command line of net-pingora: reads it, hands over, and turns the outcome into an exit status.

mod check;
mod cluster;
mod compile;
mod completion;
mod demo;
mod dns;
mod doctor;
mod explain;
mod live;
mod log;
mod objects;
mod open_files;
mod serve;
mod server;

use std::io::{ErrorKind, stdout};
use std::process::ExitCode;

use clap::Parser;
use net_pingora_config::{Cli, Command};

#[global_allocator]
static ALLOCATOR: net_pingora_allocator::MiMalloc = net_pingora_allocator::MiMalloc;

fn main() -> ExitCode {
    net_pingora_allocator::configure();
    let outcome = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args, &mut stdout().lock()),
        Command::Compile(args) => compile::run(&args, &mut stdout().lock()),
        Command::Explain(args) => explain::run(&args, &mut stdout().lock()),
        Command::Doctor(args) => doctor::run(&args, &mut stdout().lock()),
        Command::Completion(args) => completion::run(args, &mut stdout().lock()),
    };
    outcome.unwrap_or_else(|error| {
        if !is_broken_pipe(&error) {
            eprintln!("net-pingora: {error:#}");
        }
        ExitCode::FAILURE
    })
}

/// Whether our reader went away, as in `net-pingora check DIR | head`.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
