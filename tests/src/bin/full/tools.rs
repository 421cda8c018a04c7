//! Load from hey, h2load and wrk, and what they say of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::findings::MissingTool;
use crate::process::pinned;

/// What a tool may take beyond the time it was given.
const GRACE: Duration = Duration::from_mins(1);

/// What a run of a tool came to.
#[derive(Debug)]
pub(crate) struct Load {
    /// Requests that were answered with 200.
    pub(crate) requests: u64,
    /// Everything else, in the tool's own words.
    pub(crate) errors: Vec<String>,
}

/// A load tool that is installed.
#[derive(Debug)]
pub(crate) struct Tool {
    path: PathBuf,
    core: Option<u8>,
}

impl Load {
    /// A run without a single answer is an error too.
    fn new(requests: u64, mut errors: Vec<String>, tool: &str) -> Self {
        if requests == 0 {
            errors.push(format!("{tool}: no request was answered"));
        }
        Self { requests, errors }
    }
}

impl Tool {
    pub(crate) fn hey() -> Result<Self, MissingTool> {
        Self::find("hey", "hey")
    }

    pub(crate) fn h2load() -> Result<Self, MissingTool> {
        Self::find("h2load", "nghttp2-client")
    }

    pub(crate) fn wrk() -> Result<Self, MissingTool> {
        Self::find("wrk", "wrk")
    }

    /// Finds a program by its name; the Debian package is named when there is none.
    pub(crate) fn find(tool: &'static str, package: &'static str) -> Result<Self, MissingTool> {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let mut paths = std::env::split_paths(&folders).map(|folder| folder.join(tool));
        let path = paths.find(|path| path.is_file()).ok_or(MissingTool { tool, package })?;
        Ok(Self { path, core: None })
    }

    /// Runs it on one core only.
    pub(crate) fn on_core(self, core: u8) -> Self {
        Self { core: Some(core), ..self }
    }

    /// Runs hey with these flags against a host of the gateway.
    pub(crate) fn run_hey(&self, flags: &[&str], host: &str, at: SocketAddr, within: Duration) -> anyhow::Result<Load> {
        Ok(read_hey(&self.run(within, |hey| hey.args(flags).args(["-host", host]).arg(format!("http://{at}/")))?))
    }

    /// Runs h2load with these flags for a time.
    pub(crate) fn run_h2load(
        &self,
        flags: &[&str],
        host: &str,
        at: SocketAddr,
        time: Duration,
    ) -> anyhow::Result<Load> {
        let text = self.run(time, |h2load| {
            let duration = format!("--duration={}", time.as_secs());
            h2load.args(flags).args([duration, format!("--connect-to={at}"), format!("http://{host}/")])
        })?;
        read_h2load(&text).with_context(|| format!("h2load says {text}"))
    }

    /// Where the program is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs wrk with these flags for a time.
    pub(crate) fn run_wrk(&self, flags: &[&str], host: &str, at: SocketAddr, time: Duration) -> anyhow::Result<Load> {
        self.run_wrk_over("http", flags, host, at, time)
    }

    /// The same with `http` or `https`.
    pub(crate) fn run_wrk_over(
        &self,
        scheme: &str,
        flags: &[&str],
        host: &str,
        at: SocketAddr,
        time: Duration,
    ) -> anyhow::Result<Load> {
        let text = self.run(time, |wrk| {
            let header = format!("Host: {host}");
            wrk.args(flags).args([
                format!("-d{}s", time.as_secs()),
                "-H".to_owned(),
                header,
                format!("{scheme}://{at}/"),
            ])
        })?;
        read_wrk(&text).with_context(|| format!("wrk says {text}"))
    }

    fn run(&self, time: Duration, flags: impl FnOnce(&mut Command) -> &mut Command) -> anyhow::Result<String> {
        let mut command = pinned(Path::new("timeout"), self.core);
        command.arg((time + GRACE).as_secs().to_string()).arg(&self.path);
        let output = flags(&mut command).output()?;
        let (text, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{command:?} ends with {}: {complaint}", output.status);
        Ok(text.into_owned())
    }
}

/// Lines such as `[200] 10000 responses` and, of errors, `[5] Get ...`.
fn read_hey(text: &str) -> Load {
    let (mut requests, mut errors) = (0, Vec::new());
    for line in text.lines().map(str::trim).filter(|line| line.starts_with('[')) {
        let count = line.strip_prefix("[200]").and_then(|rest| rest.trim().strip_suffix(" responses"));
        match count.and_then(|count| count.parse().ok()) {
            Some(count) => requests = count,
            None => errors.push(format!("hey: {line}")),
        }
    }
    Load::new(requests, errors, "hey")
}

/// `requests: 100 total, 100 started, 100 done, 100 succeeded, 0 failed, 0 errored, 0 timeout` and
/// `status codes: 100 2xx, 0 3xx, 0 4xx, 0 5xx`.
fn read_h2load(text: &str) -> Option<Load> {
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).map(str::trim);
    let (requests, codes) = (line("requests:")?, line("status codes:")?);
    let counts = requests.split(", ").chain(codes.split(", ")).filter_map(|count| count.trim().split_once(' '));
    let (mut requests, mut errors) = (0, Vec::new());
    for (count, what) in counts {
        match what {
            "succeeded" => requests = count.parse().ok()?,
            "failed" | "errored" | "timeout" | "3xx" | "4xx" | "5xx" if count != "0" => {
                errors.push(format!("h2load: {count} {what}"));
            }
            _ => {}
        }
    }
    Some(Load::new(requests, errors, "h2load"))
}

/// `123456 requests in 4.00s, 1.00MB read`, and only when there are errors `Socket errors: ...` and
/// `Non-2xx or 3xx responses: N`.
fn read_wrk(text: &str) -> Option<Load> {
    let lines = || text.lines().map(str::trim);
    let requests = lines().find_map(|line| line.split_once(" requests in "))?.0.parse().ok()?;
    let wrong = |line: &&str| line.starts_with("Socket errors:") || line.starts_with("Non-2xx");
    let errors = lines().filter(wrong).map(|line| format!("wrk: {line}")).collect();
    Some(Load::new(requests, errors, "wrk"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hey_tells_answers_and_errors() {
        let load = read_hey(
            "Status code distribution:\n  [200]\t90 responses\n  [503]\t8 responses\n\n  [2]\tGet \"http\": refused\n",
        );
        assert_eq!(load.requests, 90);
        assert_eq!(load.errors, ["hey: [503]\t8 responses", "hey: [2]\tGet \"http\": refused"]);
    }

    #[test]
    fn a_run_without_an_answer_is_an_error() {
        assert_eq!(read_hey("").errors, ["hey: no request was answered"]);
    }

    #[test]
    fn h2load_tells_answers_and_errors() {
        let text = "requests: 10 total, 10 started, 10 done, 7 succeeded, 3 failed, 0 errored, 0 timeout\n\
                    status codes: 7 2xx, 0 3xx, 3 4xx, 0 5xx\n";
        let load = read_h2load(text).unwrap();
        assert_eq!((load.requests, load.errors), (7, vec!["h2load: 3 failed".to_owned(), "h2load: 3 4xx".to_owned()]));
        assert!(read_h2load("nothing").is_none());
    }

    #[test]
    fn wrk_tells_answers_and_errors() {
        let text = "  700 requests in 4.00s, 1.00MB read\n  Non-2xx or 3xx responses: 3\nRequests/sec: 1\n";
        let load = read_wrk(text).unwrap();
        assert_eq!((load.requests, load.errors), (700, vec!["wrk: Non-2xx or 3xx responses: 3".to_owned()]));
        assert!(read_wrk("nothing").is_none());
    }
}
