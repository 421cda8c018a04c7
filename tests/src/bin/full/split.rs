//! A split of 80/20/0 gets its shares, and 0 % gets nothing.

use std::time::Duration;

use net_pingora_backends::{Running, Sample, start};
use tokio::runtime::Runtime;

use crate::findings::Findings;
use crate::manifests::Folder;
use crate::process::gateway;
use crate::tools::Tool;

const HOST: &str = "split.example";
const REQUESTS: u64 = 10_000;
const SPLITS: [(&str, u8); 3] = [("most", 80), ("some", 20), ("none", 0)];

/// How far a share may be off, in points: nearly four standard deviations.
const TOLERANCE: f64 = 1.5;

pub(crate) fn run() -> anyhow::Result<Findings> {
    let hey = Tool::hey()?;
    let folder = Folder::new()?;
    let runtime = Runtime::new()?;
    let mut backends = Vec::new();
    for (name, _) in SPLITS {
        let backend = runtime.block_on(start(Sample::Hello(name.to_owned()), ([127, 0, 0, 1], 0).into()))?;
        folder.service(name, backend.address)?;
        backends.push(backend);
    }
    folder.route(HOST, &SPLITS)?;
    let gateway = gateway(folder.path(), &[], None)?;
    let requests = REQUESTS.to_string();
    let flags = ["-n", &requests, "-c", "50"];
    let load = hey.run_hey(&flags, HOST, gateway.address("external-http")?, Duration::from_mins(1))?;

    let mut found = Findings::default();
    found.bound(load.requests == REQUESTS, format_args!("{} answered", load.requests), "all 10,000");
    for ((name, percent), backend) in SPLITS.iter().zip(&backends) {
        judge(&mut found, name, *percent, backend);
    }
    found.no_errors(&load.errors);
    Ok(found)
}

fn judge(found: &mut Findings, name: &str, percent: u8, backend: &Running) {
    let share = backend.requests() as f64 * 100.0 / REQUESTS as f64;
    let wanted = f64::from(percent);
    let holds = if percent == 0 { backend.requests() == 0 } else { (share - wanted).abs() <= TOLERANCE };
    found.bound(holds, format_args!("{name} {share:.2} %"), &format!("{percent} % within {TOLERANCE} points"));
}
