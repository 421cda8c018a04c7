//! What is counted of requests for revisions that are served through us.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use super::metrics::register;

/// Upper bounds of the times that requests wait, in seconds: most cold starts take between half a second and ten.
const WAITS: [f64; 12] = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0];

/// What is counted of requests for revisions that are served through us.
#[derive(Clone, Debug)]
pub struct ActivatorMetrics {
    /// Requests that wait for a pod now.
    pub held: IntGauge,
    /// How long requests have waited, however it ended.
    pub hold_seconds: Histogram,
    /// Requests that came when their revision had no pod.
    pub cold: IntCounter,
    /// 1 while the autoscaler can be told.
    pub autoscaler_connected: IntGauge,
    /// Reports sent to it.
    pub reports: IntCounter,
    /// Reports that could not be sent.
    pub reports_lost: IntCounter,
    probes: [IntCounter; 2],
}

impl ActivatorMetrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name, help| register(registry, IntCounter::new(name, help)?);
        let gauge = |name, help| register(registry, IntGauge::new(name, help)?);
        let waits = HistogramOpts::new(
            "net_pingora_hold_seconds",
            "How long requests have waited for a pod of their revision, however it ended.",
        );
        let probes = Opts::new("net_pingora_pod_probes_total", "Times a pod was asked whether it is ready, by answer.");
        let probes = register(registry, IntCounterVec::new(probes, &["ready"])?)?;
        Ok(Self {
            held: gauge("net_pingora_held_requests", "Requests that wait for a pod of their revision.")?,
            hold_seconds: register(registry, Histogram::with_opts(waits.buckets(WAITS.to_vec()))?)?,
            cold: counter("net_pingora_cold_requests_total", "Requests that came when their revision had no pod.")?,
            autoscaler_connected: gauge(
                "net_pingora_autoscaler_connected",
                "1 while there is a connection to Knative's autoscaler.",
            )?,
            reports: counter("net_pingora_autoscaler_reports_total", "Reports sent to Knative's autoscaler.")?,
            reports_lost: counter(
                "net_pingora_autoscaler_reports_lost_total",
                "Reports that could not be sent to Knative's autoscaler.",
            )?,
            probes: ["no", "yes"].map(|answer| probes.with_label_values(&[answer])),
        })
    }

    /// Counts the answer of a pod.
    pub fn probed(&self, ready: bool) {
        if let Some(counter) = self.probes.get(usize::from(ready)) {
            counter.inc();
        }
    }
}
