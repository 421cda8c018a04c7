//! The default domain of `config-domain`, where Serving is to make hosts of our address.

use std::time::{Duration, Instant};

use net_pingora_routing::ObjectKey;
use serde_json::{Value, json};

use super::board::Board;
use super::writer::{Work, Write};
use crate::api::{Kind, id};
use crate::engine::{CONFIG_DOMAIN, Engine, OWN_DOMAIN_ANNOTATION};

/// When a write that failed is tried again, and how long one that succeeded has to be seen.
const RETRY: Duration = Duration::from_secs(5);

/// What is to become of our own key; those of others are never touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DomainChange {
    /// The key that is ours now.
    pub(crate) old: Option<String>,
    /// The key that is to be.
    pub(crate) new: Option<String>,
}

/// Who keeps our own key of `config-domain`.
#[derive(Debug, Default)]
pub struct DefaultDomain {
    later: Option<Instant>,
}

impl DefaultDomain {
    /// When [`DefaultDomain::next`] is to be asked even if nothing happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.later
    }

    /// The write that is due, if this replica is the leader.
    pub fn next(&mut self, board: &Board, engine: &Engine, now: Instant) -> Option<Work> {
        if self.later.is_some_and(|later| now < later) {
            return None;
        }
        self.later = None;
        let change = engine.domain_change().filter(|_| board.leads())?;
        self.later = Some(now + RETRY);
        let key = ObjectKey::new(engine.system_namespace(), CONFIG_DOMAIN);
        Some(Work { id: id(Kind::ConfigMap, &key), write: Write::Domain { patch: patch(&change) } })
    }
}

fn patch(DomainChange { old, new }: &DomainChange) -> Value {
    let mut data = json!({});
    for (domain, value) in [(old, Value::Null), (new, "".into())] {
        if let Some(domain) = domain {
            data[domain.as_str()] = value;
        }
    }
    json!({"metadata": {"annotations": {OWN_DOMAIN_ANNOTATION: new}}, "data": data})
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::Object;
    use crate::engine::{FrontSettings, Settings};
    use crate::fault::Origin;
    use crate::store::ObjectChange;

    fn engine(address: Option<&str>, own: Option<&str>, data: &Value, serving: bool) -> Engine {
        let front = FrontSettings {
            service: "front.s.svc.cluster.local".into(),
            magic_zone: Some("sslip.io".into()),
            ..FrontSettings::default()
        };
        let routes = !serving;
        let mut engine = Engine::new(Settings { system_namespace: "s".into(), front, routes, ..Settings::default() });
        let ingress: Vec<_> = address.iter().map(|address| json!({"ip": address})).collect();
        let service = json!({"metadata": {"name": "front", "namespace": "s"},
            "status": {"loadBalancer": {"ingress": ingress}}});
        let annotations = own.map_or(json!({}), |own| json!({OWN_DOMAIN_ANNOTATION: own}));
        let map = json!({"metadata": {"name": CONFIG_DOMAIN, "namespace": "s", "annotations": annotations},
            "data": data});
        let objects = [
            Object::Service(Arc::new(serde_json::from_value(service).unwrap())),
            Object::ConfigMap(Arc::new(serde_json::from_value(map).unwrap())),
        ];
        engine.apply(objects.into_iter().map(|object| ObjectChange::Apply(object, Origin::default())).collect());
        engine
    }

    #[test]
    fn our_key_is_there_while_no_other_default_is_and_moves_with_the_address() {
        const OURS: &str = "10-0-0-5.sslip.io";
        let change = |old: Option<&str>, new: Option<&str>| {
            Some(DomainChange { old: old.map(str::to_owned), new: new.map(str::to_owned) })
        };
        let five = Some("10.0.0.5");
        for (address, own, data, serving, wanted) in [
            (five, None, json!({}), true, change(None, Some(OURS))),
            (five, None, json!({"a.example": "selector: {app: a}"}), true, change(None, Some(OURS))),
            (five, Some(OURS), json!({OURS: ""}), true, None),
            (Some("10.0.0.6"), Some(OURS), json!({OURS: ""}), true, change(Some(OURS), Some("10-0-0-6.sslip.io"))),
            (None, Some(OURS), json!({OURS: ""}), true, None),
            (None, None, json!({}), true, None),
            // Another default is somebody's wish; ours gives way.
            (five, None, json!({"example.com": ""}), true, None),
            (five, Some(OURS), json!({OURS: "", "example.com": ""}), true, change(Some(OURS), None)),
            (five, None, json!({OURS: ""}), true, None),
            // Hosts follow the address by themselves where Serving is not.
            (five, None, json!({}), false, None),
            (Some("10.0.0.6"), Some(OURS), json!({OURS: ""}), false, change(Some(OURS), Some("10-0-0-6.sslip.io"))),
        ] {
            let engine = engine(address, own, &data, serving);
            assert_eq!(engine.domain_change(), wanted, "{address:?} {own:?} {data} {serving}");
        }
    }

    #[test]
    fn a_patch_has_our_own_keys_and_no_other() {
        let domain = |text: &str| Some(text.to_owned());
        for (old, new, data) in [
            (None, domain("a"), json!({"a": ""})),
            (domain("a"), domain("b"), json!({"a": null, "b": ""})),
            (domain("a"), None, json!({"a": null})),
        ] {
            let wanted = json!({"metadata": {"annotations": {OWN_DOMAIN_ANNOTATION: new}}, "data": data});
            assert_eq!(patch(&DomainChange { old, new }), wanted);
        }
    }
}
