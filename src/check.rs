//! `check`: every fault of a folder or a cluster, one line each.

use std::io::Write;
use std::process::ExitCode;

use net_pingora_config::CheckArgs;

/// Prints the faults; exits 1 when there is one.
pub(crate) fn run(args: &CheckArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let loaded = crate::objects::read(args.from.as_deref(), &args.objects)?;
    for notice in &loaded.notices {
        eprintln!("{notice}");
    }
    for fault in &loaded.faults {
        writeln!(out, "{fault}")?;
    }
    match loaded.faults.len() {
        0 => {
            writeln!(out, "{} objects, no faults", loaded.count)?;
            return Ok(ExitCode::SUCCESS);
        }
        1 => eprintln!("1 fault"),
        count => eprintln!("{count} faults"),
    }
    Ok(ExitCode::FAILURE)
}
