//! What the DNS responder has answered.

use std::sync::Arc;

use net_pingora_dns::Counters;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, Opts};

/// Queries by transport and outcome; there is no series where no responder runs.
#[derive(Clone, Debug)]
pub(super) struct ResponderQueries {
    described: IntCounterVec,
    counters: Option<Arc<Counters>>,
}

impl ResponderQueries {
    pub(super) fn new(counters: Option<Arc<Counters>>) -> prometheus::Result<Self> {
        Ok(Self { described: queries()?, counters })
    }
}

fn queries() -> prometheus::Result<IntCounterVec> {
    let help = "Queries that the DNS responder got, by transport and outcome.";
    IntCounterVec::new(Opts::new("net_pingora_dns_queries_total", help), &["outcome", "transport"])
}

impl Collector for ResponderQueries {
    fn desc(&self) -> Vec<&Desc> {
        self.described.desc()
    }

    /// The responder counts by itself; this is what it has come to.
    fn collect(&self) -> Vec<MetricFamily> {
        let (Some(counters), Ok(now)) = (&self.counters, queries()) else { return Vec::new() };
        for (transport, outcome, count) in counters.snapshot() {
            now.with_label_values(&[outcome.as_str(), transport.as_str()]).inc_by(count);
        }
        now.collect()
    }
}
