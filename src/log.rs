//! Where log events go: standard error, as text or JSON.

use std::io::{IsTerminal, stderr};

use anyhow::Context;
use net_pingora_config::{LogArgs, LogFormat};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that wait to be written; their queue takes its memory at once.
const WAITING_LINES: usize = 8_192;

/// Libraries that would let a client fill the log, unless the level names them.
const QUIET: &str = "rustls=error";

/// Sets the process's log up; to be called once. Lines are written as long as the guard lives.
///
/// A thread of its own writes them: when nobody reads fast enough, lines are lost and requests go on.
pub(crate) fn start(args: &LogArgs) -> anyhow::Result<WorkerGuard> {
    let filter =
        EnvFilter::try_new(format!("{QUIET},{}", args.log_level)).context("--log-level: write a level such as info")?;
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).finish(stderr());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(stderr().is_terminal());
    match args.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(guard)
}
