//! From changed objects to what the data plane reads, one batch at a time.

mod admission;
mod naming;
mod outcome;
mod patience;
mod revisions;
mod routes;
mod served;
mod settings;
mod source_report;
mod stand_in;
mod tls;
mod upstreams;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use net_pingora_routing::{Backend, BackendKey, Change, Host, ObjectKey, Publisher, TableCell};
use net_pingora_tls::CertificateCells;

use self::naming::Namer;
pub(crate) use self::naming::{CONFIG_DOMAIN, CONFIG_FEATURES, OWN_DOMAIN_ANNOTATION};
pub use self::naming::{FrontSettings, Names};
pub use self::outcome::{Problem, Trouble};
use self::patience::Patience;
use self::routes::Routes;
use self::served::{Served, ServedCells};
pub(crate) use self::source_report::{SourceRefusal, SourceReport};
use self::stand_in::{ACTIVATOR_SERVICE, ByName};
use self::upstreams::Upstreams;
use crate::api::{FieldFault, Ingress, ObjectId};
use crate::backends::Backends;
use crate::certificates::Certificates;
use crate::compile::ingress as compile;
use crate::compile::service::{HoldSettings, Holds, InternalService};
use crate::configure::{Configure, Configured};
use crate::conflict::{Claims, Request, Verdict};
use crate::fault::{Fault, Origin};
use crate::references;
use crate::store::{ObjectChange, Store, Touched};
use crate::trust::ClientTrust;

/// What the control plane is told at start.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The class of KIngress objects that are served; the annotation must be equal to it byte for byte.
    pub class: String,
    /// Namespace of Knative's own objects.
    pub system_namespace: String,
    /// Full host name of our own internal Service; what is sent to it is routed again in-process.
    pub internal_service: String,
    /// How requests wait here for the pods of revisions, as at Knative's activator, if they do.
    pub holds: Option<HoldSettings>,
    /// How long to keep what there is when what comes next is not complete.
    pub patience: Patiences,
    /// Secrets with the certificates for clients that name no host, or one without a certificate.
    pub default_certificates: DefaultCertificates,
    /// The cluster's own domain; `cluster.local` as a rule.
    pub cluster_domain: String,
    /// Whether Routes and DomainMappings are served that nobody makes a KIngress of.
    pub routes: bool,
    /// How clients outside reach us.
    pub front: FrontSettings,
    /// Takes over the ConfigMap with our own settings.
    pub configure: Option<Arc<dyn Configure>>,
}

/// Secrets of type `kubernetes.io/tls`, by kind of listener; without one, such clients are refused.
#[derive(Clone, Debug, Default)]
pub struct DefaultCertificates {
    /// For clients outside.
    pub external: Option<ObjectKey>,
    /// For clients in the cluster.
    pub internal: Option<ObjectKey>,
}

/// How long to keep what there is; all zero by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patiences {
    /// For the old version of a KIngress while a backend of the new one is not there yet.
    pub version: Duration,
    /// For the last endpoints of a Service.
    pub endpoints: Duration,
}

/// What a batch of changes has done.
#[derive(Clone, Debug)]
pub struct Applied {
    /// KIngress objects whose served version changed.
    pub ingresses: Vec<ObjectKey>,
    /// KIngress objects whose [`Engine::outcome`] may be another.
    pub affected: BTreeSet<ObjectKey>,
    /// What is wrong with the objects of the batch, or with others because of it.
    pub faults: Vec<Fault>,
    /// What is worth knowing and no fault, one line each.
    pub notices: Vec<String>,
    /// Whether the batch had our own ConfigMap.
    pub configured: bool,
    /// When the change was first seen.
    pub detected: Instant,
    /// From then until it was in effect.
    pub took: Duration,
}

/// The control plane's state; the only writer of the table, the backends and the certificates.
#[derive(Debug)]
pub struct Engine {
    class: String,
    system_namespace: String,
    upstreams: Upstreams,
    by_name: ByName,
    client_trust: ClientTrust,
    configure: Option<Arc<dyn Configure>>,
    configured: Configured,
    store: Store,
    routes: Routes,
    namer: Namer,
    claims: Claims,
    served: BTreeMap<ObjectKey, Served>,
    backends: Backends,
    certificates: Certificates,
    /// Secrets that are shown to somebody since the last batch.
    unread: BTreeSet<ObjectKey>,
    publisher: Publisher,
    /// Faults of latest versions that are not in the store.
    rejected: BTreeMap<ObjectId, Vec<FieldFault>>,
    held: Patience<ObjectKey>,
    lingering: Patience<BackendKey>,
}

/// What a batch has gathered so far.
struct Batch {
    applied: Applied,
    removed: BTreeSet<Box<str>>,
    set: Vec<Arc<Host>>,
}

impl Batch {
    fn new(detected: Instant) -> Self {
        let applied = Applied {
            ingresses: Vec::new(),
            affected: BTreeSet::new(),
            faults: Vec::new(),
            notices: Vec::new(),
            configured: false,
            detected,
            took: Duration::ZERO,
        };
        Self { applied, removed: BTreeSet::new(), set: Vec::new() }
    }

    fn fault(&mut self, id: &ObjectId, origin: &Origin, fault: FieldFault) {
        self.applied.faults.push(Fault::of(id, origin, fault));
    }
}

impl Engine {
    /// An engine that knows no object.
    pub fn new(settings: Settings) -> Self {
        let activators = ObjectKey::new(&settings.system_namespace, ACTIVATOR_SERVICE);
        let internal = InternalService::new(&settings.internal_service);
        let holds = settings.holds.map(|settings| Holds { settings, activators, ours: internal.key.clone() });
        let mut engine = Self {
            upstreams: Upstreams::new(internal, holds),
            class: settings.class,
            by_name: ByName::default(),
            system_namespace: settings.system_namespace,
            client_trust: ClientTrust::default(),
            configure: settings.configure,
            configured: Configured::default(),
            store: Store::default(),
            routes: Routes::new(settings.routes),
            namer: Namer::new(settings.front, settings.cluster_domain),
            claims: Claims::default(),
            served: BTreeMap::new(),
            backends: Backends::default(),
            certificates: Certificates::default(),
            unread: BTreeSet::new(),
            publisher: Publisher::default(),
            rejected: BTreeMap::new(),
            held: Patience::new(settings.patience.version),
            lingering: Patience::new(settings.patience.endpoints),
        };
        engine.bind_defaults(settings.default_certificates);
        engine
    }

    /// The table to hand to the data plane.
    pub fn table(&self) -> Arc<TableCell> {
        self.publisher.cell()
    }

    /// Revisions by their names, `name.namespace`, to hand to the data plane; none unless requests are held here.
    pub fn revisions(&self) -> Arc<TableCell> {
        self.by_name.table()
    }

    /// The certificates to hand to the data plane.
    pub fn certificates(&self) -> CertificateCells {
        self.certificates.cells()
    }

    /// All objects of now.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Frees replaced tables that no request reads any more.
    pub fn reclaim(&mut self) {
        self.publisher.reclaim();
        self.by_name.reclaim();
    }

    /// When [`Engine::apply`] is to be called even if nothing changes.
    pub fn next_deadline(&self) -> Option<Instant> {
        [self.held.next(), self.lingering.next(), self.routes.next_step(), self.namer.next_end()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Puts changes into effect together; the cost is that of what they touch.
    ///
    /// An invalid object is a fault and its last good version stays; all others apply.
    pub fn apply(&mut self, changes: Vec<ObjectChange>) -> Applied {
        let detected = Instant::now();
        let mut batch = Batch::new(detected);
        let mut touched = Touched::default();
        for change in changes {
            if let Some(change) = self.admit(change, &mut batch) {
                self.store.apply(change, &mut touched);
            }
        }
        self.refresh_settings(&touched, &mut batch);
        self.refresh_trust(&mut touched, &mut batch);
        self.refresh_keepers(&mut touched, &mut batch);
        self.refresh_routes(&mut touched, &mut batch);
        self.refresh_backends(&touched, detected);
        self.refresh_revisions(&touched);
        self.end_waits(&mut touched, &mut batch);
        self.settle_hosts(&touched, &mut batch);
        self.refresh_certificates(&touched, &mut batch);
        self.check_references(&touched, &mut batch);
        self.publish(&mut batch);
        batch.applied.took = detected.elapsed();
        batch.applied
    }

    /// Decides who owns the hosts of changed KIngress objects, and serves who does.
    fn settle_hosts(&mut self, touched: &Touched, batch: &mut Batch) {
        let request = |key: &ObjectKey| {
            let found = self.store.ingress(key);
            let created = found.and_then(|(ingress, _)| ingress.metadata.creation_timestamp.clone());
            let incumbent = found.is_some_and(|(_, origin)| origin.incumbent);
            let hosts = found.map(|(ingress, _)| compile::hosts(ingress).into_iter().map(Arc::from).collect());
            Request { key: key.clone(), incumbent, created, hosts }
        };
        let requests = touched.ingresses.iter().map(request).collect();
        let mut granted = Vec::new();
        for (key, verdict) in self.claims.resolve(requests) {
            batch.applied.affected.insert(key.clone());
            match verdict {
                Verdict::Gone => self.withdraw(&key, batch),
                Verdict::Granted => granted.push(key),
                Verdict::Refused { host, owner } => {
                    if let Some((ingress, origin)) = self.store.ingress(&key) {
                        let owner = self.source_of(&owner);
                        let source = self.source_of(&key);
                        let fault = references::conflict(ingress, &host, &owner);
                        batch.fault(&source, origin, references::of_source(source.kind, fault));
                    }
                }
            }
        }
        let changed: Vec<_> = granted.into_iter().filter_map(|key| self.replaceable(key)).collect();
        for (key, ingress) in &changed {
            self.unbind_outdated(key, ingress);
        }
        for (key, ingress) in changed {
            self.serve(key, ingress, batch);
        }
    }

    /// The latest version, unless it is the one that is served.
    fn replaceable(&self, key: ObjectKey) -> Option<(ObjectKey, Arc<Ingress>)> {
        let (ingress, _) = self.store.ingress(&key)?;
        let same = self.served.get(&key).is_some_and(|served| served.ingress == *ingress);
        (!same).then(|| (key, Arc::clone(ingress)))
    }

    /// Serves this version from the end of the batch on.
    fn serve(&mut self, key: ObjectKey, ingress: Arc<Ingress>, batch: &mut Batch) {
        let previous = self.served.remove(&key);
        let mut cells = ServedCells {
            key: key.clone(),
            backends: &mut self.backends,
            fill: |cell: &Backend| cell.set(self.upstreams.next(cell, &self.store)),
            previous: previous.as_ref(),
            used: Vec::new(),
            traffic: Vec::new(),
        };
        let hosts = compile::compile(&ingress, &mut cells);
        let (backends, traffic) = (cells.used.into(), cells.traffic.into());
        let bindings = crate::certificates::bindings(&ingress);
        let certificates = bindings.keys().cloned().collect();
        for (audience, secret) in bindings {
            self.certificates.bind(audience, secret.clone());
            self.unread.insert(secret);
        }
        if let Some(previous) = previous {
            batch.removed.extend(compile::hosts(&previous.ingress));
            previous.backends.iter().for_each(|backend| self.backends.release(&backend.key));
        }
        self.served.insert(key.clone(), Served { ingress, backends, traffic, certificates });
        batch.set.extend(hosts);
        batch.applied.ingresses.push(key);
    }

    /// Serves nothing of a KIngress from the end of the batch on.
    fn withdraw(&mut self, key: &ObjectKey, batch: &mut Batch) {
        let Some(served) = self.served.remove(key) else { return };
        for audience in &served.certificates {
            self.certificates.unbind(audience);
        }
        served.backends.iter().for_each(|backend| self.backends.release(&backend.key));
        batch.removed.extend(compile::hosts(&served.ingress));
        batch.applied.ingresses.push(key.clone());
    }

    /// Reports what changed KIngress objects refer to in vain, and KIngress objects that refer to what changed.
    fn check_references(&self, touched: &Touched, batch: &mut Batch) {
        let by_service = touched.services.iter().flat_map(|service| self.store.ingresses_of_service(service));
        let by_secret = touched.secrets.iter().flat_map(|secret| self.store.ingresses_of_secret(secret));
        let by_endpoints = touched.endpoints.iter().flat_map(|service| self.store.ingresses_of_service(service));
        let ingresses: BTreeSet<_> = touched.ingresses.iter().chain(by_service).chain(by_secret).collect();
        batch.applied.affected.extend(ingresses.iter().copied().chain(by_endpoints).cloned());
        for key in ingresses {
            let Some((ingress, origin)) = self.store.ingress(key) else { continue };
            let source = self.source_of(key);
            let mut faults = references::dangling(ingress, &self.store);
            faults = faults.into_iter().map(|fault| references::of_source(source.kind, fault)).collect();
            // Rules of one Route repeat its splits.
            faults.dedup();
            for fault in faults {
                batch.fault(&source, origin, fault);
            }
        }
    }

    /// Swaps certificates and table; a host that changed hands is set after it was removed.
    fn publish(&mut self, batch: &mut Batch) {
        self.certificates.publish();
        if batch.set.is_empty() && batch.removed.is_empty() {
            return;
        }
        let kept: BTreeSet<_> = batch.set.iter().map(|host| host.name()).collect();
        let removed: Vec<_> = batch.removed.iter().filter(|host| !kept.contains(&***host)).cloned().collect();
        let set = std::mem::take(&mut batch.set);
        self.publisher.publish(removed.into_iter().map(Change::Remove).chain(set.into_iter().map(Change::Set)));
    }
}
