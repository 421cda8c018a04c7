//! The objects, read once: from a folder or from a cluster.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use net_pingora_config::{ObjectArgs, ServeArgs, domain, pod, system_namespace};
use net_pingora_controller::kubernetes::{Cluster, ClusterSettings, RoutesMode, connect};
use net_pingora_controller::{Engine, Fault, FrontSettings, HoldSettings, Loaded, Settings};
use net_pingora_gateway::settings::SettingsCell;
use tokio::runtime;
use tokio::time::timeout;

use crate::live::{Live, default_certificates};

/// How long the API server may take to list everything.
const CLUSTER_DEADLINE: Duration = Duration::from_secs(30);

/// Objects that were read once.
#[derive(Debug)]
pub(crate) struct Objects {
    /// What they make.
    pub(crate) engine: Engine,
    /// Everything wrong.
    pub(crate) faults: Vec<Fault>,
    /// What is worth knowing and no fault.
    pub(crate) notices: Vec<String>,
    /// How many they are.
    pub(crate) count: usize,
}

/// Reads the folder, or else the cluster.
pub(crate) fn read(from: Option<&Path>, args: &ObjectArgs) -> anyhow::Result<Objects> {
    if let Some(dir) = from {
        let Loaded { engine, directory, faults, notices } = load(dir, settings(args))?;
        return Ok(Objects { engine, faults, notices, count: directory.objects() });
    }
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let client = connect().await?;
        let mut engine = Engine::new(settings(args));
        let watched = ClusterSettings {
            class: args.class.clone(),
            system_namespace: system_namespace(),
            holds: false,
            routes: RoutesMode::Auto,
        };
        let mut cluster = Cluster::new(client, watched);
        let reading = timeout(CLUSTER_DEADLINE, cluster.read(&engine)).await;
        let intake = reading.context("the cluster does not answer; see KUBECONFIG")?;
        engine.serve_routes(intake.routes == Some(true));
        let count = intake.changes.len();
        let applied = engine.apply(intake.changes);
        Ok(Objects { engine, faults: applied.faults, notices: applied.notices, count })
    })
}

/// Reads the objects of a folder, to be watched.
///
/// Faults of files and objects are in what it returns; only a folder that cannot be read is an error.
pub(crate) fn load(dir: &Path, settings: Settings) -> anyhow::Result<Loaded> {
    fs::read_dir(dir).with_context(|| format!("cannot read {}; name a folder of manifests", dir.display()))?;
    Ok(net_pingora_controller::load(dir, Settings { routes: true, ..settings }))
}

/// What the control plane is told; a folder changes as its user saves it, so nothing waits.
pub(crate) fn settings(args: &ObjectArgs) -> Settings {
    Settings {
        class: args.class.clone(),
        internal_service: args.internal_service(),
        system_namespace: system_namespace(),
        cluster_domain: domain(),
        ..Settings::default()
    }
}

/// The same, of a process that serves.
pub(crate) fn settings_of(args: &ServeArgs, live: &Arc<SettingsCell>) -> Settings {
    Settings {
        default_certificates: default_certificates(&args.live.tls),
        holds: args.activator.is_embedded().then(|| HoldSettings {
            own_address: pod().map(|pod| pod.address),
            most_per_pod: args.activator.max_requests_per_pod,
        }),
        front: FrontSettings {
            service: args.cluster.external_service(),
            addresses: args.names.addresses.clone(),
            magic_zone: args.names.magic_dns.zone().map(str::to_owned),
            old_domain: args.names.old_domain,
        },
        configure: Some(Arc::new(Live(Arc::clone(live)))),
        ..settings(&args.source.objects)
    }
}
