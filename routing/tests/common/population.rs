//! A table as a cluster fills it: objects of four hosts each, in the shapes Knative Serving makes.

use std::sync::Arc;

use fastrand::Rng;
use net_pingora_routing::{Change, Host, Publisher};

use super::{PathCase, path};

/// Hosts of one object: a public one and the three names inside the cluster.
pub(crate) const HOSTS_PER_OBJECT: usize = 4;

/// The hosts of an object, compiled afresh: the names inside the cluster share the paths of one rule.
pub(crate) fn object(number: usize) -> [Arc<Host>; HOSTS_PER_OBJECT] {
    let [public, private] =
        [true, false].map(|public| shape(number).iter().map(|path| (path.build(), public)).collect());
    let [first, inside @ ..] = names(number);
    let [second, third, fourth] = inside.map(|name| Host::new(&name, Vec::clone(&private)));
    [Host::new(&first, public), second, third, fourth]
}

/// A publisher whose table has this many hosts; the last object may have fewer than four.
pub(crate) fn publisher(hosts: usize) -> Publisher {
    let all = (0..hosts.div_ceil(HOSTS_PER_OBJECT)).flat_map(object).take(hosts);
    let mut publisher = Publisher::default();
    publisher.publish(all.map(Change::Set));
    publisher
}

/// Names of a table of this many hosts, drawn evenly.
///
/// They lie one after the other in memory, as near as the Host header of a request that has just come in.
pub(crate) fn draw_names(hosts: usize, count: usize) -> Vec<Box<str>> {
    let mut random = Rng::with_seed(7);
    let draw = |()| random.usize(..hosts);
    let name = |at: usize| names(at / HOSTS_PER_OBJECT).into_iter().nth(at % HOSTS_PER_OBJECT);
    std::iter::repeat_n((), count).map(draw).filter_map(name).map(String::into_boxed_str).collect()
}

fn names(number: usize) -> [String; HOSTS_PER_OBJECT] {
    let (name, namespace) = (format!("checkout-{number}"), format!("team-{}", number % 200));
    [
        format!("{name}.{namespace}.apps.example.com"),
        format!("{name}.{namespace}.svc.cluster.local"),
        format!("{name}.{namespace}.svc"),
        format!("{name}.{namespace}"),
    ]
}

/// Half of the objects have one target; the others several targets, tags by header, or several paths.
fn shape(number: usize) -> Vec<PathCase> {
    let main = path(&format!("checkout-{number}"));
    match number % 8 {
        0..4 => vec![main],
        4 | 5 => vec![main.splits(&[80, 20, 0])],
        6 => vec![
            main.clone().header("Knative-Serving-Tag", "blue"),
            main.clone().header("Knative-Serving-Tag", "green"),
            main,
        ],
        _ => {
            vec![main.clone().prefix("/.well-known/acme-challenge/Zm9vYmFyYmF6"), main.clone().prefix("/api/v1/"), main]
        }
    }
}
