//! Routes that change under load: how long a change takes to its effect, and what goes wrong meanwhile.

mod backend;
mod directory;
pub mod html;
pub mod json;
mod kubernetes;
mod load;
mod objects;
mod routes;
mod run;
pub mod text;
mod written;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

pub use run::run;

use crate::order;
use crate::prepared::PlanError;
use crate::target::Target;
use crate::thresholds::{Figure, Unit, percentile};

/// Percentiles of effects that are told.
const PERCENTILES: [f64; 3] = [50.0, 90.0, 99.0];

/// What changes, and how much is asked meanwhile.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The gateway, over HTTP.
    pub gateway: Target,
    /// Where it reads its objects.
    pub place: Place,
    /// Namespace of the objects.
    pub namespace: String,
    /// Their ingress class.
    pub class: String,
    /// Routes, each with a host of its own.
    pub routes: usize,
    /// Changes in all; each moves one route from one of two backends to the other.
    pub changes: usize,
    /// Rest between a change's effect and the next change.
    pub pause: Duration,
    /// Requests a second over all routes.
    pub rate: f64,
    /// Connections of these requests.
    pub connections: usize,
    /// How long a request may take.
    pub timeout: Duration,
    /// An answer of the old target is stale to a request that is sent so long after a change, even if nobody has seen
    /// the new one.
    pub grace: Duration,
    /// How long a change may be without effect before the next one is made.
    pub patience: Duration,
}

/// Where a gateway reads its objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this directory; the backends listen on loopback.
    Directory(PathBuf),
    /// In the cluster of KUBECONFIG, or of the pod that this runs in; the backends listen on this address of this
    /// machine, at which the gateway reaches it.
    Kubernetes(IpAddr),
}

impl Place {
    /// Where the backends listen.
    fn backends(&self) -> IpAddr {
        match self {
            Self::Directory(_) => Ipv4Addr::LOCALHOST.into(),
            Self::Kubernetes(advertised) => *advertised,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => directory.display().fmt(f),
            Self::Kubernetes(_) => f.write_str("this cluster"),
        }
    }
}

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When its object began to be written, from the beginning of the load.
    pub at: Duration,
    /// Which route was moved.
    pub route: usize,
    /// From there to the first answer of the new target; `None` without any.
    pub effect: Option<Duration>,
}

/// What the changes have shown.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The URL of the gateway.
    pub target: String,
    /// How many routes there were.
    pub routes: usize,
    /// How long the load lasted.
    pub elapsed: Duration,
    /// All changes in their order.
    pub changes: Vec<Change>,
    /// Requests of the load.
    pub requests: u64,
    /// Requests that waited for an effect.
    pub probes: u64,
    /// Requests of both without a good answer, by kind or status.
    pub failures: BTreeMap<String, u64>,
    /// Answers of the old target to requests that were sent after the new one had been seen, or after the grace.
    pub stale: u64,
    /// The longest time from a change to the sending of such a request.
    pub stalest: Duration,
}

/// Why routes could not be changed at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Numbers that contradict each other.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The gateway's URL is not http://.
    #[error("{0}: churn asks over http:// only")]
    Scheme(String),
    /// An address that Kubernetes takes for no endpoint.
    #[error(
        "--advertise {0}: Kubernetes refuses such endpoints; write the address at which the gateway reaches this machine"
    )]
    Advertised(IpAddr),
    /// An address that is not this machine's.
    #[error("cannot listen on {0}: {1}; write the address of this machine at which the gateway reaches it")]
    Listen(IpAddr, io::Error),
    /// A file that cannot be written or removed.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// No cluster is configured, or its credentials cannot be used.
    #[error("cannot use the cluster: {0}; set KUBECONFIG, run in a pod, or write to a directory")]
    Cluster(String),
    /// An object that cannot be written or removed.
    #[error("cannot {verb} {kind} {name}: {why}")]
    Object {
        /// What was tried.
        verb: &'static str,
        /// The object's kind.
        kind: String,
        /// Its namespace and name.
        name: String,
        /// What the API server says.
        why: String,
    },
    /// A new route that the gateway does not serve.
    #[error("{url}: host {host} is not served within {patience:?}, {why}; does the gateway read {from}?")]
    NotServed {
        /// The gateway's.
        url: String,
        /// The route's.
        host: String,
        /// How long it was waited for.
        patience: Duration,
        /// What was answered last.
        why: String,
        /// Its ingress class, and where it is written.
        from: String,
    },
    /// No thread, socket or timer can be had.
    #[error("start: {0}")]
    Start(#[from] io::Error),
}

impl Report {
    /// Times from changes to their effects, sorted.
    pub fn effects(&self) -> Vec<Duration> {
        let mut effects: Vec<Duration> = self.changes.iter().filter_map(|change| change.effect).collect();
        effects.sort_unstable();
        effects
    }

    /// Changes without effect.
    pub fn without_effect(&self) -> usize {
        self.changes.iter().filter(|change| change.effect.is_none()).count()
    }

    /// Requests without a good answer.
    pub fn errors(&self) -> u64 {
        self.failures.values().sum()
    }
}

/// Figures of changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// Time to the effect that so many percent of the changes kept to.
    Effect(f64),
    /// Requests without a good answer.
    Errors,
    /// Stale answers.
    Stale,
}

impl Figure for Metric {
    type Report = Report;

    const NAMES: &'static str = "effect_p50, effect_p99.9, effect_max, errors, stale";

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "errors" => Self::Errors,
            "stale" => Self::Stale,
            "effect_max" => Self::Effect(100.0),
            _ => Self::Effect(percentile(name.strip_prefix("effect_")?)?),
        })
    }

    fn unit(self) -> Unit {
        if matches!(self, Self::Effect(_)) { Unit::Time } else { Unit::Count }
    }

    /// Nothing where a change had no effect: it would be the longest.
    #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^53")]
    fn of(self, report: &Report) -> Option<f64> {
        match self {
            Self::Effect(_) if report.without_effect() > 0 => None,
            Self::Effect(percent) => order::percentile(&report.effects(), percent).map(|time| time.as_secs_f64()),
            Self::Errors => Some(report.errors() as f64),
            Self::Stale => Some(report.stale as f64),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::thresholds::Threshold;

    /// Ten changes of three routes with effects after 1 to 10 ms, one failure and two stale answers.
    pub(crate) fn seen() -> Report {
        let change = |number: u64| Change {
            at: Duration::from_millis(100 * number),
            route: usize::try_from(number % 3).unwrap(),
            effect: Some(Duration::from_millis(number)),
        };
        Report {
            target: "http://127.0.0.1:8080/".to_owned(),
            routes: 3,
            elapsed: Duration::from_secs(2),
            changes: (1..=10).map(change).collect(),
            requests: 400,
            probes: 55,
            failures: BTreeMap::from([("status 404".to_owned(), 1)]),
            stale: 2,
            stalest: Duration::from_millis(7),
        }
    }

    #[test]
    fn figures_are_those_of_all_changes() {
        let mut report = seen();
        let check = |report: &Report, text: &str| {
            text.parse::<Threshold<Metric>>().unwrap().check(report).map_err(|missed| missed.seen)
        };
        for kept in ["effect_p50<=5ms", "effect_p90<10ms", "effect_max=10ms", "errors=1", "stale<3"] {
            assert_eq!(check(&report, kept), Ok(()), "{kept}");
        }
        assert_eq!(check(&report, "effect_p90<5ms"), Err("9.000 ms".to_owned()));
        assert_eq!(check(&report, "stale=0"), Err("2".to_owned()));
        report.changes[0].effect = None;
        assert_eq!(check(&report, "effect_p50<1s"), Err("no answers".to_owned()));
        assert!("p50<1ms".parse::<Threshold<Metric>>().is_err());
    }
}
