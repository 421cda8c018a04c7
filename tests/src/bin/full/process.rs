//! Processes beside this one: the gateway, the backends, the bare proxy.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

/// How long a process may take to listen.
const START: Duration = Duration::from_secs(20);

/// A process that listens; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Open for as long as the process may write to it.
    stdout: Option<BufReader<ChildStdout>>,
    listening: HashMap<String, SocketAddr>,
}

impl Process {
    /// Starts `command` and waits for a line `listening NAME ADDRESS` of every name.
    pub(crate) fn start(command: &mut Command, names: &[&str]) -> anyhow::Result<Self> {
        let mut process = Self::spawn(command.stdout(Stdio::piped()))?;
        while !names.iter().all(|name| process.listening.contains_key(*name)) {
            let mut line = String::new();
            let length = process.stdout.as_mut().context("no output")?.read_line(&mut line)?;
            ensure!(length > 0, "{command:?} ended before it listened");
            process.listening.extend(listening(&line));
        }
        Ok(process)
    }

    /// Starts `command`, which listens on `address` without telling.
    pub(crate) fn start_at(command: &mut Command, address: SocketAddr) -> anyhow::Result<Self> {
        let process = Self::spawn(command)?;
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(start.elapsed() < START, "{command:?} does not listen on {address}");
            sleep(Duration::from_millis(20));
        }
        Ok(process)
    }

    fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let stdout = child.stdout.take().map(BufReader::new);
        Ok(Self { child, stdout, listening: HashMap::new() })
    }

    /// Where it listens under this name.
    pub(crate) fn address(&self, name: &str) -> anyhow::Result<SocketAddr> {
        self.listening.get(name).copied().with_context(|| format!("nothing listens as {name}"))
    }

    /// Asks it to end in good order, and waits for that.
    pub(crate) fn terminate(mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let number = i32::try_from(self.id()).ok().and_then(Pid::from_raw).context("no process")?;
        kill_process(number, Signal::TERM)?;
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(start.elapsed() < patience, "the process has not ended {patience:?} after SIGTERM");
            sleep(Duration::from_millis(20));
        }
    }

    /// Fails if the gateway that this is has had a panic.
    pub(crate) fn ensure_no_panic(&self) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(self.address("health")?)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
        let metrics = io::read_to_string(stream)?;
        let panics = metrics.lines().find_map(|line| line.strip_prefix("net_pingora_panics_total "));
        let panics = panics.context("the gateway does not tell of panics")?;
        ensure!(panics == "0", "{panics} panics in the gateway");
        Ok(())
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a line such as `listening external-http http://127.0.0.1:8080`.
fn listening(line: &str) -> Option<(String, SocketAddr)> {
    let (name, address) = line.trim_end().strip_prefix("listening ")?.split_once(' ')?;
    let address = address.split_once("://").map_or(address, |(_, address)| address);
    Some((name.to_owned(), address.parse().ok()?))
}

/// The gateway on a folder of manifests, on free ports of loopback; `core` pins it.
pub(crate) fn gateway(folder: &Path, flags: &[&str], core: Option<u8>) -> anyhow::Result<Process> {
    gateway_listening(folder, flags, core, &["external-http"])
}

/// The same, with other listeners, which `flags` turn on.
pub(crate) fn gateway_listening(
    folder: &Path,
    flags: &[&str],
    core: Option<u8>,
    listeners: &[&str],
) -> anyhow::Result<Process> {
    Process::start(&mut gateway_command(folder, flags, core)?, &[listeners, &["health"]].concat())
}

/// What starts the gateway on a folder of manifests.
pub(crate) fn gateway_command(folder: &Path, flags: &[&str], core: Option<u8>) -> anyhow::Result<Command> {
    let mut command = pinned(&built("net-pingora")?, core);
    serving(&mut command, folder, flags);
    Ok(command)
}

/// Lets a command that ends with the gateway's program serve a folder of manifests.
pub(crate) fn serving<'a>(command: &'a mut Command, folder: &Path, flags: &[&str]) -> &'a mut Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NET_PINGORA_")) {
        command.env_remove(name);
    }
    let any = "127.0.0.1:0";
    command.args(["serve", "--external-http", any, "--health", any, "--admin", any, "--log-level", "error"]);
    command.args(["--external-https", "off", "--internal-http", "off", "--internal-https", "off"]);
    command.arg("--from").arg(folder).args(flags)
}

/// A command that runs on one core only, if one is given.
pub(crate) fn pinned(program: &Path, core: Option<u8>) -> Command {
    let Some(core) = core else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string()]).arg(program);
    command
}

/// Builds for release what the checks start: the gateway, and the proxy beside it.
pub(crate) fn build() -> anyhow::Result<()> {
    let gateway = ["--package", "net-pingora"].as_slice();
    let bare = ["--package", "net-pingora-tests", "--example", "bare-pingora"].as_slice();
    // Apart, so that the gateway gets none of the features that only tests need.
    for what in [gateway, bare] {
        let status = cargo().args(["build", "--release", "--quiet"]).args(what).status()?;
        ensure!(status.success(), "cargo build {} failed", what.join(" "));
    }
    Ok(())
}

/// Cargo, in the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace());
    command
}

/// The folder of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// This program, even when it is built anew meanwhile.
pub(crate) fn this_program() -> PathBuf {
    // By number: after taskset, `self` would be taskset.
    PathBuf::from(format!("/proc/{}/exe", std::process::id()))
}

/// A program that was built beside this one.
pub(crate) fn built(name: &str) -> anyhow::Result<PathBuf> {
    Ok(target()?.join("release").join(name))
}

/// The folder that cargo builds into.
pub(crate) fn target() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let target = here.parent().filter(|folder| folder.ends_with("release")).and_then(Path::parent);
    Ok(target.context("figures of a debug build prove nothing; use cargo run --release")?.to_owned())
}

/// A port that nobody listens on now.
pub(crate) fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

/// Lets this process and those it starts open as many files as the system allows: 1,000 WebSockets need
/// more than the usual 1,024.
pub(crate) fn raise_open_files() -> anyhow::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// The same for at least `count` files, if the system lets us raise its own limit; returns what it is now.
pub(crate) fn ask_for_open_files(count: u64) -> anyhow::Result<u64> {
    let more = getrlimit(Resource::Nofile).maximum.map(|maximum| maximum.max(count));
    // Only root may.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: more, maximum: more });
    raise_open_files()?;
    Ok(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX))
}
