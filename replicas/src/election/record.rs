//! What a Lease says, and what we write into it.

use std::fmt::Write;
use std::net::SocketAddr;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;

use super::elector::LEASE;
use super::{Fingerprint, Leader};

/// Where the holder hears the other replicas: address and port.
const ADDRESS: &str = "net-pingora/leader-address";
/// SHA-256 of the holder's certificate, lower hex.
const FINGERPRINT: &str = "net-pingora/leader-certificate-sha256";

/// What a Lease says; it changes with every renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// `spec.holderIdentity`; empty if it is released.
    pub(super) holder: String,
    /// The holder, if it says how to reach and know it.
    pub(super) leader: Option<Leader>,
    /// `spec.renewTime`: compared, and nothing else, since it is of another clock.
    pub(super) renewed: Option<MicroTime>,
    /// `spec.leaseTransitions`.
    pub(super) transitions: i32,
}

impl From<&Lease> for Record {
    fn from(lease: &Lease) -> Self {
        let spec = lease.spec.as_ref();
        Self {
            holder: spec.and_then(|spec| spec.holder_identity.clone()).unwrap_or_default(),
            leader: leader(lease),
            renewed: spec.and_then(|spec| spec.renew_time.clone()),
            transitions: spec.and_then(|spec| spec.lease_transitions).unwrap_or_default(),
        }
    }
}

fn leader(lease: &Lease) -> Option<Leader> {
    let identity = lease.spec.as_ref()?.holder_identity.clone().filter(|identity| !identity.is_empty())?;
    let annotations = lease.metadata.annotations.as_ref()?;
    let fingerprint = from_hex(annotations.get(FINGERPRINT)?)?;
    let address = annotations.get(ADDRESS).and_then(|address| address.parse::<SocketAddr>().ok());
    Some(Leader { identity, address, fingerprint })
}

/// The Lease once `me` has taken or renewed it; what others wrote beside it stays.
pub(super) fn held(name: &str, lease: Option<Lease>, me: &Leader, now: Timestamp) -> Lease {
    let ours = lease.as_ref().and_then(leader).as_ref() == Some(me);
    let existed = lease.is_some();
    let mut lease = lease.unwrap_or_default();
    lease.metadata.name = Some(name.to_owned());
    lease.metadata.managed_fields = None;
    let annotations = lease.metadata.annotations.get_or_insert_default();
    annotations.insert(FINGERPRINT.to_owned(), to_hex(&me.fingerprint));
    match me.address {
        Some(address) => annotations.insert(ADDRESS.to_owned(), address.to_string()),
        None => annotations.remove(ADDRESS),
    };
    let spec = lease.spec.get_or_insert_default();
    if !ours {
        spec.acquire_time = Some(MicroTime(now));
        spec.lease_transitions = Some(spec.lease_transitions.unwrap_or_default().saturating_add(existed.into()));
    }
    spec.holder_identity = Some(me.identity.clone());
    spec.lease_duration_seconds = i32::try_from(LEASE.as_secs()).ok();
    spec.renew_time = Some(MicroTime(now));
    lease
}

/// The Lease once its holder has given it away.
pub(super) fn released(mut lease: Lease, now: Timestamp) -> Lease {
    lease.metadata.managed_fields = None;
    if let Some(annotations) = &mut lease.metadata.annotations {
        annotations.remove(FINGERPRINT);
        annotations.remove(ADDRESS);
    }
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = None;
    spec.renew_time = Some(MicroTime(now));
    lease
}

fn to_hex(fingerprint: &Fingerprint) -> String {
    fingerprint.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn from_hex(hex: &str) -> Option<Fingerprint> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else { return None };
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn me(identity: &str, address: Option<&str>) -> Leader {
        let address = address.map(|address| address.parse().unwrap());
        Leader {
            identity: identity.into(),
            address,
            fingerprint: std::array::from_fn(|i| u8::try_from(i * 8).unwrap()),
        }
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn who_has_taken_a_lease_is_read_from_it() {
        for address in [None, Some("10.0.0.1:9002"), Some("[fd00::1]:9002")] {
            let me = me("pod", address);
            let lease = held("net-pingora", None, &me, second(1));
            assert_eq!(Record::from(&lease).leader, Some(me));
            let released = released(lease, second(2));
            assert_eq!(released.metadata.annotations, Some(BTreeMap::new()));
            let record = Record::from(&released);
            assert_eq!((record.holder.as_str(), record.leader), ("", None));
        }
    }

    #[test]
    fn a_renewal_keeps_the_time_of_acquisition_and_a_new_holder_counts_as_transition() {
        let (a, b) = (me("a", None), me("b", None));
        let lease = held("net-pingora", None, &a, second(1));
        let renewed = held("net-pingora", Some(lease), &a, second(2));
        let spec = renewed.spec.clone().unwrap();
        assert_eq!((spec.acquire_time, spec.lease_transitions), (Some(MicroTime(second(1))), Some(0)));
        assert_eq!((spec.renew_time, spec.lease_duration_seconds), (Some(MicroTime(second(2))), Some(10)));
        let taken = held("net-pingora", Some(renewed), &b, second(3)).spec.unwrap();
        assert_eq!((taken.acquire_time, taken.lease_transitions), (Some(MicroTime(second(3))), Some(1)));
    }

    #[test]
    fn a_holder_that_does_not_say_how_to_know_it_is_no_leader_to_talk_to() {
        let good = "00".repeat(32);
        for (fingerprint, known) in [
            (good.as_str(), true),
            ("", false),
            (&good[1..], false),
            (&good[2..], false),
            (&good.replace('0', "g"), false),
        ] {
            let mut lease = held("net-pingora", None, &me("a", None), second(1));
            lease.metadata.annotations.as_mut().unwrap().insert(FINGERPRINT.into(), fingerprint.into());
            let record = Record::from(&lease);
            assert_eq!((record.holder.as_str(), record.leader.is_some()), ("a", known), "{fingerprint}");
        }
    }
}
