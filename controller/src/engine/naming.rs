//! What decides about hosts: Knative's ConfigMaps, and the address that clients outside know us by.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use net_pingora_dns::names::{self, Hijack};
use net_pingora_domains::{DomainConfig, FeatureConfig, KeyFault, Map, NetworkConfig};
use net_pingora_routing::ObjectKey;
use tokio::sync::watch;

use super::{Batch, Engine};
use crate::api::{FieldFault, Ingress, Kind, ObjectId, Service, id};
use crate::compile::route::Naming;
use crate::compile::service::InternalService;
use crate::fault::with_key;
use crate::store::{Store, Touched};
use crate::trust::CONFIG_NETWORK;

/// Domains, and which Routes get which.
pub(crate) const CONFIG_DOMAIN: &str = "config-domain";
/// Features of Serving that are not on for everybody.
pub(crate) const CONFIG_FEATURES: &str = "config-features";

/// Zones of magic names that everybody knows.
const MAGIC_ZONES: [&str; 2] = ["nip.io", "sslip.io"];

/// How clients outside reach us.
#[derive(Clone, Debug, Default)]
pub struct FrontSettings {
    /// Full DNS name of our own Service for clients outside.
    pub service: String,
    /// Our addresses; without any, those of that Service's load balancer.
    pub addresses: Vec<IpAddr>,
    /// The zone of magic names that gives Routes a domain where `config-domain` has no default.
    pub magic_zone: Option<String>,
    /// How long hosts of a default domain are served after the address has moved.
    pub old_domain: Duration,
}

/// What DNS is to tell of us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Our addresses.
    pub addresses: Vec<IpAddr>,
    /// Domains whose names are all ours.
    pub domains: BTreeSet<String>,
}

/// What hosts are made of, and what it was made of itself.
#[derive(Debug)]
pub(super) struct Namer {
    settings: FrontSettings,
    service: ObjectKey,
    /// As `config-domain` has it.
    configured: DomainConfig,
    /// The domain that stands in for a default.
    default: Option<String>,
    /// Those that did before, and until when they are served.
    former: Vec<(String, Instant)>,
    /// What Routes are compiled with.
    pub(super) naming: Naming,
    names: watch::Sender<Names>,
}

impl Namer {
    pub(super) fn new(settings: FrontSettings, cluster_domain: String) -> Self {
        let service = InternalService::new(&settings.service).key;
        let naming = Naming { cluster_domain, ..Naming::default() };
        let configured = DomainConfig::default();
        let (names, _) = watch::channel(Names::default());
        Self { settings, service, configured, default: None, former: Vec::new(), naming, names }
    }

    /// When hosts of a former default domain end.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.former.iter().map(|(_, until)| *until).min()
    }

    fn addresses(&self, store: &Store) -> Vec<IpAddr> {
        if !self.settings.addresses.is_empty() {
            return self.settings.addresses.clone();
        }
        store.service(&self.service).into_iter().flat_map(Service::load_balancer_addresses).collect()
    }

    /// The domain that stands in for a default follows our address; one that was known stays until there is another.
    fn follow(&mut self, addresses: &[IpAddr], now: Instant) {
        self.former.retain(|(_, until)| *until > now);
        let zone = self.settings.magic_zone.as_deref();
        let next = zone.zip(addresses.first()).map(|(zone, address)| names::domain_of(*address, zone));
        if next.is_none() || next == self.default {
            return;
        }
        self.former.retain(|(domain, _)| Some(domain) != next.as_ref());
        let old = std::mem::replace(&mut self.default, next);
        self.former.extend(old.map(|old| (old, now + self.settings.old_domain)));
    }

    /// What is to be said of hosts that magic DNS resolves to another address than the one they are under.
    pub(super) fn hijacked(&self, source: &ObjectId, ingress: &Ingress) -> Vec<String> {
        let zones = || MAGIC_ZONES.into_iter().chain(self.settings.magic_zone.as_deref());
        let hosts = ingress.spec.rules.iter().filter(|rule| rule.is_public()).flat_map(|rule| &rule.hosts);
        let hijacked = hosts.filter_map(|host| Some((host, zones().find_map(|zone| names::hijacked(host, zone))?)));
        let text = |(host, Hijack { label, address, meant }): (&String, Hijack<'_>)| {
            format!(
                "{} {}: {host} does not lead to {meant} but to {address}, which {label} reads as; \
                 rename the service, tag or namespace, or write the domain with dashes",
                source.kind, source.key
            )
        };
        hijacked.map(text).collect()
    }

    /// Which domain a Route gets by all of this.
    fn settle(&self, naming: &mut Naming) {
        let with = |domain: &String| self.configured.clone().with_default(domain);
        naming.domain = self.default.as_ref().map_or_else(|| self.configured.clone(), with);
        naming.former = self.former.iter().map(|(domain, _)| with(domain)).collect();
    }

    fn read(&mut self, next: &mut Naming, name: &str, data: &Map) -> Result<(), Vec<KeyFault>> {
        match name {
            CONFIG_DOMAIN => self.configured = DomainConfig::parse(data, &next.cluster_domain)?,
            CONFIG_NETWORK => next.network = NetworkConfig::parse(data)?,
            _ => next.features = FeatureConfig::parse(data)?,
        }
        Ok(())
    }
}

impl Engine {
    /// What DNS is to tell of us, as it changes.
    pub fn names(&self) -> watch::Receiver<Names> {
        self.namer.names.subscribe()
    }

    /// Reads again what changed; what is wrong is told, and the last good value stays.
    ///
    /// Returns whether Routes may have other hosts or rules now.
    pub(super) fn refresh_naming(&mut self, touched: &Touched, batch: &mut Batch) -> bool {
        let mut next = self.namer.naming.clone();
        for name in [CONFIG_DOMAIN, CONFIG_NETWORK, CONFIG_FEATURES] {
            let key = ObjectKey::new(&self.system_namespace, name);
            if !touched.config_maps.contains(&key) {
                continue;
            }
            let none = Map::new();
            let data = self.store.config_map(&key).map_or(&none, |map| &map.data);
            let origin = self.store.origin(&id(Kind::ConfigMap, &key));
            for fault in self.namer.read(&mut next, name, data).err().into_iter().flatten() {
                batch.fault(&id(Kind::ConfigMap, &key), &origin, of_key(fault));
            }
        }
        let addresses = self.namer.addresses(&self.store);
        self.namer.follow(&addresses, batch.applied.detected);
        self.namer.settle(&mut next);
        let changed = next != self.namer.naming;
        self.namer.naming = next;
        if changed || !touched.mappings.is_empty() || self.namer.names.borrow().addresses != addresses {
            self.tell_names(addresses);
        }
        changed
    }

    fn tell_names(&self, addresses: Vec<IpAddr>) {
        let Naming { domain, former, .. } = &self.namer.naming;
        let domains = former.iter().chain([domain]).flat_map(DomainConfig::domains).map(str::to_owned);
        let mapped = self.store.keys(Kind::DomainMapping).map(|key| key.name.to_string());
        let names = Names { addresses, domains: domains.chain(mapped).collect() };
        self.namer.names.send_if_modified(|told| {
            let changed = *told != names;
            *told = names;
            changed
        });
    }
}

fn of_key(fault: KeyFault) -> FieldFault {
    FieldFault::new(with_key("data", &fault.key), fault.problem, fault.fix)
}
