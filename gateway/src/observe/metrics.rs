//! Prometheus metrics: a registry of our own, and handles that cost one atomic each.

use std::sync::Arc;

use net_pingora_dns::Counters;
use net_pingora_routing::{Series, TableCell, Traffic};
use prometheus::core::Collector;
use prometheus::{
    Encoder, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, PullingGauge, Registry, TextEncoder,
};

pub use super::activator::ActivatorMetrics;
use super::answers::Reason;
use super::responder::ResponderQueries;
use super::series::SplitSeries;
pub use super::series::{LABEL_SETS, OTHER};

/// Why a connection is closed before it has served a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There are as many connections as the limit allows.
    Limit,
    /// It said nothing, or not enough, in time.
    Timeout,
    /// The TLS handshake failed.
    Handshake,
    /// It should have begun with a PROXY header and did not.
    ProxyHeader,
    /// As many handshakes are in progress as the limit allows.
    Handshakes,
    /// The client's address has as many connections as the limit allows.
    Address,
    /// More memory is in use than may be.
    Memory,
    /// As many files are open as connections may take.
    Files,
    /// It sent more HTTP/2 frames that carry nothing, or cancelled more streams, than the limits allow.
    Flood,
}

impl Refusal {
    const ALL: [Self; 9] = [
        Self::Limit,
        Self::Timeout,
        Self::Handshake,
        Self::ProxyHeader,
        Self::Handshakes,
        Self::Address,
        Self::Memory,
        Self::Files,
        Self::Flood,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Timeout => "timeout",
            Self::Handshake => "handshake",
            Self::ProxyHeader => "proxy-header",
            Self::Handshakes => "handshake-limit",
            Self::Address => "address-limit",
            Self::Memory => "memory",
            Self::Files => "files",
            Self::Flood => "flood",
        }
    }
}

/// Why an endpoint was not connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// It takes no connection, or cannot be reached.
    Refused,
    /// It did not take one in time.
    Timeout,
    /// The TLS handshake failed.
    Tls,
    /// No local port is left for its address.
    Ports,
    /// No file is left for a socket.
    Files,
}

impl ConnectFailure {
    const ALL: [Self; 5] = [Self::Refused, Self::Timeout, Self::Tls, Self::Ports, Self::Files];

    const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Ports => "ports",
            Self::Files => "files",
        }
    }

    /// Whether it says nothing of the endpoint.
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Ports | Self::Files)
    }
}

/// Everything the gateway counts.
#[derive(Debug)]
pub struct Metrics {
    /// Requests that have begun and not ended.
    pub requests_in_flight: IntGauge,
    /// Endpoints left out for a while.
    pub ejections: IntCounter,
    /// Requests that were tried at another endpoint.
    pub retries: IntCounter,
    /// Requests whose client took too little of the response.
    pub stalled_clients: IntCounter,
    /// Connections and streams that a panic has ended.
    pub panics: IntCounter,
    /// What DNS was asked for ExternalName Services.
    pub dns: DnsMetrics,
    /// Requests for revisions that are served through us.
    pub activator: ActivatorMetrics,
    registry: Registry,
    splits: SplitSeries,
    answers: [IntCounter; Reason::ALL.len()],
    connect_failures: [IntCounter; ConnectFailure::ALL.len()],
    connections_open: IntGaugeVec,
    connections_accepted: IntCounterVec,
    connections_refused: IntCounterVec,
}

/// What one listener counts.
#[derive(Clone, Debug)]
pub struct ListenerMetrics {
    /// Connections open now.
    pub open: IntGauge,
    /// Connections accepted.
    pub accepted: IntCounter,
    refused: [IntCounter; Refusal::ALL.len()],
}

/// What the resolver counts.
#[derive(Clone, Debug)]
pub struct DnsMetrics {
    /// Queries asked.
    pub lookups: IntCounter,
    /// Queries that brought no address.
    pub failures: IntCounter,
}

/// Counts one in a gauge until it is dropped.
#[derive(Debug)]
pub struct Counted(IntGauge);

impl Counted {
    /// Adds one to the gauge.
    pub fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl DnsMetrics {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name, help| register(registry, IntCounter::new(name, help)?);
        Ok(Self {
            lookups: counter("net_pingora_dns_lookups_total", "DNS queries for hosts of ExternalName Services.")?,
            failures: counter("net_pingora_dns_failures_total", "DNS queries that brought no address.")?,
        })
    }
}

impl ListenerMetrics {
    /// Counts a connection that was refused.
    pub fn refused(&self, why: Refusal) {
        if let Some(counter) = self.refused.get(why as usize) {
            counter.inc();
        }
    }
}

impl Metrics {
    /// All metrics at zero; the number of hosts is read from `table` at every scrape, and `responder` too.
    ///
    /// # Errors
    /// When two metrics have the same name.
    pub fn new(table: Arc<TableCell>, responder: Option<Arc<Counters>>) -> prometheus::Result<Self> {
        let registry = Registry::new();
        register(&registry, ResponderQueries::new(responder)?)?;
        register(&registry, table_hosts(table)?)?;
        register(&registry, build_info()?)?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let counter = |name, help| register(&registry, IntCounter::new(name, help)?);
        let vec = |name, help, labels: &[&str]| register(&registry, IntCounterVec::new(Opts::new(name, help), labels)?);
        let answers = vec(
            "net_pingora_answers_total",
            "Answers the gateway made itself, by reason and status.",
            &["reason", "status"],
        )?;
        let connect_failures = vec(
            "net_pingora_upstream_connect_failures_total",
            "Connects to an endpoint that failed, by reason; `ports` and `files` are used up in the gateway.",
            &["reason"],
        )?;
        Ok(Self {
            requests_in_flight: register(
                &registry,
                IntGauge::new("net_pingora_requests_in_flight", "Requests that have begun and not ended.")?,
            )?,
            ejections: counter(
                "net_pingora_upstream_ejections_total",
                "Times an endpoint was left out for a while because it took no connections.",
            )?,
            connect_failures: ConnectFailure::ALL.map(|why| connect_failures.with_label_values(&[why.name()])),
            retries: counter("net_pingora_upstream_retries_total", "Requests that were tried at another endpoint.")?,
            stalled_clients: counter(
                "net_pingora_stalled_clients_total",
                "Requests given up because their client took too little of the response.",
            )?,
            panics: counter("net_pingora_panics_total", "Connections and streams that a panic has ended: bugs.")?,
            dns: DnsMetrics::new(&registry)?,
            activator: ActivatorMetrics::new(&registry)?,
            answers: Reason::ALL
                .map(|reason| answers.with_label_values(&[reason.name(), &reason.status().to_string()])),
            connections_open: register(&registry, connections_open()?)?,
            connections_accepted: vec(
                "net_pingora_connections_accepted_total",
                "Connections accepted from clients.",
                &["listener"],
            )?,
            connections_refused: vec(
                "net_pingora_connections_refused_total",
                "Connections closed before they served a request, by reason.",
                &["listener", "reason"],
            )?,
            splits: register(&registry, SplitSeries::new()?)?,
            registry,
        })
    }

    /// The series a split counts in, for [`Traffic::series_or`].
    ///
    /// There are at most [`LABEL_SETS`] of them; a split that finds no room counts in the series
    /// [`OTHER`] for as long as it lives. A series ends with the last split that counts in it.
    pub fn claim(&self, traffic: &Traffic) -> Arc<Series> {
        self.splits.claim(traffic)
    }

    /// The handles of a listener; ask once at start.
    pub fn listener(&self, name: &'static str) -> ListenerMetrics {
        ListenerMetrics {
            open: self.connections_open.with_label_values(&[name]),
            accepted: self.connections_accepted.with_label_values(&[name]),
            refused: Refusal::ALL.map(|why| self.connections_refused.with_label_values(&[name, why.name()])),
        }
    }

    /// Counts an answer the gateway made itself.
    pub fn answered(&self, reason: Reason) {
        if let Some(counter) = self.answers.get(reason as usize) {
            counter.inc();
        }
    }

    /// Counts a connect to an endpoint that failed.
    pub fn connect_failed(&self, why: ConnectFailure) {
        if let Some(counter) = self.connect_failures.get(why as usize) {
            counter.inc();
        }
    }

    /// All metrics in the text format, and its content type.
    ///
    /// # Errors
    /// When the encoder refuses a metric.
    pub fn text(&self) -> prometheus::Result<(String, String)> {
        let encoder = TextEncoder::new();
        Ok((encoder.encode_to_string(&self.registry.gather())?, encoder.format_type().to_owned()))
    }
}

/// Registers a metric and gives it back as the handle to count with.
pub(super) fn register<M: Collector + Clone + 'static>(registry: &Registry, metric: M) -> prometheus::Result<M> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn connections_open() -> prometheus::Result<IntGaugeVec> {
    IntGaugeVec::new(Opts::new("net_pingora_connections_open", "Client connections open now."), &["listener"])
}

fn table_hosts(table: Arc<TableCell>) -> prometheus::Result<PullingGauge> {
    let hosts = move || u32::try_from(table.load().len()).unwrap_or(u32::MAX).into();
    PullingGauge::new("net_pingora_table_hosts", "Hosts in the routing table.", Box::new(hosts))
}

fn build_info() -> prometheus::Result<IntGauge> {
    let opts = Opts::new("net_pingora_build_info", "Always 1; the label says which version runs.");
    let info = IntGauge::with_opts(opts.const_label("version", env!("CARGO_PKG_VERSION")))?;
    info.set(1);
    Ok(info)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;
    use std::time::Duration;
    use std::{env, fs};

    use net_pingora_routing::{ObjectKey, Publisher};
    use prometheus::proto::{LabelPair, Metric};

    use super::*;

    const DOC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");

    fn metrics() -> Metrics {
        Metrics::new(Publisher::default().cell(), Some(Arc::default())).unwrap()
    }

    /// Metrics that have counted one of everything.
    fn used() -> (Metrics, Arc<Traffic>) {
        let metrics = metrics();
        let split = Traffic::new(ObjectKey::new("default", "hello"), "hello-00001");
        split.series_or(|traffic| metrics.claim(traffic)).record(200, Duration::from_millis(7));
        let listener = metrics.listener("external-http");
        listener.accepted.inc();
        listener.refused(Refusal::Limit);
        metrics.answered(Reason::NoEndpoints);
        (metrics, split)
    }

    #[test]
    fn what_is_counted_is_shown() {
        let (metrics, _split) = used();
        let (text, _) = metrics.text().unwrap();
        let split = r#"namespace="default",ingress="hello",service="hello-00001""#;
        for line in [
            format!(r#"net_pingora_requests_total{{{split},code_class="2xx"}} 1"#),
            format!(r#"net_pingora_request_duration_seconds_bucket{{{split},le="0.005"}} 0"#),
            format!(r#"net_pingora_request_duration_seconds_bucket{{{split},le="0.01"}} 1"#),
            format!(r#"net_pingora_request_duration_seconds_bucket{{{split},le="+Inf"}} 1"#),
            format!("net_pingora_request_duration_seconds_sum{{{split}}} 0.007"),
            r#"net_pingora_connections_accepted_total{listener="external-http"} 1"#.to_owned(),
            r#"net_pingora_connections_refused_total{listener="external-http",reason="limit"} 1"#.to_owned(),
            r#"net_pingora_answers_total{reason="no_endpoints",status="503"} 1"#.to_owned(),
            r#"net_pingora_answers_total{reason="loop",status="508"} 0"#.to_owned(),
            "net_pingora_table_hosts 0".to_owned(),
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\nis not in\n{text}");
        }
    }

    #[test]
    fn a_gauge_goes_down_with_its_guard() {
        let metrics = metrics();
        let guards = [(); 2].map(|()| Counted::new(&metrics.requests_in_flight));
        assert_eq!(metrics.requests_in_flight.get(), 2);
        drop(guards);
        assert_eq!(metrics.requests_in_flight.get(), 0);
    }

    /// The tables of docs/metrics.md, from the registry itself.
    fn tables() -> String {
        let (metrics, _split) = used();
        let mut text = "| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n".to_owned();
        for family in metrics.registry.gather() {
            let labels: BTreeSet<_> =
                family.get_metric().iter().flat_map(Metric::get_label).map(LabelPair::name).collect();
            let labels: Vec<_> = labels.into_iter().map(|label| format!("`{label}`")).collect();
            let kind = format!("{:?}", family.get_field_type()).to_lowercase();
            writeln!(text, "| `{}` | {kind} | {} | {} |", family.name(), labels.join(", "), family.help()).unwrap();
        }
        text += "\nReasons of `net_pingora_answers_total`:\n\n| Reason | Status |\n|---|---|\n";
        for reason in Reason::ALL {
            writeln!(text, "| `{}` | {} |", reason.name(), reason.status()).unwrap();
        }
        text
    }

    #[test]
    fn the_documentation_lists_every_metric() {
        let doc = fs::read_to_string(DOC).unwrap();
        let at = doc.find("| Metric |").expect("docs/metrics.md has the table of metrics");
        let wanted = format!("{}{}", &doc[..at], tables());
        if env::var_os("UPDATE_DOCS").is_some() {
            fs::write(DOC, &wanted).unwrap();
            return;
        }
        assert_eq!(doc, wanted, "run the tests once with UPDATE_DOCS=1");
    }
}
