//! Where an attack happens: a gateway, what the good ask, and what the attackers ask.

use std::net::SocketAddr;

use rustix::process::{Pid, setpriority_process};

use super::sockets::Sockets;
use crate::accounting::resident;
use crate::backends;
use crate::manifests::Folder;
use crate::process::{Process, gateway};

/// The host that the good ask.
pub(crate) const GOOD: &str = "good.example";

/// The host that attackers ask: echoes, drains, sends large responses.
pub(crate) const ATTACKED: &str = "attacked.example";

/// The host of WebSockets.
pub(crate) const WEBSOCKET: &str = "websocket.example";

/// How much the backends of attackers stand back for the CPU: what is measured is the gateway.
const NICE: i32 = 10;

/// How long connections to endpoints are kept: an end of the attack is to be seen soon.
const FLAGS: [&str; 4] = ["--threads", "2", "--upstream-idle-timeout", "5s"];

/// Fresh processes, so that one attack leaves nothing to the next.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Where the gateway listens.
    pub(crate) at: SocketAddr,
    upstreams: Vec<u16>,
    gateway: Process,
    _backends: [Process; 2],
    _folder: Folder,
}

impl Stage {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let (folder, good, others) = (Folder::new()?, backends::fixed(None)?, backends::samples()?);
        let hosts = [
            (GOOD, "fixed", good.address("fixed")?),
            (ATTACKED, "echo", others.address("echo")?),
            (WEBSOCKET, "websocket", others.address("websocket")?),
        ];
        let number = i32::try_from(others.id()).ok().and_then(Pid::from_raw);
        setpriority_process(number, NICE)?;
        for (host, service, address) in hosts {
            folder.service(service, address)?;
            folder.route(host, &[(service, 100)])?;
        }
        let gateway = gateway(folder.path(), &FLAGS, None)?;
        let upstreams = hosts.map(|(_, _, address)| address.port()).to_vec();
        Ok(Self {
            at: gateway.address("external-http")?,
            upstreams,
            gateway,
            _backends: [good, others],
            _folder: folder,
        })
    }

    /// The gateway's process.
    pub(crate) fn gateway(&self) -> u32 {
        self.gateway.id()
    }

    /// Fails if the gateway has had a panic.
    pub(crate) fn ensure_no_panic(&self) -> anyhow::Result<()> {
        self.gateway.ensure_no_panic()
    }

    /// Bytes that the gateway has in memory.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        resident(self.gateway())
    }

    /// What connections the gateway has.
    pub(crate) fn sockets(&self) -> anyhow::Result<Sockets> {
        Sockets::count(self.at, &self.upstreams)
    }
}
