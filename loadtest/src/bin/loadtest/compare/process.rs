//! Processes that are started for a comparison, and end with it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

use super::cores::List;

/// How long a process may take to end after SIGTERM.
const END: Duration = Duration::from_secs(3);

/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// A process that is ended when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Open for as long as the process may write to it.
    stdout: BufReader<ChildStdout>,
    log: PathBuf,
}

impl Process {
    /// Starts a program on some cores; it writes its errors to `log`.
    pub(crate) fn start(command: &Command, cores: &List, log: &Path) -> anyhow::Result<Self> {
        let errors = File::create(log).with_context(|| format!("create {}", log.display()))?;
        let mut pinned = Command::new(this_program()?);
        pinned.args(["compare", "pinned", &std::process::id().to_string(), &cores.to_string()]);
        pinned.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => pinned.env(name, value),
                None => pinned.env_remove(name),
            };
        }
        let mut child = pinned
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("start {}", command.get_program().display()))?;
        let stdout = child.stdout.take().map(BufReader::new).context("no output")?;
        Ok(Self { child, stdout, log: log.to_owned() })
    }

    /// The next line it writes; an error when there will be none.
    pub(crate) fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            bail!("it ended: {}", self.errors());
        }
        Ok(line.trim_end().to_owned())
    }

    /// An error once it has ended.
    pub(crate) fn runs(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("it ended with {status}: {}", self.errors()),
            None => Ok(()),
        }
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The end of what it wrote to standard error.
    pub(crate) fn errors(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(5)).copied().collect::<Vec<_>>().join("; ")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let number = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        // It may have ended by itself.
        let _ = number.map(|number| kill_process(number, Signal::TERM));
        let begin = Instant::now();
        while begin.elapsed() < END {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Becomes a program that keeps to these cores and ends with the process `parent`, which started this one.
pub(crate) fn become_pinned(parent: u32, cores: &List, command: &mut Command) -> anyhow::Error {
    match cores.pin().and_then(|()| end_with(parent)) {
        Ok(()) => anyhow::Error::new(command.exec()).context(format!("start {}", command.get_program().display())),
        Err(error) => error,
    }
}

fn end_with(parent: u32) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    // Who was orphaned before that call gets no signal (prctl(2)).
    ensure!(parent_id() == parent, "process {parent}, which started this one, has ended");
    Ok(())
}

/// This program.
pub(crate) fn this_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("where this program is")
}

/// A port that nobody listens on now.
pub(crate) fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}
