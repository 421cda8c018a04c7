//! The built binary, and a gateway that it is.

#![allow(dead_code, reason = "every test file uses some of it")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_net-pingora"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NET_PINGORA_")) {
        command.env_remove(name);
    }
    command
}

/// A gateway that serves a folder on free ports; killed when dropped.
pub(crate) struct Serving {
    process: Child,
    pub(crate) listening: Vec<(String, SocketAddr)>,
}

impl Serving {
    pub(crate) fn start(folder: &TempDir, threads: u32) -> Self {
        let flags = ["external-http", "external-https", "internal-http", "internal-https", "health", "admin"];
        let mut command = binary();
        command
            .args(["serve", "--log-level", "warn", "--threads", &threads.to_string(), "--drain-delay", "0s", "--from"])
            .arg(folder.path());
        command.args(flags.map(|flag| format!("--{flag}=0")));
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().take(flags.len());
        let listening = lines.map(|line| listening(&line.unwrap())).collect();
        Self { process, listening }
    }

    /// Sends a signal and says how the process ends.
    pub(crate) fn end(mut self, signal: &str) -> std::process::ExitStatus {
        let kill = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(kill.success());
        self.process.wait().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
}

/// Reads `listening NAME SCHEME://ADDRESS`.
fn listening(line: &str) -> (String, SocketAddr) {
    let mut words = line.strip_prefix("listening ").unwrap_or_else(|| panic!("{line}")).split(' ');
    let (name, url) = (words.next().unwrap(), words.next().unwrap());
    let scheme = if name.ends_with("-https") { "https://" } else { "http://" };
    (name.to_owned(), url.strip_prefix(scheme).unwrap().parse().unwrap())
}
