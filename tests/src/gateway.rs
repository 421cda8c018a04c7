//! A gateway inside the test, with routes made by hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use net_pingora_gateway::settings::{
    ActivatorSettings, ListenerSettings, LiveSettings, Settings, SettingsCell, Timeouts,
};
use net_pingora_gateway::{Gateway, Running};
use net_pingora_routing::{
    Backend, BackendKey, Change, EndpointSet, Header, HeaderMatch, Host, HostName, Ingress, Listener, ObjectKey, Path,
    Protocol, Publisher, ServicePort, Split, Splits, Target, Traffic, Transport, Upstream,
};
use net_pingora_tls::CertificateCells;

use crate::raw::talk;

/// A route of a test: one host, one path, its splits.
#[derive(Clone, Debug)]
pub struct Route {
    /// Host of the rule.
    pub host: String,
    /// Path of the rule.
    pub prefix: String,
    /// Whether external listeners serve it.
    pub public: bool,
    /// Headers it asks for.
    pub headers: Vec<(&'static str, &'static str)>,
    /// Headers of the path.
    pub append: Vec<(&'static str, &'static str)>,
    /// Host the upstream sees.
    pub rewrite_host: Option<&'static str>,
    /// Whether plain HTTP is redirected.
    pub redirect: bool,
    /// How upstreams are spoken to.
    pub transport: Transport,
    /// Percent, where to, protocol.
    pub splits: Vec<(u8, Target, Protocol)>,
}

impl Route {
    /// All requests of `host` go to `address`, by HTTP/1.1.
    pub fn to(host: &str, address: SocketAddr) -> Self {
        Self::to_target(host, endpoints([address]), Protocol::Http1)
    }

    /// All requests of `host` go to `address`, by h2c.
    pub fn to_h2(host: &str, address: SocketAddr) -> Self {
        Self::to_target(host, endpoints([address]), Protocol::Http2)
    }

    /// All requests of `host` go to `target`.
    pub fn to_target(host: &str, target: Target, protocol: Protocol) -> Self {
        Self {
            host: host.to_owned(),
            prefix: "/".to_owned(),
            public: true,
            headers: Vec::new(),
            append: Vec::new(),
            rewrite_host: None,
            redirect: false,
            transport: Transport::Plain,
            splits: vec![(100, target, protocol)],
        }
    }

    fn compile(self) -> Arc<Host> {
        let key = ObjectKey::new("default", &self.host);
        let split = |(at, (percent, target, protocol)): (usize, (u8, Target, Protocol))| {
            let service = format!("{}-{at}", self.host);
            let port = ServicePort::Number(80);
            let backend =
                Backend::new(BackendKey { namespace: "default".into(), service: service.as_str().into(), port });
            backend.set(Upstream { protocol, transport: self.transport.clone(), target });
            let traffic = Traffic::new(key.clone(), &service);
            Split { percent, backend, append_headers: headers(&[("x-split", service.as_str())]), traffic }
        };
        let path = Path {
            ingress: Arc::new(Ingress { key: key.clone(), hash: HeaderValue::from_static("the-hash") }),
            rule: 0,
            index: 0,
            prefix: self.prefix.as_str().into(),
            headers: self.headers.iter().map(|(name, value)| matching(name, value)).collect(),
            rewrite_host: self.rewrite_host.map(HeaderValue::from_static),
            append_headers: headers(&self.append),
            redirect: self.redirect,
            splits: Splits::new(self.splits.into_iter().enumerate().map(split)),
        };
        Host::new(&self.host, [(Arc::new(path), self.public)])
    }
}

fn matching(name: &'static str, value: &'static str) -> HeaderMatch {
    HeaderMatch { name: HeaderName::from_static(name), exact: HeaderValue::from_static(value) }
}

fn headers(pairs: &[(&'static str, &str)]) -> Arc<[Header]> {
    let header = |(name, value): &(&'static str, &str)| {
        Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
    };
    pairs.iter().filter_map(header).collect()
}

/// Ready endpoints at these addresses.
pub fn endpoints(addresses: impl IntoIterator<Item = SocketAddr>) -> Target {
    Target::Endpoints(EndpointSet::new(addresses, &EndpointSet::default()))
}

/// A gateway that ends with the test, which it fails if there was a panic nobody has [`forgiven`](Self::forgive).
#[derive(Debug)]
pub struct TestGateway {
    /// Address of the external HTTP listener.
    pub external: SocketAddr,
    /// Address of the internal HTTP listener.
    pub internal: SocketAddr,
    /// Address of the external HTTPS listener.
    pub external_tls: SocketAddr,
    /// Address of the internal HTTPS listener.
    pub internal_tls: SocketAddr,
    /// Address of the listener that stands in for Knative's activator.
    pub activator: SocketAddr,
    /// Address of health.
    pub health: SocketAddr,
    /// The gateway's certificates.
    pub certificates: CertificateCells,
    /// The gateway's settings.
    pub settings: Arc<SettingsCell>,
    /// Writes the gateway's table.
    pub publisher: Publisher,
    running: Option<Running>,
}

impl TestGateway {
    /// Serves these routes with the default settings.
    ///
    /// # Panics
    /// When the gateway does not start.
    pub fn start(routes: impl IntoIterator<Item = Route>) -> Self {
        Self::with(routes, |_| {})
    }

    /// Serves these routes with settings changed by `change`.
    ///
    /// # Panics
    /// When the gateway does not start.
    pub fn with(routes: impl IntoIterator<Item = Route>, change: impl FnOnce(&mut LiveSettings)) -> Self {
        Self::with_threads(1, routes, change)
    }

    /// The same with this many workers.
    ///
    /// # Panics
    /// When the gateway does not start.
    pub fn with_threads(
        threads: usize,
        routes: impl IntoIterator<Item = Route>,
        change: impl FnOnce(&mut LiveSettings),
    ) -> Self {
        Self::launch(Settings { threads, ..settings() }, routes, change)
    }

    /// Serves these routes with so many files for all connections.
    ///
    /// # Panics
    /// When the gateway does not start.
    pub fn with_files(open_files: usize, routes: impl IntoIterator<Item = Route>) -> Self {
        Self::launch(Settings { open_files, ..settings() }, routes, |_| {})
    }

    /// Serves these routes with these settings for revisions.
    ///
    /// # Panics
    /// When the gateway does not start.
    pub fn with_activator(activator: ActivatorSettings, routes: impl IntoIterator<Item = Route>) -> Self {
        Self::launch(Settings { activator, ..settings() }, routes, |_| {})
    }

    /// The backend of a host's one split.
    ///
    /// # Panics
    /// When there is no such host.
    #[expect(clippy::expect_used, reason = "a test without its route has failed")]
    pub fn backend(&self, host: &str) -> Arc<Backend> {
        let table = self.publisher.cell();
        let name = HostName::parse(host).expect("a host");
        let table = table.load();
        let path = table.host(&name).expect("a route").external().first().expect("a path");
        Arc::clone(&path.splits.as_slice().first().expect("a split").backend)
    }

    #[expect(clippy::expect_used, reason = "a test that cannot start has failed")]
    fn launch(
        settings: Settings,
        routes: impl IntoIterator<Item = Route>,
        change: impl FnOnce(&mut LiveSettings),
    ) -> Self {
        let mut publisher = Publisher::default();
        publisher.publish(routes.into_iter().map(|route| Change::Set(route.compile())));
        let mut live = live();
        change(&mut live);
        settings.live.set(live);
        let settings_cell = Arc::clone(&settings.live);
        let certificates = CertificateCells::default();
        let gateway = Gateway::bind(settings, publisher.cell(), certificates.clone()).expect("binds");
        let addresses = gateway.addresses().to_vec();
        let address = |name| addresses.iter().find(|(other, _)| *other == name).expect("bound").1;
        let running = gateway.start().expect("starts");
        running.ready();
        Self {
            external: address("external-http"),
            internal: address("internal-http"),
            external_tls: address("external-https"),
            internal_tls: address("internal-https"),
            activator: address("activator-http1"),
            health: address("health"),
            certificates,
            settings: settings_cell,
            publisher,
            running: Some(running),
        }
    }

    /// Panics that connections and streams have had, which no longer fail the test.
    pub fn forgive(&self) -> u64 {
        self.running.as_ref().map_or(0, |running| {
            let panics = &running.metrics().panics;
            let seen = panics.get();
            panics.reset();
            seen
        })
    }

    /// What it tells at `/metrics`.
    ///
    /// # Panics
    /// When it does not answer.
    #[expect(clippy::expect_used, reason = "a test that cannot ask has failed")]
    pub async fn metrics(&self) -> String {
        let get = b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        talk(self.health, get).await.expect("answers")
    }

    /// The value of a metric, which is named with its labels.
    ///
    /// # Panics
    /// When there is no such metric.
    #[expect(clippy::panic, reason = "a test that asks for another name has failed")]
    pub async fn metric(&self, name: &str) -> u64 {
        let metrics = self.metrics().await;
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in\n{metrics}"))
    }

    /// The reasons of the answers that it has made itself.
    pub async fn reasons(&self) -> String {
        let metrics = self.metrics().await;
        let made = metrics.lines().filter(|line| !line.ends_with(" 0"));
        let reasons =
            made.filter_map(|line| line.strip_prefix("net_pingora_answers_total{reason=\"")?.split('"').next());
        reasons.collect::<Vec<_>>().join(", ")
    }

    /// Drains the gateway.
    ///
    /// # Panics
    /// When a connection or stream had a panic that nobody has forgiven.
    pub async fn drain(&mut self) {
        if let Some(running) = self.running.take() {
            let metrics = Arc::clone(running.metrics());
            running.drain().await;
            assert_eq!(metrics.panics.get(), 0, "panics in the gateway");
        }
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let metrics = Arc::clone(running.metrics());
            running.stop();
            assert!(std::thread::panicking() || metrics.panics.get() == 0, "panics in the gateway");
        }
    }
}

fn settings() -> Settings {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener =
        |name: &'static str, kind| ListenerSettings { name, address: any, kind, tls: name.ends_with("-https") };
    Settings {
        listeners: vec![
            listener("external-http", Listener::External),
            listener("internal-http", Listener::Internal),
            listener("external-https", Listener::External),
            listener("internal-https", Listener::Internal),
            listener("activator-http1", Listener::Activator),
        ],
        health: any,
        admin: any,
        threads: 1,
        upstream_pool: 128,
        open_files: usize::MAX,
        responder: None,
        activator: ActivatorSettings::default(),
        live: Arc::default(),
    }
}

fn live() -> LiveSettings {
    let timeouts = Timeouts { drain_delay: Duration::ZERO, drain: Duration::from_secs(5), ..Timeouts::default() };
    LiveSettings { timeouts, ..LiveSettings::default() }
}
