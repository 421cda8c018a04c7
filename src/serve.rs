//! `serve`: the objects of a cluster or a folder, until a signal ends it.

use std::env;
use std::io::{Write, stdout};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;

use net_pingora_config::{ActivatorArgs, Held, HostPort, ListenArgs, ServeArgs, domain, pod};
use net_pingora_controller::Names;
use net_pingora_dns::Counters;
use net_pingora_gateway::settings::{ActivatorSettings, Autoscaler, ListenerSettings, Settings, SettingsCell};
use net_pingora_routing::Listener;
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::cluster::{self, Synced};
use crate::dns::{self, Dns};
use crate::live::{of_traffic, refuse_authorization};
use crate::log;
use crate::objects::{self, load};
use crate::server::Server;

/// Threads of the runtime for what is no traffic: health, admin and signals.
const CONTROL_THREADS: usize = 1;

/// Serves until SIGTERM, which drains, or SIGINT, which ends at once.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let _log = log::start(&args.log)?;
    refuse_authorization(env::vars_os().map(|(name, _)| name))?;
    runtime::Builder::new_multi_thread().worker_threads(CONTROL_THREADS).enable_all().build()?.block_on(serve(args))
}

async fn serve(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut server = tokio::select! {
        server = start(args) => server?,
        _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
        _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
    };
    announce(&server)?;
    tokio::select! {
        _ = terminate.recv() => drain(server, &mut interrupt).await,
        _ = interrupt.recv() => server.stop(),
        error = server.control_failed() => return Err(error),
    }
    Ok(ExitCode::SUCCESS)
}

/// Listens once every object is read.
async fn start(args: &ServeArgs) -> anyhow::Result<Server> {
    let mut settings = settings(args);
    if let Some(dir) = &args.source.from {
        let loaded = load(dir, objects::settings_of(args, &settings.live))?;
        loaded.log();
        settings.activator.revisions = loaded.engine.revisions();
        settings.responder = start_dns(args, loaded.engine.names())?;
        return Server::of_folder(settings, loaded, |_| {});
    }
    let Synced { table, revisions, certificates, names, control } = cluster::start(args, &settings.live).await?;
    settings.responder = start_dns(args, names)?;
    settings.activator.revisions = revisions;
    Server::start(settings, table, certificates, || Ok(control))
}

/// Answers DNS if that is asked for, and says where.
fn start_dns(args: &ServeArgs, names: watch::Receiver<Names>) -> anyhow::Result<Option<Arc<Counters>>> {
    let Some(Dns { addresses, counters }) = dns::start(&args.names, names)? else { return Ok(None) };
    for address in addresses {
        writeln!(stdout().lock(), "listening dns {address}")?;
    }
    Ok(Some(counters))
}

/// One line a listener: what it got.
fn announce(server: &Server) -> std::io::Result<()> {
    let mut out = stdout().lock();
    for (name, address) in server.addresses() {
        let scheme = if name.ends_with("-https") { "https" } else { "http" };
        writeln!(out, "listening {name} {scheme}://{address}")?;
    }
    out.flush()
}

/// Ends in good order, or at once on SIGINT.
async fn drain(server: Server, interrupt: &mut Signal) {
    tracing::info!("SIGTERM: draining");
    tokio::select! {
        () = server.drain() => {}
        _ = interrupt.recv() => {}
    }
}

/// The data plane's settings.
fn settings(args: &ServeArgs) -> Settings {
    Settings {
        listeners: listeners(&args.listen).chain(activator_listeners(&args.activator)).collect(),
        health: args.listen.health,
        admin: args.listen.admin,
        threads: args.listen.threads.map_or_else(cores, NonZeroUsize::get),
        upstream_pool: args.listen.upstream_pool,
        open_files: usize::MAX,
        responder: None,
        activator: activator(args),
        live: Arc::new(SettingsCell::new(of_traffic(&args.live))),
    }
}

/// How requests are held, and who is told of them.
fn activator(args: &ServeArgs) -> ActivatorSettings {
    let ActivatorArgs { max_held, max_held_per_revision, .. } = &args.activator;
    let is_told = args.activator.is_embedded() && (args.source.from.is_none() || args.activator.autoscaler.is_some());
    let autoscaler = is_told.then(|| args.activator.autoscaler());
    ActivatorSettings {
        domain: domain(),
        held: match max_held {
            Held::Auto => None,
            Held::Count(count) => Some(count.get()),
        },
        held_per_revision: max_held_per_revision.get(),
        autoscaler: autoscaler.map(|HostPort { host, port }| Autoscaler { host, port }),
        pod: pod().map(|pod| pod.name).unwrap_or_default(),
        ..ActivatorSettings::default()
    }
}

/// The traffic listeners that are not off.
fn listeners(args: &ListenArgs) -> impl Iterator<Item = ListenerSettings> {
    [
        ("external-http", args.external_http, Listener::External, false),
        ("external-https", args.external_https, Listener::External, true),
        ("internal-http", args.internal_http, Listener::Internal, false),
        ("internal-https", args.internal_https, Listener::Internal, true),
    ]
    .into_iter()
    .filter_map(|(name, listen, kind, tls)| Some(ListenerSettings { name, address: listen.address()?, kind, tls }))
}

/// Where we stand in for the activator.
fn activator_listeners(args: &ActivatorArgs) -> impl Iterator<Item = ListenerSettings> {
    let kind = Listener::Activator;
    [
        ("activator-http1", args.activator_http1, false),
        ("activator-http2", args.activator_http2, false),
        ("activator-https", args.activator_https, true),
    ]
    .into_iter()
    .filter(|_| args.is_embedded())
    .filter_map(move |(name, listen, tls)| Some(ListenerSettings { name, address: listen.address()?, kind, tls }))
}

fn cores() -> usize {
    available_parallelism().map_or(1, NonZeroUsize::get)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use net_pingora_config::{Cli, Command};
    use net_pingora_gateway::settings::LiveSettings;

    use super::*;

    fn parse(flags: &[&str]) -> Settings {
        let line = ["net-pingora", "serve", "--from", "."].iter().chain(flags);
        match Cli::parse_from(line).command {
            Command::Serve(args) => settings(&args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_flags_default_to_the_data_planes_own_defaults() {
        assert_eq!(*parse(&[]).live.load(), LiveSettings::default());
    }

    #[test]
    fn a_listener_that_is_off_is_left_out() {
        let settings = parse(&["--external-https", "off", "--internal-https=off", "--internal-http", "0"]);
        let listeners = settings.listeners.iter().map(|listener| (listener.name, listener.address.to_string()));
        let wanted = [("external-http", "[::]:8080"), ("internal-http", "127.0.0.1:0")];
        assert!(listeners.eq(wanted.map(|(name, address)| (name, address.to_owned()))));
    }
}
