//! Instructions of one request with 10,000 routes beside one route: those of the gateway itself, under valgrind.

use std::fs;
use std::process::Command;

use anyhow::{Context, ensure};
use net_pingora_loadtest::{End, Names, Plan, Stop, Work};

use crate::backends;
use crate::findings::Findings;
use crate::manifests::Folder;
use crate::process::{Process, built, serving};
use crate::tools::Tool;

const ROUTES: u32 = 10_000;

/// Instructions of a request with so many routes, over those with one.
const MOST: f64 = 1.05;

/// Requests before those that are counted: the first one of a route costs more, and 99 % of the routes have had theirs.
const WARM_UP: u64 = 50_000;

/// Requests that are counted.
const REQUESTS: u64 = 10_000;
const QUICK_REQUESTS: u64 = 2_000;

/// Connections, which are kept, and streams of each with HTTP/2.
const CONNECTIONS: usize = 4;
const STREAMS: usize = 4;

/// Named in the counts of the thread that serves, and in no other's: another one looks at all files of the folder
/// from time to time, which is no request's work.
const SERVES: &str = "net_pingora_gateway::front::worker";

/// Lets glibc copy without `rep movsb`, of which callgrind counts every byte as an instruction.
const NO_REP: &str = "glibc.cpu.x86_rep_movsb_threshold=1073741824:glibc.cpu.x86_rep_stosb_threshold=1073741824";

pub(crate) fn run(quick: bool) -> anyhow::Result<Findings> {
    let requests = if quick { QUICK_REQUESTS } else { REQUESTS };
    let backend = backends::fixed(None)?;
    // The host of the only route is as long as most of the others.
    let one = Counted::start("route-999{}.example", 1, &backend)?;
    let many = Counted::start("route-{}.example", ROUTES, &backend)?;
    let mut found = Findings::default();
    for (name, work) in [("HTTP/1.1", Work::Http1), ("h2c", Work::Http2)] {
        let (one, many) = (one.request(work, requests)?, many.request(work, requests)?);
        found.figure(format_args!("{name}: {one:.0} instructions with 1 route, {many:.0} with {ROUTES}"));
        found.bound(many / one <= MOST, format_args!("ratio {:.3}", many / one), "at most 1.05");
    }
    Ok(found)
}

/// A gateway whose instructions are counted when that is asked for.
struct Counted {
    gateway: Process,
    hosts: Names,
    vgdb: Tool,
    /// What valgrind writes.
    counts: Folder,
    _manifests: Folder,
}

impl Counted {
    /// Serves so many hosts, with their numbers in the place of `{}`, from one backend.
    fn start(pattern: &str, routes: u32, backend: &Process) -> anyhow::Result<Self> {
        let (valgrind, vgdb) = (Tool::find("valgrind", "valgrind")?, Tool::find("vgdb", "valgrind")?);
        let (manifests, counts) = (Folder::new()?, Folder::new()?);
        manifests.service("fixed", backend.address("fixed")?)?;
        for number in 0..routes {
            manifests.route(&pattern.replace("{}", &number.to_string()), &[("fixed", 100)])?;
        }
        let file = |name: &str| counts.path().join(name).display().to_string();
        let mut command = Command::new(valgrind.path());
        command
            .args(["--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes"])
            .env("GLIBC_TUNABLES", NO_REP);
        command.args([format!("--callgrind-out-file={}", file("out")), format!("--log-file={}", file("log"))]);
        command.arg(built("net-pingora")?);
        let gateway = Process::start(serving(&mut command, manifests.path(), &["--threads", "1"]), &["external-http"])?;
        let hosts = Names::pattern(pattern, routes).context("no hosts")?;
        Ok(Self { gateway, hosts, vgdb, counts, _manifests: manifests })
    }

    /// Instructions of one request.
    fn request(&self, work: Work, requests: u64) -> anyhow::Result<f64> {
        self.ask(work, WARM_UP)?;
        self.tell(&["instrumentation", "on"])?;
        self.ask(work, requests)?;
        self.tell(&["dump", "here"])?;
        self.tell(&["instrumentation", "off"])?;
        let mut counted = Vec::new();
        for file in fs::read_dir(self.counts.path())? {
            let path = file?.path();
            let text = fs::read_to_string(&path)?;
            if text.contains(SERVES) {
                counted.push(totals(&text));
            }
            fs::remove_file(path)?;
        }
        // The one thread of `--threads 1`.
        ensure!(counted.len() == 1 && counted[0] > 0, "counts of threads that serve: {counted:?}, wanted one");
        Ok(counted[0] as f64 / requests as f64)
    }

    /// Sends requests to hosts at random; every one must be answered well.
    fn ask(&self, work: Work, requests: u64) -> anyhow::Result<()> {
        let mut plan = Plan::new(format!("http://{}/", self.gateway.address("external-http")?).parse()?);
        plan.request.hosts = self.hosts.clone();
        (plan.work, plan.end) = (work, End::Requests(requests));
        (plan.connections, plan.streams, plan.threads) = (CONNECTIONS, STREAMS, 1);
        let report = net_pingora_loadtest::run(plan, &Stop::default(), |_| ())?;
        let good = report.statuses.get(&200).copied().unwrap_or_default();
        let (statuses, messages) = (&report.statuses, &report.messages);
        ensure!(good == requests, "{good} of {requests} answered with 200: {statuses:?}, {messages:?}");
        Ok(())
    }

    /// Gives callgrind a command.
    fn tell(&self, words: &[&str]) -> anyhow::Result<()> {
        let output = Command::new(self.vgdb.path()).arg(format!("--pid={}", self.gateway.id())).args(words).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "vgdb {}: {said}", words.join(" "));
        Ok(())
    }
}

/// Instructions of a thread in callgrind's file, of which `totals: 12345` tells; none in a file without that line.
fn totals(file: &str) -> u64 {
    file.lines().find_map(|line| line.strip_prefix("totals:")?.trim().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callgrind_tells_instructions() {
        assert_eq!(totals("events: Ir\nsummary: 12345\n\nfn=(1) main\n0 5\ntotals: 12345\n"), 12_345);
        assert_eq!(totals("==7== Callgrind, a call-graph generating cache profiler\n"), 0);
    }
}
