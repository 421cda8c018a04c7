//! The ConfigMaps of Knative that decide about hosts.

use net_pingora_domains::{DomainConfig, FeatureConfig, KeyFault, Map, NetworkConfig};
use net_pingora_routing::ObjectKey;

use super::{Batch, Engine};
use crate::api::{FieldFault, Kind, id};
use crate::compile::route::Naming;
use crate::fault::{Origin, with_key};
use crate::store::Touched;
use crate::trust::CONFIG_NETWORK;

/// Domains, and which Routes get which.
pub(crate) const CONFIG_DOMAIN: &str = "config-domain";
/// Features of Serving that are not on for everybody.
pub(crate) const CONFIG_FEATURES: &str = "config-features";

impl Engine {
    /// Reads again what changed; what is wrong is told, and the last good value stays.
    ///
    /// Returns whether Routes may have other hosts or rules now.
    pub(super) fn refresh_naming(&mut self, touched: &Touched, batch: &mut Batch) -> bool {
        let mut next = self.routes.naming.clone();
        for name in [CONFIG_DOMAIN, CONFIG_NETWORK, CONFIG_FEATURES] {
            let key = ObjectKey::new(&self.system_namespace, name);
            if !touched.config_maps.contains(&key) {
                continue;
            }
            let none = Map::new();
            let data = self.store.config_map(&key).map_or(&none, |map| &map.data);
            for fault in read(&mut next, name, data).err().into_iter().flatten() {
                batch.fault(&id(Kind::ConfigMap, &key), &Origin::default(), of_key(fault));
            }
        }
        if next == self.routes.naming {
            return false;
        }
        self.routes.naming = next;
        true
    }
}

fn read(naming: &mut Naming, name: &str, data: &Map) -> Result<(), Vec<KeyFault>> {
    match name {
        CONFIG_DOMAIN => naming.domain = DomainConfig::parse(data, &naming.cluster_domain)?,
        CONFIG_NETWORK => naming.network = NetworkConfig::parse(data)?,
        _ => naming.features = FeatureConfig::parse(data)?,
    }
    Ok(())
}

fn of_key(fault: KeyFault) -> FieldFault {
    FieldFault::new(with_key("data", &fault.key), fault.problem, fault.fix)
}
