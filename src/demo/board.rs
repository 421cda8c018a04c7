//! What each route has carried: shares wanted and seen, median time, failures.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use net_pingora_routing::{BUCKETS_MICROS, ObjectKey, Path, Series, Table, Traffic};

/// Counters at one moment, or what was added to them since another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    requests: u64,
    failed: u64,
    buckets: [u64; BUCKETS_MICROS.len()],
}

/// One split of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Share {
    percent: u8,
    /// Everything it has carried.
    total: Counts,
    /// What its share and its median time are taken of.
    recent: Counts,
}

/// One route: a path of a KIngress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    label: String,
    shares: Vec<Share>,
}

/// Keeps every series it has seen, so that counts survive a change of the table.
#[derive(Debug, Default)]
pub(super) struct Board {
    carried: HashMap<(ObjectKey, Box<str>), Carried>,
}

/// The counters of one Service of one KIngress.
#[derive(Debug)]
struct Carried {
    series: Arc<Series>,
    /// Counters when the shares last changed.
    mark: Counts,
}

impl Counts {
    fn of(series: &Series) -> Self {
        let [.., failed] = series.classes();
        Self { requests: series.requests(), failed, buckets: series.buckets() }
    }

    fn since(&self, mark: &Self) -> Self {
        let buckets = std::array::from_fn(|at| self.buckets[at] - mark.buckets[at]);
        Self { requests: self.requests - mark.requests, failed: self.failed - mark.failed, buckets }
    }

    fn plus(&self, other: &Self) -> Self {
        let buckets = std::array::from_fn(|at| self.buckets[at] + other.buckets[at]);
        Self { requests: self.requests + other.requests, failed: self.failed + other.failed, buckets }
    }

    /// The median time, as if times were spread evenly over their bucket.
    fn median(&self) -> Option<Duration> {
        let middle = self.requests.div_ceil(2);
        if middle == 0 {
            return None;
        }
        let (mut below, mut lower) = (0, 0);
        for (&upper, &count) in BUCKETS_MICROS.iter().zip(&self.buckets) {
            if below + count >= middle {
                return Some(Duration::from_micros(lower + (upper - lower) * (middle - below) / count));
            }
            (below, lower) = (below + count, upper);
        }
        Some(Duration::from_micros(lower))
    }
}

impl Board {
    /// All routes of the table; shares and times are those since the last [`Board::mark`].
    pub(super) fn routes(&mut self, table: &Table) -> Vec<Route> {
        let mut routes: Vec<Route> = paths(table).into_iter().map(|(host, path)| self.route(host, path)).collect();
        routes.sort_by(|a, b| a.label.cmp(&b.label));
        routes
    }

    /// Shares and times are counted from here on.
    pub(super) fn mark(&mut self) {
        for carried in self.carried.values_mut() {
            carried.mark = Counts::of(&carried.series);
        }
    }

    /// Requests that failed, 5xx by the gateway or the backend, in all.
    pub(super) fn failed(&mut self, table: &Table) -> u64 {
        self.routes(table);
        self.carried.values().map(|carried| Counts::of(&carried.series).failed).sum()
    }

    fn route(&mut self, host: &str, path: &Path) -> Route {
        let shares = path.splits.as_slice().iter().map(|split| {
            let (total, recent) = self.carried(&split.traffic).map(Carried::counts).unwrap_or_default();
            Share { percent: split.percent, total, recent }
        });
        Route { shares: shares.collect(), label: label(host, path) }
    }

    fn carried(&mut self, traffic: &Traffic) -> Option<&Carried> {
        let key = (traffic.ingress.clone(), traffic.service.clone());
        if let Some(series) = traffic.series() {
            let new = || Carried { series: Arc::clone(series), mark: Counts::default() };
            self.carried.entry(key.clone()).or_insert_with(new);
        }
        self.carried.get(&key)
    }
}

impl Carried {
    /// Everything, and what came since the mark.
    fn counts(&self) -> (Counts, Counts) {
        let total = Counts::of(&self.series);
        (total, total.since(&self.mark))
    }
}

/// Every path once, with the last of its hosts in the alphabet: a name rather than an address.
fn paths(table: &Table) -> Vec<(&str, &Path)> {
    let mut paths: HashMap<*const Path, (&str, &Path)> = HashMap::new();
    for host in table.hosts() {
        for path in host.internal() {
            let entry = paths.entry(Arc::as_ptr(path)).or_insert((host.name(), path));
            if host.name() > entry.0 {
                entry.0 = host.name();
            }
        }
    }
    paths.into_values().collect()
}

/// Host, prefix and headers of a route.
fn label(host: &str, path: &Path) -> String {
    let headers = path
        .headers
        .iter()
        .map(|header| format!(" {}: {}", header.name, String::from_utf8_lossy(header.exact.as_bytes())));
    format!("{host}{}{}", path.prefix, headers.collect::<String>())
}

impl Route {
    /// Whether it is a route of this host.
    pub(super) fn is_of(&self, host: &str) -> bool {
        self.label.starts_with(host)
    }

    /// The largest distance between a share that is wanted and the one seen, in points, and the
    /// number of requests it was seen in.
    pub(super) fn deviation(&self) -> (u64, u64) {
        let all: u64 = self.shares.iter().map(|share| share.recent.requests).sum();
        let points =
            |share: &Share| (share.recent.requests * 100).abs_diff(all * u64::from(share.percent)).checked_div(all);
        (self.shares.iter().filter_map(points).max().unwrap_or_default(), all)
    }

    /// The route with shares and times since the start.
    pub(super) fn in_all(mut self) -> Self {
        self.shares.iter_mut().for_each(|share| share.recent = share.total);
        self
    }

    /// Length of the name, for [`fmt::Display`]'s width.
    pub(super) fn label_width(&self) -> usize {
        self.label.chars().count()
    }
}

/// One line; a width is that of the name.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |of: fn(&Share) -> &Counts| {
            self.shares.iter().map(of).fold(Counts::default(), |sum, counts| sum.plus(counts))
        };
        let (total, recent) = (sum(|share| &share.total), sum(|share| &share.recent));
        let wanted: Vec<_> = self.shares.iter().map(|share| share.percent.to_string()).collect();
        let seen: Vec<_> = self.shares.iter().map(|share| seen(share.recent.requests, recent.requests)).collect();
        let median = recent.median().map_or_else(|| "-".to_owned(), milliseconds);
        let (label, width) = (&self.label, f.width().unwrap_or_default());
        let (wanted, seen) = (wanted.join("/"), seen.join("/"));
        write!(
            f,
            "{label:width$}  {requests:>8} requests  wanted {wanted} %  seen {seen} %  p50 {median}  {failed} failed",
            requests = total.requests,
            failed = total.failed,
        )
    }
}

/// A share in percent, with one decimal where it has one.
fn seen(requests: u64, all: u64) -> String {
    match (requests * 2000 + all).checked_div(all * 2) {
        None => "-".to_owned(),
        Some(thousandths) if thousandths.is_multiple_of(10) => (thousandths / 10).to_string(),
        Some(thousandths) => format!("{}.{}", thousandths / 10, thousandths % 10),
    }
}

/// Milliseconds, rounded up.
pub(super) fn whole_millis(time: Duration) -> u128 {
    time.as_micros().div_ceil(1000)
}

/// A time in milliseconds with one decimal.
fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use net_pingora_routing::{Backend, BackendKey, Change, Host, Ingress, ServicePort, Split, Splits};

    use super::*;

    /// A table with one route that is split 80 to 20.
    fn table() -> Table {
        let key = ObjectKey::new("default", "hello");
        let split = |service: &str, percent| {
            let port = ServicePort::Number(80);
            let backend = BackendKey { namespace: "default".into(), service: service.into(), port };
            Split {
                percent,
                backend: Backend::new(backend),
                append_headers: [].into(),
                traffic: Traffic::new(key.clone(), service),
            }
        };
        let path = Path {
            ingress: Arc::new(Ingress { key: key.clone(), hash: HeaderValue::from_static("") }),
            rule: 0,
            index: 0,
            prefix: "/".into(),
            headers: [].into(),
            rewrite_host: None,
            append_headers: [].into(),
            redirect: false,
            splits: Splits::new([split("v1", 80), split("v2", 20)]),
        };
        let path = Arc::new(path);
        let hosts = ["b.example", "a.example"];
        Table::default().with(hosts.map(|host| Change::Set(Host::new(host, [(Arc::clone(&path), true)]))))
    }

    /// Counts requests that took a millisecond.
    fn serve(table: &Table, at: usize, status: u16, count: usize) {
        let (_, path) = paths(table)[0];
        let series = path.splits.as_slice()[at].traffic.series_or(|_| Arc::default());
        (0..count).for_each(|_| series.record(status, Duration::from_millis(1)));
    }

    fn lines(routes: &[Route]) -> Vec<String> {
        routes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_route_is_one_line_whatever_its_hosts() {
        let (table, mut board) = (table(), Board::default());
        let line = "b.example/         0 requests  wanted 80/20 %  seen -/- %  p50 -  0 failed";
        assert_eq!(lines(&board.routes(&table)), [line]);
        serve(&table, 0, 200, 2);
        serve(&table, 1, 503, 1);
        let line = "b.example/         3 requests  wanted 80/20 %  seen 66.7/33.3 %  p50 0.8 ms  1 failed";
        assert_eq!(lines(&board.routes(&table)), [line]);
        assert_eq!(board.failed(&table), 1);
    }

    #[test]
    fn counts_survive_a_new_table_and_shares_begin_anew_at_a_mark() {
        let (old, mut board) = (table(), Board::default());
        serve(&old, 0, 200, 10);
        board.routes(&old);
        board.mark();
        drop(old);
        let mut routes = board.routes(&table());
        let line = "b.example/        10 requests  wanted 80/20 %  seen -/- %  p50 -  0 failed";
        assert_eq!(lines(&routes), [line]);
        let line = "b.example/        10 requests  wanted 80/20 %  seen 100/0 %  p50 0.8 ms  0 failed";
        assert_eq!(routes.remove(0).in_all().to_string(), line);
    }

    #[test]
    fn a_deviation_is_the_largest_of_all_shares() {
        let (table, mut board) = (table(), Board::default());
        assert_eq!(board.routes(&table)[0].deviation(), (0, 0));
        serve(&table, 0, 200, 30);
        serve(&table, 1, 200, 10);
        let route = board.routes(&table).remove(0);
        assert_eq!((route.deviation(), route.is_of("b.example")), ((5, 40), true));
    }

    #[test]
    fn the_median_is_in_the_bucket_that_holds_it() {
        let series = Series::default();
        assert_eq!(Counts::of(&series).median(), None);
        for millis in [1, 1, 1, 40, 20_000] {
            series.record(200, Duration::from_millis(millis));
        }
        assert_eq!(Counts::of(&series).median(), Some(Duration::from_millis(1)));
        (0..9).for_each(|_| series.record(200, Duration::from_secs(20)));
        assert_eq!(Counts::of(&series).median(), Some(Duration::from_secs(10)));
    }
}
