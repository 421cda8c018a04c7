//! Our own settings, as the cluster has them.

use std::collections::BTreeMap;

use net_pingora_routing::ObjectKey;

use super::{Batch, Engine};
use crate::api::{FieldFault, Kind, id};
use crate::configure::CONFIG_PINGORA;
use crate::fault::Origin;
use crate::store::Touched;

impl Engine {
    /// Takes over our own ConfigMap if it changed.
    pub(super) fn refresh_settings(&mut self, touched: &Touched, batch: &mut Batch) {
        let Some(configure) = &self.configure else { return };
        let key = ObjectKey::new(&self.system_namespace, CONFIG_PINGORA);
        if !touched.config_maps.contains(&key) {
            return;
        }
        let none = BTreeMap::new();
        let mut configured = configure.configure(self.store.config_map(&key).map_or(&none, |map| &map.data));
        if let Some(defaults) = configured.default_certificates.take() {
            self.bind_defaults(defaults);
        }
        for fault in configured.faults.iter().chain(&configured.refused) {
            batch.fault(&id(Kind::ConfigMap, &key), &Origin::default(), fault.clone());
        }
        if configured.refused != self.configured.refused {
            batch.applied.affected.extend(self.store.keys(Kind::Ingress).cloned());
        }
        self.configured = configured;
        batch.applied.configured = true;
    }

    /// Namespace of Knative's own objects and of ours.
    pub(crate) fn system_namespace(&self) -> &str {
        &self.system_namespace
    }

    /// `metadata.uid` of our own ConfigMap; empty if there is none.
    pub(crate) fn settings_uid(&self) -> &str {
        let key = ObjectKey::new(&self.system_namespace, CONFIG_PINGORA);
        self.store.config_map(&key).map_or("", |map| &map.metadata.uid)
    }

    /// What is wrong with our own ConfigMap.
    pub fn settings_faults(&self) -> impl Iterator<Item = &FieldFault> {
        self.configured.faults.iter().chain(&self.configured.refused)
    }
}
