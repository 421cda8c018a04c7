//! The control plane on Kubernetes: its thread, and what it takes from the command line.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use net_pingora_config::{Pod, RoutesWhen, ServeArgs, pod, system_namespace};
use net_pingora_controller::kubernetes::{Cluster, ClusterSettings, RoutesMode, connect};
use net_pingora_controller::status::{Addresses, Board, BoardSettings, Me, Placeholders};
use net_pingora_controller::{Applied, Control, Engine, Names, Patiences, Peers, Settings};
use net_pingora_gateway::settings::SettingsCell;
use net_pingora_replicas::{Channel, Replicas, Served};
use net_pingora_routing::{ObjectKey, TableCell};
use net_pingora_tls::CertificateCells;
use tokio::runtime;
use tokio::sync::{oneshot, watch};

use crate::objects::settings_of;
use crate::server::ControlPlane;

/// The watches of a KIngress and of its Services are not in step; this far apart they may be.
const PATIENCE: Patiences = Patiences { version: Duration::from_secs(10), endpoints: Duration::from_secs(1) };

/// KIngress objects in one batch of changes that are worth it to give memory back.
const MANY: usize = 500;

/// The name of the Lease, and of the service account that replicas prove.
const NAME: &str = "net-pingora";

/// What the data plane reads, complete from the first moment on.
pub(crate) struct Synced {
    /// The routes.
    pub(crate) table: Arc<TableCell>,
    /// Revisions by name.
    pub(crate) revisions: Arc<TableCell>,
    /// The certificates.
    pub(crate) certificates: CertificateCells,
    /// What DNS is to tell of us.
    pub(crate) names: watch::Receiver<Names>,
    /// The thread that keeps both.
    pub(crate) control: ControlPlane,
}

/// What others read of the control plane.
struct Read {
    table: Arc<TableCell>,
    revisions: Arc<TableCell>,
    certificates: CertificateCells,
    names: watch::Receiver<Names>,
}

/// Starts the control plane on a thread of its own and waits until every cache is complete.
pub(crate) async fn start(args: &ServeArgs, live: &Arc<SettingsCell>) -> anyhow::Result<Synced> {
    let (args, live) = (args.clone(), Arc::clone(live));
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let ((send_synced, synced), (send_failed, failed)) = (oneshot::channel(), oneshot::channel());
    let (leads, resign) = oneshot::channel();
    thread::Builder::new().name("control".to_owned()).spawn(move || {
        let outcome = runtime.block_on(run(&args, &live, send_synced, resign));
        if let Err(error) = outcome {
            // Nobody listens when the process ends anyway.
            let _ = send_failed.send(error);
        }
    })?;
    let control = ControlPlane { failed, leads: Some(leads) };
    match synced.await {
        Ok(read) => {
            let Read { table, revisions, certificates, names } = read;
            Ok(Synced { table, revisions, certificates, names, control })
        }
        Err(_) => Err(control.failed.await.unwrap_or_else(|_| anyhow::anyhow!("the control plane has ended"))),
    }
}

async fn run(
    args: &ServeArgs,
    live: &Arc<SettingsCell>,
    synced: oneshot::Sender<Read>,
    resign: oneshot::Receiver<()>,
) -> anyhow::Result<()> {
    let client = connect().await?;
    let (namespace, pod) = (system_namespace(), pod());
    let (objects, served) = (&args.source.objects, Served::default());
    let watched = ClusterSettings {
        class: objects.class.clone(),
        system_namespace: namespace.clone(),
        holds: args.activator.is_embedded(),
        routes: routes_mode(args.cluster.routes),
    };
    let cluster = Cluster::new(client.clone(), watched);
    let internal_service = objects.internal_service();
    let engine = Engine::new(Settings { patience: PATIENCE, ..settings_of(args, live) });
    let board = Board::new(BoardSettings {
        me: pod
            .as_ref()
            .map_or(Me::Alone, |pod| Me::Pod { service: service_key(&internal_service), name: pod.name.clone() }),
        addresses: Addresses { public: args.cluster.external_service().into(), private: internal_service.into() },
        replica_timeout: args.cluster.replica_timeout,
    });
    let placeholders = Placeholders::new(args.cluster.placeholders.then(|| objects.internal_service().into()));
    let control = Control::start(client.clone(), cluster, engine, (board, placeholders), served.clone()).await;
    net_pingora_allocator::collect();
    // Who cannot write yet must not lead.
    let settings = replicas(args, &namespace, pod);
    let (replicas, leadership, reports) =
        Replicas::start(settings, client, served).context("cannot take part in the election")?;
    // The other end is gone when the process ends already.
    let engine = control.engine();
    let _ = synced.send(Read {
        table: engine.table(),
        revisions: engine.revisions(),
        certificates: engine.certificates(),
        names: engine.names(),
    });
    // The table is kept until the last request has ended.
    let resigning = async move {
        // Whoever held the other end drains, or has ended.
        let _ = resign.await;
        replicas.release().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        never = control.run(Peers { leadership, reports }, give_back) => match never {},
        () = resigning => Ok(()),
    }
}

fn routes_mode(when: RoutesWhen) -> RoutesMode {
    match when {
        RoutesWhen::Auto => RoutesMode::Auto,
        RoutesWhen::Always => RoutesMode::Always,
        RoutesWhen::Never => RoutesMode::Never,
    }
}

/// Gives back what a batch of many changes has used: idle threads keep it.
fn give_back(applied: &Applied) {
    if applied.affected.len() >= MANY {
        net_pingora_allocator::collect();
    }
}

/// Namespace and name of a Service by its full DNS name.
fn service_key(host: &str) -> ObjectKey {
    let mut labels = host.split('.');
    let (name, namespace) = (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
    ObjectKey::new(namespace, name)
}

fn replicas(args: &ServeArgs, namespace: &str, pod: Option<Pod>) -> net_pingora_replicas::Settings {
    let listen = args.cluster.replicas;
    let channel = pod.as_ref().map(|pod| Channel {
        listen,
        advertised: SocketAddr::new(pod.address, listen.port()),
        token_file: args.cluster.replica_token.clone(),
        service_account: NAME.to_owned(),
    });
    net_pingora_replicas::Settings {
        identity: pod.map_or_else(|| format!("process-{}", std::process::id()), |pod| pod.name),
        namespace: namespace.to_owned(),
        lease: NAME.to_owned(),
        channel,
    }
}
