//! Hosts of ExternalName Services, resolved when a request needs them.
//!
//! One [`Names`] serves the process. A name that is known costs a request two atomic loads of
//! swapped pointers and no lock; queries run on the control runtime, so that a request that goes
//! away takes no query with it and every worker profits from the answer. `/etc/resolv.conf` and
//! `/etc/hosts` are read once, at start.

mod answer;
mod error;
mod permitted;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig};
use hickory_resolver::lookup_ip::LookupIp;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name as DnsName;
use hickory_resolver::{ResolverBuilder, TokioResolver};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use self::answer::{Answer, Use};
pub use self::error::NameError;
use self::permitted::permitted;
use crate::observe::metrics::DnsMetrics;

/// Names remembered; one more drops the one whose answer ends first.
const NAMES: usize = 1_024;
/// Queries under way at once; more wait, within their deadline.
const QUERIES: usize = 64;
/// From the wish to ask to the answer.
const DEADLINE: Duration = Duration::from_secs(3);
/// One attempt at one DNS server, and how often it is repeated. Together they end before the
/// deadline, so that a server that never answers for IPv6 does not cost the IPv4 addresses.
const ATTEMPT: Duration = Duration::from_secs(1);
const REPEATS: usize = 1;

/// The addresses of a host, at one port. Never empty.
#[derive(Clone, Debug)]
pub struct Addresses {
    ips: Arc<[IpAddr]>,
    port: u16,
}

impl Addresses {
    /// All addresses, in the order of DNS, IPv4 first.
    pub fn iter(&self) -> impl Iterator<Item = SocketAddr> {
        self.ips.iter().map(|ip| SocketAddr::new(*ip, self.port))
    }
}

/// One name: its answer, and whether somebody asks.
#[derive(Debug)]
struct Name {
    host: Arc<str>,
    answer: ArcSwapOption<Answer>,
    asking: AtomicBool,
    answered: Notify,
}

/// Ends a query, however it ends, and wakes whoever waits for it.
struct Query(Arc<Name>);

impl Drop for Query {
    fn drop(&mut self) {
        self.0.asking.store(false, Ordering::Release);
        self.0.answered.notify_waiters();
    }
}

/// The resolver; see the module's text.
#[derive(Debug)]
pub struct Names {
    resolver: TokioResolver,
    runtime: Handle,
    metrics: DnsMetrics,
    deadline: Duration,
    queries: Semaphore,
    known: ArcSwap<HashMap<Arc<str>, Arc<Name>>>,
    /// Writers of `known` take turns.
    turn: Mutex<()>,
}

impl Names {
    /// A resolver with the machine's configuration, whose queries run on `runtime`.
    ///
    /// Without a DNS server in `/etc/resolv.conf` only `/etc/hosts` is asked.
    ///
    /// # Errors
    /// When the resolver refuses its own options.
    pub fn from_system(runtime: Handle, metrics: DnsMetrics) -> Result<Arc<Self>, NetError> {
        let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
            tracing::warn!(%error, "/etc/resolv.conf names no DNS server; ExternalName hosts are looked up in /etc/hosts");
            TokioResolver::builder_with_config(ResolverConfig::default(), TokioRuntimeProvider::default())
        });
        builder.options_mut().use_hosts_file = ResolveHosts::Always;
        Self::new(builder, runtime, metrics, DEADLINE)
    }

    fn new(
        mut builder: ResolverBuilder<TokioRuntimeProvider>,
        runtime: Handle,
        metrics: DnsMetrics,
        deadline: Duration,
    ) -> Result<Arc<Self>, NetError> {
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.timeout = ATTEMPT;
        options.attempts = REPEATS;
        options.cache_size = 0;
        Ok(Arc::new(Self {
            resolver: builder.build()?,
            runtime,
            metrics,
            deadline,
            queries: Semaphore::new(QUERIES),
            known: ArcSwap::default(),
            turn: Mutex::default(),
        }))
    }

    /// The addresses of `host` at `port`. An IP address needs no query.
    ///
    /// # Errors
    /// When the host is no DNS name, has no address that may be asked, or DNS fails and has been failing for long.
    pub async fn resolve(self: &Arc<Self>, host: &str, port: u16) -> Result<Addresses, NameError> {
        let ips = match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(ip) => permitted(host, [ip])?,
            Err(_) => self.ips(&self.name(host)).await?,
        };
        Ok(Addresses { ips, port })
    }

    async fn ips(self: &Arc<Self>, name: &Arc<Name>) -> Result<Arc<[IpAddr]>, NameError> {
        if let Some(answer) = &*name.answer.load() {
            let verdict = answer.at(Instant::now());
            if verdict == Use::TakeAndAsk {
                self.ask(name);
            }
            if verdict != Use::Ask {
                return answer.found.clone();
            }
        }
        let answered = name.answered.notified();
        self.ask(name);
        answered.await;
        let gone = || Err(NameError::Timeout(Arc::clone(&name.host)));
        name.answer.load().as_ref().map_or_else(gone, |answer| answer.found.clone())
    }

    /// Starts a query, unless there is one.
    fn ask(self: &Arc<Self>, name: &Arc<Name>) {
        if name.asking.swap(true, Ordering::AcqRel) {
            return;
        }
        let (names, query) = (Arc::clone(self), Query(Arc::clone(name)));
        self.runtime.spawn(async move {
            let answer = names.query(&query.0).await;
            query.0.answer.store(Some(Arc::new(answer)));
        });
    }

    async fn query(&self, name: &Name) -> Answer {
        self.metrics.lookups.inc();
        let host = || Arc::clone(&name.host);
        let found = match DnsName::from_ascii(&name.host) {
            Err(_) => Err(NameError::Invalid(host())),
            Ok(wanted) => match timeout(self.deadline, self.lookup(wanted)).await {
                Err(_) | Ok(Err(NetError::Timeout)) => Err(NameError::Timeout(host())),
                Ok(Err(error)) if error.is_no_records_found() => Err(NameError::NotFound(host())),
                Ok(Err(error)) => Err(NameError::Failed { host: host(), error: error.to_string().into() }),
                Ok(Ok(found)) => addresses(&name.host, &found),
            },
        };
        let now = Instant::now();
        match found {
            Ok((ips, ttl)) => Answer::good(ips, ttl, now),
            Err(error) => {
                self.metrics.failures.inc();
                tracing::debug!(%error, "an ExternalName host does not resolve");
                Answer::failed(error, name.answer.load().as_deref(), now)
            }
        }
    }

    /// Asks for the name as it is: like a CNAME, an ExternalName has no search domains.
    async fn lookup(&self, mut name: DnsName) -> Result<LookupIp, NetError> {
        name.set_fqdn(true);
        let _slot = self.queries.acquire().await;
        self.resolver.lookup_ip(name).await
    }

    fn name(&self, host: &str) -> Arc<Name> {
        if let Some(name) = self.known.load().get(host) {
            return Arc::clone(name);
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names = HashMap::clone(&self.known.load());
        if let Some(name) = names.get(host) {
            return Arc::clone(name);
        }
        if names.len() >= NAMES {
            drop_oldest(&mut names);
        }
        let host = Arc::<str>::from(host);
        let name = Arc::new(Name {
            host: Arc::clone(&host),
            answer: ArcSwapOption::default(),
            asking: AtomicBool::new(false),
            answered: Notify::new(),
        });
        names.insert(host, Arc::clone(&name));
        self.known.store(Arc::new(names));
        name
    }
}

/// Drops the name whose answer ends first; one that is used is asked again and ends late.
fn drop_oldest(names: &mut HashMap<Arc<str>, Arc<Name>>) {
    let end = |name: &Name| name.answer.load().as_ref().map(|answer| answer.fresh_until);
    let oldest = names.values().min_by_key(|name| end(name).map_or((true, None), |end| (false, Some(end))));
    if let Some(host) = oldest.map(|name| Arc::clone(&name.host)) {
        names.remove(&host);
    }
}

/// The addresses of an answer and the shortest TTL of its records, aliases included.
fn addresses(host: &str, found: &LookupIp) -> Result<(Arc<[IpAddr]>, Duration), NameError> {
    let ttl = found.as_lookup().answers().iter().map(|record| record.ttl).min().unwrap_or_default();
    Ok((permitted(host, found.iter())?, Duration::from_secs(ttl.into())))
}
