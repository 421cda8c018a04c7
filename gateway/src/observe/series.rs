//! Series of splits: which sets of labels exist, and what `/metrics` shows of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use net_pingora_routing::{BUCKETS_MICROS, ObjectKey, Series, Traffic};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Counter, Histogram, LabelPair, Metric, MetricFamily, MetricType};

/// Most sets of labels a metric has; all others share the set in which every label is [`OTHER`].
pub const LABEL_SETS: usize = 2_000;

/// Value of the labels of everything beyond [`LABEL_SETS`].
pub const OTHER: &str = "other";

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Sets the splits' own series may take: the others are for [`OTHER`], in each class or once.
const OWN_REQUEST_SETS: usize = LABEL_SETS - CLASSES.len();
const OWN_SERIES: usize = LABEL_SETS - 1;

/// Whose requests a series counts.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Owner {
    ingress: ObjectKey,
    service: Box<str>,
}

/// A series somebody counts in. It ends with the last split that holds it.
#[derive(Debug)]
struct Claim {
    series: Weak<Series>,
    classes: [Shown; CLASSES.len()],
}

/// Where a class of a series is shown. Once it has shown up it stays there, so that no counter goes back.
#[derive(Clone, Copy, Debug, Default)]
enum Shown {
    /// Nowhere: there was no such request.
    #[default]
    Never,
    /// In a set of labels of its own.
    Own,
    /// In [`OTHER`], which has taken over this many requests.
    Other(u64),
}

#[derive(Debug, Default)]
struct Claims {
    by_owner: HashMap<Owner, Claim>,
    /// Requests of own series that found no room in their class.
    folded: [u64; CLASSES.len()],
}

#[derive(Debug)]
struct Inner {
    claims: Mutex<Claims>,
    other: Arc<Series>,
    requests: Desc,
    durations: Desc,
}

/// The counters of all splits. The lock is for a split's first request and for scrapes.
#[derive(Clone, Debug)]
pub(super) struct SplitSeries(Arc<Inner>);

impl SplitSeries {
    /// No series yet, under these names.
    pub(super) fn new() -> prometheus::Result<Self> {
        let desc = |name: &str, help: &str, labels: &[&str]| {
            let labels = labels.iter().map(ToString::to_string).collect();
            Desc::new(name.to_owned(), help.to_owned(), labels, HashMap::new())
        };
        let requests = desc(
            "net_pingora_requests_total",
            "Requests that were sent to a split, by class of the status the client got.",
            &["namespace", "ingress", "service", "code_class"],
        )?;
        let durations = desc(
            "net_pingora_request_duration_seconds",
            "Time from a request's head to the end of its response, in seconds.",
            &["namespace", "ingress", "service"],
        )?;
        let (claims, other) = (Mutex::default(), Arc::default());
        Ok(Self(Arc::new(Inner { claims, other, requests, durations })))
    }

    /// The series of a split: that of its labels while there is room, otherwise the one all others share.
    pub(super) fn claim(&self, traffic: &Traffic) -> Arc<Series> {
        let owner = Owner { ingress: traffic.ingress.clone(), service: traffic.service.clone() };
        let mut claims = self.claims();
        if let Some(series) = claims.by_owner.get(&owner).and_then(|claim| claim.series.upgrade()) {
            return series;
        }
        if claims.by_owner.len() >= OWN_SERIES {
            claims.release();
        }
        if claims.by_owner.len() >= OWN_SERIES || owner.labels() == [OTHER; 3] {
            return Arc::clone(&self.0.other);
        }
        let series = Arc::<Series>::default();
        let claim = Claim { series: Arc::downgrade(&series), classes: Default::default() };
        claims.by_owner.insert(owner, claim);
        series
    }

    fn claims(&self) -> MutexGuard<'_, Claims> {
        self.0.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for SplitSeries {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.requests, &self.0.durations]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (mut requests, mut durations) = (Vec::new(), Vec::new());
        let mut claims = self.claims();
        claims.release();
        let Claims { by_owner, folded } = &mut *claims;
        let mut room = OWN_REQUEST_SETS.saturating_sub(by_owner.values().map(Claim::own_sets).sum());
        for (owner, claim) in by_owner {
            let Some(series) = claim.series.upgrade() else { continue };
            let own = claim.own_counts(&series, &mut room, folded);
            requests.extend(self.count_metrics(owner.labels(), own));
            durations.push(self.duration_metric(owner.labels(), &series));
        }
        let others = self.0.other.classes();
        let shared = std::array::from_fn(|class| others[class] + folded[class]);
        requests.extend(self.count_metrics([OTHER; 3], shared));
        if self.0.other.requests() > 0 {
            durations.push(self.duration_metric([OTHER; 3], &self.0.other));
        }
        vec![
            family(&self.0.requests, MetricType::COUNTER, requests),
            family(&self.0.durations, MetricType::HISTOGRAM, durations),
        ]
    }
}

impl SplitSeries {
    /// One metric for each class that has a count.
    fn count_metrics(&self, owner: [&str; 3], counts: [u64; CLASSES.len()]) -> impl Iterator<Item = Metric> {
        let present = CLASSES.into_iter().zip(counts).filter(|(_, count)| *count > 0);
        present.map(move |(class, count)| {
            let [namespace, ingress, service] = owner;
            let mut counter = Counter::default();
            counter.set_value(float(count));
            let mut metric = Metric::from_label(labels(&self.0.requests, &[namespace, ingress, service, class]));
            metric.set_counter(counter);
            metric
        })
    }

    fn duration_metric(&self, owner: [&str; 3], series: &Series) -> Metric {
        let mut below = 0;
        let buckets = BUCKETS_MICROS.into_iter().zip(series.buckets()).map(|(bound, count)| {
            below += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(Duration::from_micros(bound).as_secs_f64());
            bucket.set_cumulative_count(below);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_sum(series.total().as_secs_f64());
        histogram.set_sample_count(series.requests().max(below));
        let mut metric = Metric::from_label(labels(&self.0.durations, &owner));
        metric.set_histogram(histogram);
        metric
    }
}

impl Owner {
    fn labels(&self) -> [&str; 3] {
        [&self.ingress.namespace, &self.ingress.name, &self.service]
    }
}

impl Claims {
    /// Gives back what belongs to splits that are gone.
    fn release(&mut self) {
        self.by_owner.retain(|_, claim| claim.series.strong_count() > 0);
    }
}

impl Claim {
    fn own_sets(&self) -> usize {
        self.classes.iter().filter(|shown| matches!(shown, Shown::Own)).count()
    }

    /// The counts of the classes with a set of their own; the growth of all others goes to `folded`.
    fn own_counts(
        &mut self,
        series: &Series,
        room: &mut usize,
        folded: &mut [u64; CLASSES.len()],
    ) -> [u64; CLASSES.len()] {
        let mut counts = series.classes();
        for ((count, shown), folded) in counts.iter_mut().zip(&mut self.classes).zip(folded) {
            match shown {
                Shown::Never if *count == 0 => continue,
                Shown::Never if *room > 0 => {
                    *room -= 1;
                    *shown = Shown::Own;
                }
                Shown::Never => *shown = Shown::Other(0),
                Shown::Own | Shown::Other(_) => {}
            }
            if let Shown::Other(taken) = shown {
                *folded += *count - *taken;
                *taken = std::mem::take(count);
            }
        }
        counts
    }
}

fn family(desc: &Desc, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(desc.fq_name.clone());
    family.set_help(desc.help.clone());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn labels(desc: &Desc, values: &[&str]) -> Vec<LabelPair> {
    let pair = |(name, value): (&String, &&str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.clone());
        pair.set_value((*value).to_owned());
        pair
    };
    desc.variable_labels.iter().zip(values).map(pair).collect()
}

/// Prometheus counts in floats; they are exact up to 2^53.
#[expect(clippy::cast_precision_loss)]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(name: usize) -> Arc<Traffic> {
        Traffic::new(ObjectKey::new("default", &format!("route-{name}")), "hello-00001")
    }

    /// Sends one request to each of `splits`.
    fn serve(series: &SplitSeries, splits: &[Arc<Traffic>], status: u16) {
        for split in splits {
            split.series_or(|traffic| series.claim(traffic)).record(status, Duration::from_millis(3));
        }
    }

    /// Sets of labels and counts: (own sets, counted in them, counted in `other`), for both metrics.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn shown(series: &SplitSeries) -> [(usize, u64, u64); 2] {
        let families = series.collect();
        [0, 1].map(|at: usize| {
            let mut sums = (0, 0, 0);
            for metric in families[at].get_metric() {
                let count = metric.get_counter().get_value() as u64 + metric.get_histogram().get_sample_count();
                if metric.get_label()[0].value() == OTHER {
                    sums.2 += count;
                } else {
                    sums = (sums.0 + 1, sums.1 + count, sums.2);
                }
            }
            sums
        })
    }

    #[test]
    fn splits_beyond_the_limit_share_one_series() {
        let series = SplitSeries::new().unwrap();
        let splits: Vec<_> = (0..2_500).map(traffic).collect();
        serve(&series, &splits, 200);
        assert_eq!(shown(&series), [(1_995, 1_995, 505), (1_999, 1_999, 501)]);
    }

    #[test]
    fn classes_beyond_the_limit_are_folded_and_no_count_is_lost_or_goes_back() {
        let series = SplitSeries::new().unwrap();
        let splits: Vec<_> = (0..1_500).map(traffic).collect();
        for (status, requests) in [
            (200, (1_500, 1_500, 0)),
            (503, (1_995, 1_995, 1_005)),
            (404, (1_995, 1_995, 2_505)),
            (200, (1_995, 3_495, 2_505)),
            (503, (1_995, 3_990, 3_510)),
        ] {
            serve(&series, &splits, status);
            assert_eq!(shown(&series)[0], requests, "after {status}");
            assert_eq!(shown(&series)[0], requests, "a second scrape counts nothing twice");
        }
        drop(splits);
        assert_eq!(shown(&series)[0], (0, 0, 3_510));
    }

    #[test]
    fn churn_does_not_use_the_room_up() {
        let series = SplitSeries::new().unwrap();
        for generation in 0..5 {
            let splits: Vec<_> = (0..1_500).map(|at| traffic(generation * 1_500 + at)).collect();
            serve(&series, &splits, 200);
            assert_eq!(shown(&series), [(1_500, 1_500, 0); 2], "generation {generation}");
        }
    }

    #[test]
    fn splits_with_the_same_labels_count_together() {
        let series = SplitSeries::new().unwrap();
        serve(&series, &[traffic(1), traffic(1)], 200);
        assert_eq!(shown(&series), [(0, 0, 0); 2], "both splits are gone");
        let splits = [traffic(1), traffic(1), traffic(2)];
        serve(&series, &splits, 200);
        assert_eq!(shown(&series), [(2, 3, 0); 2]);
    }

    #[test]
    fn a_service_called_other_does_not_double_the_set() {
        let series = SplitSeries::new().unwrap();
        let split = Traffic::new(ObjectKey::new(OTHER, OTHER), OTHER);
        serve(&series, &[split], 200);
        assert_eq!(shown(&series), [(0, 0, 1); 2]);
    }
}
