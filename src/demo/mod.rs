//! `demo`: sample routes to sample backends, with no set-up.

mod board;
mod check;
mod folder;
mod line;
mod lines;
mod live;
mod ports;
mod screen;

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::Context;
use net_pingora_backends::manifests::Backends;
use net_pingora_config::{DemoArgs, ObjectArgs};
use net_pingora_controller::Applied;
use net_pingora_gateway::settings::{ActivatorSettings, ListenerSettings, Settings};
use net_pingora_routing::Listener;
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use self::folder::Folder;
use self::line::Line;
use crate::objects::load;
use crate::server::Server;

/// A demo that serves.
#[derive(Debug)]
struct Demo {
    server: Server,
    changes: UnboundedReceiver<Applied>,
    folder: Folder,
    /// Where clients send their requests.
    address: SocketAddr,
    _backends: Backends,
}

/// Runs the demo until Ctrl-C, or checks it.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let demo = Demo::start(args).await?;
        let lines = lines::lines(demo.address);
        if args.check {
            return check::run(demo, &lines, &mut stdout()).await;
        }
        demo.introduce(&lines, &mut stdout()).await?;
        live::run(demo).await
    })
}

impl Demo {
    async fn start(args: &DemoArgs) -> anyhow::Result<Self> {
        let backends = Backends::start().await.context("cannot start the sample backends")?;
        let folder = Folder::open(args.dir.as_deref())?;
        let path = folder.path();
        backends.write_manifests(path).with_context(|| format!("cannot write manifests into {}", path.display()))?;
        let loaded = load(path, crate::objects::settings(&ObjectArgs::default()))?;
        for fault in &loaded.faults {
            writeln!(stdout(), "{fault}")?;
        }
        let (sender, changes) = unbounded_channel();
        // Nobody listens once the demo has ended.
        let server = Server::of_folder(settings(), loaded, move |applied| drop(sender.send(applied.clone())))?;
        let address = server.address("external-http").context("the demo has no listener")?;
        Ok(Self { server, changes, folder, address, _backends: backends })
    }

    /// Says what there is to do, and does the first of it.
    async fn introduce(&self, lines: &[Line], out: &mut impl Write) -> anyhow::Result<()> {
        let of = |name| self.server.address(name).map(|address| format!("http://{address}")).unwrap_or_default();
        let (folder, port) = (self.folder.path(), self.address.port());
        writeln!(out, "Serving the manifests in {} at {}", folder.display(), of("external-http"))?;
        writeln!(out, "Edit {} and save: it is in effect at once.", folder.join(lines::SPLIT_FILE).display())?;
        writeln!(out, "Metrics: {}/metrics  Live table: {}/routes", of("health"), of("admin"))?;
        writeln!(out, "Chat page for a browser: http://{}:{port}/", lines::CHAT_HOST)?;
        writeln!(out, "With internet DNS, hosts may end so too: http://hello.default.127.0.0.1.nip.io:{port}/")?;
        writeln!(out, "\nType these in another terminal:")?;
        for line in lines {
            writeln!(out, "  # {}\n  {}", line.shows, line.command)?;
        }
        if let Some(first) = lines.first() {
            let answer = first.run().await.unwrap_or_else(|error| error);
            writeln!(out, "\nThe first of them, typed now:\n$ {}\n{}\n", first.command, answer.trim_end())?;
        }
        Ok(())
    }
}

/// Loopback only, with free ports in place of those that are taken.
fn settings() -> Settings {
    let plain = |name, port, kind| ListenerSettings { name, address: ports::this_or_free(port), kind, tls: false };
    Settings {
        listeners: vec![
            plain("external-http", 8080, Listener::External),
            plain("internal-http", 8081, Listener::Internal),
        ],
        health: ports::this_or_free(9001),
        admin: ports::this_or_free(9000),
        threads: available_parallelism().map_or(1, NonZeroUsize::get),
        upstream_pool: 512,
        open_files: usize::MAX,
        responder: None,
        activator: ActivatorSettings::default(),
        live: Arc::default(),
    }
}
