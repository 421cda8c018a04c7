//! Hosts, services and endpoints: what they are now, and what they were.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;

use tokio::sync::watch;

use super::ledger::Ledger;
use super::random::Random;
use super::timeline::Timeline;
use crate::manifests::Folder;
use crate::process::free_address;

/// Endpoints of a service, of which one at most misbehaves.
pub(super) const ENDPOINTS: u8 = 4;

/// Services, each with the host whose requests it may get, and whether it speaks HTTP/2 only by its port's name.
const SERVICES: [(&str, &str, bool); 7] = [
    ("north-1", "north", false),
    ("north-2", "north", false),
    ("south-1", "south", false),
    ("south-2", "south", false),
    ("east-1", "east", true),
    ("east-2", "east", true),
    ("guest-1", "guest", false),
];

/// Hosts that are always there; those of guests come and go.
pub(super) const RESIDENTS: [&str; 3] = ["north", "south", "east"];
pub(super) const GUESTS: usize = 2;

/// Everything that the traffic is checked against.
#[derive(Debug)]
pub(super) struct World {
    pub(super) hosts: Vec<Host>,
    pub(super) services: Vec<Arc<Service>>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) folder: Folder,
    /// Held while a file is broken that a gateway must have read before, or while a gateway starts.
    pub(super) sound: Mutex<()>,
    versions: AtomicU64,
}

/// A host, and which services have its requests.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: String,
    /// The services of this host, and of no other kind of host.
    pub(super) services: Vec<Arc<Service>>,
    /// `None` while there is no route.
    pub(super) route: Timeline<Option<Route>>,
}

/// One version of a host's route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// Told to the endpoint in a header.
    pub(super) version: u64,
    /// Services with their percentages.
    pub(super) split: Vec<(&'static str, u8)>,
}

/// A service and its endpoints.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: &'static str,
    http2: bool,
    port: u16,
    pub(super) endpoints: Vec<Endpoint>,
    /// Numbers of the endpoints that its `EndpointSlice` has.
    pub(super) members: Timeline<Vec<u8>>,
    /// Whether an endpoint misbehaves.
    pub(super) faulty: Timeline<bool>,
    /// Whether a listener closes: the kernel resets what is in its queue.
    pub(super) closing: Timeline<bool>,
}

/// An endpoint, told what to do.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) number: u8,
    pub(super) address: SocketAddr,
    pub(super) mode: watch::Sender<Mode>,
}

/// How an endpoint behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// Well.
    #[default]
    Serve,
    /// Listens no more; finishes what it has begun.
    Refuse,
    /// Listens no more; cuts every connection.
    Crash,
    /// Ends a request, once it is read, without an answer.
    Close,
    /// Resets new connections once a request is read.
    Reset,
    /// Ends every answer in its middle.
    Cut,
}

impl World {
    /// A world whose files are written; nobody listens yet.
    pub(super) fn new() -> anyhow::Result<Self> {
        let mut services = Vec::new();
        for (number, (name, _, http2)) in (1..).zip(SERVICES) {
            services.push(Arc::new(Service::new(number, name, http2)?));
        }
        let guests = (0..GUESTS).map(|number| ("guest", format!("guest-{number}")));
        let hosts = RESIDENTS.map(|name| (name, name.to_owned())).into_iter().chain(guests);
        let hosts = hosts.map(|(kind, name)| {
            let own = services.iter().zip(SERVICES).filter(|(_, (_, owner, _))| *owner == kind);
            let services = own.map(|(service, _)| Arc::clone(service)).collect();
            Host { name: format!("{name}.chaos.example"), services, route: Timeline::new(None) }
        });
        let world = Self {
            hosts: hosts.collect(),
            ledger: Arc::default(),
            folder: Folder::new()?,
            sound: Mutex::default(),
            versions: AtomicU64::new(0),
            services,
        };
        for service in &world.services {
            world.set_members(service, (1..=ENDPOINTS).collect())?;
        }
        for host in world.hosts.iter().take(RESIDENTS.len()) {
            let first = host.services.first().map(|service| (service.name, 100));
            world.set_route(host, Some(first.into_iter().collect()))?;
        }
        Ok(world)
    }

    /// Writes which endpoints a service has.
    pub(super) fn set_members(&self, service: &Service, members: Vec<u8>) -> io::Result<()> {
        let text = service.manifest(&members);
        service.members.change(members, || self.folder.put(&service.file(), &text))
    }

    /// Writes a new version of a host's route, or removes it.
    pub(super) fn set_route(&self, host: &Host, split: Option<Vec<(&'static str, u8)>>) -> io::Result<()> {
        let version = self.versions.fetch_add(1, Ordering::Relaxed);
        let route = split.map(|split| Route { version, split });
        let text = route.as_ref().map(|route| host.manifest(route));
        host.route.change(route, || match text {
            Some(text) => self.folder.put(&host.file(), &text),
            None => self.folder.remove(&host.file()),
        })
    }

    /// Breaks the file of a host's route for a while, which changes nothing.
    pub(super) fn break_file(&self, host: &Host, random: &mut Random) -> io::Result<()> {
        let Some(good) = host.route.now().flatten().map(|route| host.manifest(&route)) else { return Ok(()) };
        // A gateway that starts meanwhile could not know what was there.
        let _sound = self.sound.lock().unwrap_or_else(PoisonError::into_inner);
        let broken = [good.replace("percent: ", "percent: x"), format!("{good}  - ["), "\tno: yaml".to_owned()];
        let text = random.pick(&broken).map_or("", String::as_str);
        // In its place, as an editor does.
        fs::write(self.folder.path().join(host.file()), text)?;
        sleep(random.millis(0..500));
        self.folder.put(&host.file(), &good)
    }
}

impl Host {
    fn file(&self) -> String {
        format!("route-{}.yaml", self.name)
    }

    fn manifest(&self, route: &Route) -> String {
        self.claim(&self.name, route)
    }

    /// A KIngress of any name that wants this host.
    pub(super) fn claim(&self, name: &str, route: &Route) -> String {
        let (host, version) = (&self.name, route.version);
        let split = |(service, percent): &(&str, u8)| {
            format!(
                "{{serviceNamespace: default, serviceName: {service}, servicePort: 80, percent: {percent}, \
                 appendHeaders: {{chaos-version: \"{version}\"}}}}"
            )
        };
        let splits: Vec<_> = route.split.iter().map(split).collect();
        format!(
            "apiVersion: networking.internal.knative.dev/v1alpha1
kind: Ingress
metadata:
  name: {name}
  namespace: default
  annotations: {{networking.knative.dev/ingress.class: pingora.ingress.networking.knative.dev}}
spec:
  rules:
    - hosts: [{host}]
      visibility: ExternalIP
      http: {{paths: [{{splits: [{}]}}]}}
",
            splits.join(", ")
        )
    }
}

impl Service {
    fn new(number: u8, name: &'static str, http2: bool) -> io::Result<Self> {
        // Addresses that nobody connects from: a port is still free when its listener comes back.
        let port = free_address()?.port();
        let address = |endpoint| SocketAddr::from((Ipv4Addr::new(127, 1, number, endpoint), port));
        let endpoint = |number| Endpoint { number, address: address(number), mode: watch::Sender::default() };
        Ok(Self {
            name,
            http2,
            port,
            endpoints: (1..=ENDPOINTS).map(endpoint).collect(),
            members: Timeline::new(Vec::new()),
            faulty: Timeline::new(false),
            closing: Timeline::new(false),
        })
    }

    fn file(&self) -> String {
        format!("service-{}.yaml", self.name)
    }

    fn manifest(&self, members: &[u8]) -> String {
        let Self { name, port, .. } = self;
        let port_name = if self.http2 { "h2c" } else { "http" };
        let has = |endpoint: &&Endpoint| members.contains(&endpoint.number);
        let line = |one: &Endpoint| format!("{{addresses: [\"{}\"], conditions: {{ready: true}}}}", one.address.ip());
        let endpoints: Vec<_> = self.endpoints.iter().filter(has).map(line).collect();
        format!(
            "apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec:
  ports: [{{name: {port_name}, port: 80}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}, namespace: default, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: {port_name}, port: {port}}}]
endpoints: [{}]
",
            endpoints.join(", ")
        )
    }
}
