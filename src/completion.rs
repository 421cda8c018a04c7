//! `completion`: the script that makes a shell complete our flags.

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use net_pingora_config::{Cli, CompletionArgs};

/// Prints the script.
pub(crate) fn run(args: CompletionArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "net-pingora", &mut script);
    out.write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
