//! What the status of a KIngress should be.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::condition::{Condition, Conditions, Truth};
use super::seen::Status;
use crate::engine::{Problem, Trouble};

/// Where the gateway is reached inside the cluster.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Full host name of the Service for clients outside.
    pub public: Box<str>,
    /// Full host name of the Service for clients in the cluster.
    pub private: Box<str>,
}

/// How far the latest version of a KIngress has come.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Progress {
    /// Every ready replica serves it.
    Ready,
    /// These replicas do not serve it yet.
    Waiting(String),
    /// It cannot be served in full.
    Stuck(Problem),
}

impl Progress {
    /// Whether somebody has to change something.
    pub(super) fn is_failure(&self) -> bool {
        match self {
            Self::Ready | Self::Waiting(_) => false,
            Self::Stuck(problem) => verdict(problem.trouble).1 == Truth::False,
        }
    }
}

/// Which condition tells of the trouble.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Where {
    Network,
    LoadBalancer,
}

/// The one table from trouble to condition, status and reason.
pub(super) fn verdict(trouble: Trouble) -> (Where, Truth, &'static str) {
    match trouble {
        Trouble::Invalid => (Where::Network, Truth::False, "InvalidIngress"),
        Trouble::Unprotected => (Where::Network, Truth::False, "AuthorizationNotSupported"),
        // The reason that net-kourier and its tests use.
        Trouble::Conflict => (Where::LoadBalancer, Truth::False, "DomainConflict"),
        Trouble::NoSecret => (Where::Network, Truth::Unknown, "SecretNotFound"),
        Trouble::BadSecret => (Where::Network, Truth::False, "InvalidSecret"),
        Trouble::NoBackend => (Where::Network, Truth::Unknown, "ServiceNotFound"),
        Trouble::NoEndpoints => (Where::LoadBalancer, Truth::Unknown, "EndpointsNotReady"),
        Trouble::NoAuthority => (Where::LoadBalancer, Truth::False, "NoTrustedAuthority"),
    }
}

/// The status that follows `previous`. Addresses stay once they are known.
pub(super) fn desired(
    previous: &Status,
    generation: i64,
    progress: &Progress,
    addresses: &Addresses,
    now: SystemTime,
) -> Status {
    let uninitialized = |message: &str| Condition::fails(Truth::Unknown, "Uninitialized", message);
    let (network, load_balancer) = match progress {
        Progress::Ready => (Condition::holds(), Condition::holds()),
        Progress::Waiting(message) => (Condition::holds(), uninitialized(message)),
        Progress::Stuck(problem) => {
            let (place, truth, reason) = verdict(problem.trouble);
            let condition = Condition::fails(truth, reason, &problem.message);
            match place {
                Where::LoadBalancer => (Condition::holds(), condition),
                Where::Network => (condition, uninitialized("not served yet")),
            }
        }
    };
    let addresses = match progress {
        Progress::Ready => (Some(addresses.public.clone()), Some(addresses.private.clone())),
        _ => previous.addresses.clone(),
    };
    let conditions = Conditions::after(&previous.conditions, network, load_balancer, now);
    Status { observed_generation: generation, conditions, addresses }
}

impl Status {
    /// Whether it says that the KIngress is served here.
    pub(super) fn is_settled(&self, generation: i64, addresses: &Addresses) -> bool {
        let (public, private) = &self.addresses;
        self.observed_generation == generation
            && self.conditions.ready.truth == Truth::True
            && public.as_ref() == Some(&addresses.public)
            && private.as_ref() == Some(&addresses.private)
    }

    /// `status` as a merge patch.
    pub(super) fn json(&self) -> Value {
        let mut json = json!({"observedGeneration": self.observed_generation, "conditions": self.conditions.json()});
        let (public, private) = &self.addresses;
        for (field, address) in [("publicLoadBalancer", public), ("privateLoadBalancer", private)] {
            if let Some(address) = address {
                json[field] = json!({"ingress": [{"domainInternal": address}]});
            }
        }
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Seen;

    fn addresses() -> Addresses {
        Addresses { public: "p.n.svc.cluster.local".into(), private: "i.n.svc.cluster.local".into() }
    }

    fn stuck(trouble: Trouble) -> Progress {
        Progress::Stuck(Problem { trouble, message: "m".to_owned() })
    }

    fn after(previous: &Status, progress: &Progress) -> Status {
        desired(previous, 2, progress, &addresses(), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn every_trouble_has_its_reason_and_ready_repeats_it() {
        for (progress, truth, reason) in [
            (Progress::Ready, Truth::True, ""),
            (Progress::Waiting("w".to_owned()), Truth::Unknown, "Uninitialized"),
            (stuck(Trouble::Invalid), Truth::False, "InvalidIngress"),
            (stuck(Trouble::Conflict), Truth::False, "DomainConflict"),
            (stuck(Trouble::NoSecret), Truth::Unknown, "SecretNotFound"),
            (stuck(Trouble::BadSecret), Truth::False, "InvalidSecret"),
            (stuck(Trouble::NoBackend), Truth::Unknown, "ServiceNotFound"),
            (stuck(Trouble::NoEndpoints), Truth::Unknown, "EndpointsNotReady"),
            (stuck(Trouble::NoAuthority), Truth::False, "NoTrustedAuthority"),
        ] {
            let ready = after(&Status::default(), &progress).conditions.ready;
            assert_eq!((ready.truth, &*ready.reason), (truth, reason), "{progress:?}");
        }
    }

    #[test]
    fn no_status_but_ready_settles_a_generation() {
        let ready = after(&Status::default(), &Progress::Ready);
        assert!(ready.is_settled(2, &addresses()) && !ready.is_settled(3, &addresses()));
        // The load balancer of the generation before must not count for this one.
        for progress in [Progress::Waiting(String::new()), stuck(Trouble::NoBackend), stuck(Trouble::Conflict)] {
            let next = after(&ready, &progress);
            assert!(!next.is_settled(2, &addresses()));
            assert_eq!(next.addresses, ready.addresses);
        }
        let elsewhere = Addresses { public: "other".into(), private: "other".into() };
        assert!(!ready.is_settled(2, &elsewhere));
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for progress in [Progress::Ready, stuck(Trouble::NoSecret)] {
            let status = after(&Status::default(), &progress);
            assert_eq!(Seen::read(&json!({"status": status.json()})).status, status);
        }
    }
}
