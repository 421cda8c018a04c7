//! A watched directory and the manifests to put into it.
#![allow(dead_code, reason = "each test program uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper of tests only")]

pub(crate) mod kingress;

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use net_pingora_controller::{Applied, Settings, load, watch};
use net_pingora_routing::{HostName, Path, TableCell, Target, Traffic};
use tempfile::TempDir;

/// The class of all test objects.
pub(crate) const CLASS: &str = "pingora.ingress.networking.knative.dev";

/// Long enough for any machine; no test waits for it unless it fails.
const TOO_LONG: Duration = Duration::from_secs(20);

/// What the engine is told.
pub(crate) fn settings() -> Settings {
    Settings {
        class: CLASS.into(),
        internal_service: "internal.system.svc.cluster.local".into(),
        ..Settings::default()
    }
}

/// A KIngress with one host and one split; the host is on line 9.
pub(crate) fn ingress(name: &str, host: &str, service: &str) -> String {
    ingress_with(name, host, service, "/")
}

/// The same with a path.
pub(crate) fn ingress_with(name: &str, host: &str, service: &str, path: &str) -> String {
    format!(
        "apiVersion: networking.internal.knative.dev/v1alpha1\nkind: Ingress\nmetadata:\n  name: {name}\n  annotations:\n    \
         networking.knative.dev/ingress.class: {CLASS}\nspec:\n  rules:\n  - hosts: [{host}]\n    http:\n      paths:\n      \
         - path: {path}\n        splits:\n        - serviceNamespace: default\n          serviceName: {service}\n          \
         servicePort: 80\n          percent: 100\n"
    )
}

/// A Service with port 80.
pub(crate) fn service(name: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\nspec:\n  ports:\n  - port: 80\n")
}

/// An EndpointSlice of a Service, on port 8080.
pub(crate) fn slice(service: &str, addresses: &[&str]) -> String {
    let addresses: Vec<_> = addresses.iter().map(|address| format!("- addresses: [\"{address}\"]\n")).collect();
    format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: {service}-1\n  labels:\n    \
         kubernetes.io/service-name: {service}\naddressType: IPv4\nports:\n- port: 8080\nendpoints:\n{}",
        addresses.concat()
    )
}

/// A directory that is watched until the test ends.
pub(crate) struct Watched {
    dir: TempDir,
    pub(crate) table: Arc<TableCell>,
    batches: Receiver<Applied>,
    last: RefCell<Vec<String>>,
    missed: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Watched {
    /// Writes files and watches them.
    pub(crate) fn start(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self::in_dir(dir)
    }

    /// Watches a directory that has files already.
    pub(crate) fn in_dir(dir: TempDir) -> Self {
        let given = dir.path().to_path_buf();
        Self::in_dir_as(dir, &given)
    }

    /// Watches a directory that has files already and is named in another way.
    pub(crate) fn in_dir_as(dir: TempDir, given: &std::path::Path) -> Self {
        let loaded = load(given, settings());
        let table = loaded.engine.table();
        let (sender, batches) = mpsc::channel();
        let missed = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (seen, notes) = (Arc::clone(&table), Arc::clone(&missed));
        let hosts: Vec<String> = table.load().hosts().map(|host| host.name().to_owned()).collect();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let report = |applied: &Applied| {
                let gone = hosts.iter().filter(|host| seen.load().host(&HostName::parse(host).unwrap()).is_none());
                notes.lock().unwrap().extend(gone.cloned());
                // The test has ended when nobody listens.
                let _ = sender.send(applied.clone());
            };
            runtime.block_on(watch(loaded.directory, loaded.engine, report))
        });
        Self { dir, table, batches, last: RefCell::default(), missed }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// Waits for a batch after which `holds` is true, and returns it.
    pub(crate) fn until(&self, holds: impl Fn(&Self) -> bool) -> Applied {
        loop {
            let applied = self.batches.recv_timeout(TOO_LONG).expect("a batch that makes it true");
            *self.last.borrow_mut() = applied.faults.iter().map(ToString::to_string).collect();
            if holds(self) {
                return applied;
            }
        }
    }

    /// Waits for a batch only while `holds` is not true yet.
    pub(crate) fn until_true(&self, holds: impl Fn(&Self) -> bool) {
        if !holds(self) {
            self.until(holds);
        }
    }

    /// The faults of the last batch that was waited for.
    pub(crate) fn last_faults(&self) -> Vec<String> {
        self.last.borrow().clone()
    }

    /// Whether a host of the beginning was there after every batch so far.
    pub(crate) fn never_missed(&self, host: &str) -> bool {
        self.missed.lock().unwrap().iter().all(|missed| missed != host)
    }

    /// The first path of a host.
    fn path_of(&self, host: &str) -> Option<Arc<Path>> {
        self.table.load().host(&HostName::parse(host)?)?.external().first().cloned()
    }

    /// The Service a host is sent to.
    pub(crate) fn service_of(&self, host: &str) -> Option<String> {
        Some(self.path_of(host)?.splits.as_slice()[0].backend.key.service.to_string())
    }

    pub(crate) fn prefix_of(&self, host: &str) -> Option<String> {
        Some(self.path_of(host)?.prefix.to_string())
    }

    pub(crate) fn traffic_of(&self, host: &str) -> Arc<Traffic> {
        Arc::clone(&self.path_of(host).unwrap().splits.as_slice()[0].traffic)
    }

    /// The addresses a host is sent to.
    pub(crate) fn endpoints_of(&self, host: &str) -> Vec<String> {
        let path = self.path_of(host).unwrap();
        match &path.splits.as_slice()[0].backend.upstream().target {
            Target::Endpoints(set) => set.as_slice().iter().map(|endpoint| endpoint.address.to_string()).collect(),
            _ => Vec::new(),
        }
    }
}
