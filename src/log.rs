//! Where log events go: standard error, as text or JSON.

use std::io::{IsTerminal, stderr};

use anyhow::Context;
use net_pingora_config::{LogArgs, LogFormat};
use tracing_subscriber::EnvFilter;

/// Sets the process's log up; to be called once.
pub(crate) fn start(args: &LogArgs) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&args.log_level).context("--log-level: write a level such as info")?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(stderr().is_terminal());
    match args.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}
