//! The routing crate against a model that is slow and obvious, over random tables and requests.

#![allow(clippy::expect_used, reason = "tests only")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Answer, Ask, PathCase, ask, decide, host, path};
use net_pingora_fuzz::values;
use net_pingora_routing::{
    ACME_CHALLENGE, CATCH_ALL, Change, Decision, Host, Listener, Miss, Publisher, Table, explain, route,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const HOSTS: [&str; 6] = ["a.example", "b.example", "a.ns.svc", "a.ns", "xn--bcher-kva.example", CATCH_ALL];
const PREFIXES: [&str; 7] = ["/", "/a", "/ab", "/a/b", "/a/b/c", "/.well-known/acme-challenge/", "/.well-known/"];
const PATHS: [&str; 8] =
    ["/", "/a", "/abc", "/a/b", "/a/b/c/d", "/b", "/.well-known/acme-challenge/token", "/.well-known/x"];
const HEADERS: [&str; 3] = ["Knative-Serving-Tag", "X-One", "x-two"];
const VALUES: [&str; 3] = ["blue", "Blue", ""];

/// What the model knows: the paths of each host in the order of the object.
type Model = BTreeMap<String, Vec<PathCase>>;

/// A host's new paths; none when it leaves the table.
type Step = (String, Option<Vec<PathCase>>);

/// The decision, as kingress.md and the API's comments tell it.
fn expected(model: &Model, ask: &Ask, random: u32) -> Answer {
    let paths = host_name(&ask.host).and_then(|name| model.get(&name).or(model.get(CATCH_ALL)));
    let Some(paths) = paths else { return Answer::NotFound(Miss::UnknownHost) };
    let served = |path: &&PathCase| path.public || ask.listener == Listener::Internal;
    let served: Vec<_> = paths.iter().filter(served).collect();
    let prefixed: Vec<_> = served.iter().filter(|path| ask.path.starts_with(&path.prefix)).collect();
    let matching: Vec<_> = prefixed.iter().filter(|path| has_headers(path, ask)).collect();
    let first_of_longest = matching.iter().rev().max_by_key(|path| path.prefix.len());
    let Some(winner) = first_of_longest else {
        return Answer::NotFound(match (served.is_empty(), prefixed.is_empty()) {
            (true, _) => Miss::OtherListener,
            (false, true) => Miss::NoPath,
            (false, false) => Miss::NoHeaders,
        });
    };
    let redirectable = ask.listener == Listener::External && !ask.tls && !ask.path.starts_with(ACME_CHALLENGE);
    if winner.redirect && redirectable {
        return Answer::Redirect(winner.name.clone());
    }
    Answer::Forward(winner.name.clone(), drawn(&winner.percents, random))
}

/// The host without port, trailing dot and case; `None` when no host can be called so.
fn host_name(authority: &str) -> Option<String> {
    let digits = authority.bytes().rev().take_while(u8::is_ascii_digit).count();
    let name = match authority[..authority.len() - digits].strip_suffix(':') {
        Some(host) if !host.contains(':') || host.ends_with(']') => host,
        _ => authority,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    ((1..=253).contains(&name.len()) && name.is_ascii()).then(|| name.to_ascii_lowercase())
}

/// All wanted headers are there, and no other value beside the wanted one.
fn has_headers(path: &PathCase, ask: &Ask) -> bool {
    path.headers.iter().all(|(name, exact)| {
        let is_named = |(sent, _): &(&http::HeaderName, _)| sent.as_str().eq_ignore_ascii_case(name);
        let sent: Vec<_> = ask.headers.iter().filter(is_named).map(|(_, value)| value).collect();
        !sent.is_empty() && sent.iter().all(|value| **value == **exact)
    })
}

/// A hundred tickets, each split holding as many as it has percent.
fn drawn(percents: &[u8], random: u32) -> usize {
    let tickets: Vec<_> =
        percents.iter().enumerate().flat_map(|(split, &percent)| std::iter::repeat_n(split, percent.into())).collect();
    tickets[usize::try_from(u64::from(random) * 100 / (1 << 32)).expect("below 100")]
}

fn apply(model: &mut Model, (name, paths): &Step) {
    match paths {
        Some(paths) => drop(model.insert(name.clone(), paths.clone())),
        None => drop(model.remove(name)),
    }
}

fn change((name, paths): &Step) -> Change {
    match paths {
        Some(paths) => Change::Set(host(name, paths)),
        None => Change::Remove(name.as_str().into()),
    }
}

/// The hosts of a table with their identity.
fn hosts(table: &Table) -> BTreeMap<String, *const Host> {
    table.hosts().map(|host| (host.name().to_owned(), Arc::as_ptr(host))).collect()
}

/// Up to five shares that add up to 100, zeros among them.
fn percents() -> impl Strategy<Value = Vec<u8>> {
    vec(0..=100_u8, 0..5).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts.push(100);
        let starts = std::iter::once(&0).chain(&cuts);
        cuts.iter().zip(starts).map(|(end, start)| end - start).collect()
    })
}

fn headers(most: usize) -> impl Strategy<Value = Vec<(String, String)>> {
    vec((select(&HEADERS), select(&VALUES)), 0..=most)
        .prop_map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Paths named by their place, so that any two can be told apart.
fn paths() -> impl Strategy<Value = Vec<PathCase>> {
    let one = (select(&PREFIXES), headers(2), any::<bool>(), any::<bool>(), percents()).prop_map(
        |(prefix, headers, public, redirect, percents)| PathCase {
            headers,
            public,
            redirect,
            percents,
            ..path("").prefix(prefix)
        },
    );
    vec(one, 1..6).prop_map(|mut paths| {
        for (index, path) in paths.iter_mut().enumerate() {
            path.name = format!("path {index}");
        }
        paths
    })
}

fn step() -> impl Strategy<Value = Step> {
    (select(&HOSTS).prop_map(str::to_owned), prop::option::weighted(0.8, paths()))
}

/// Hosts of the table in several spellings, and what no table has.
fn authority() -> impl Strategy<Value = String> {
    let spelled = (select(&HOSTS), any::<bool>(), select(&["", ".", ":80", ".:8080", "..", ":http"]))
        .prop_map(|(name, upper, tail)| if upper { name.to_uppercase() } else { name.to_owned() } + tail);
    let longest = select(&[253, 254]).prop_map(|length| "a".repeat(length));
    prop_oneof![8 => spelled, 1 => Just("unknown.example".to_owned()), 1 => "[aé.:*\\[\\]0]{0,8}", 1 => longest]
}

fn request() -> impl Strategy<Value = Ask> {
    let listener = select(&[Listener::External, Listener::Internal]);
    let path = prop_oneof![4 => select(&PATHS).prop_map(str::to_owned), 1 => "(/[ab%.é]{0,3}){0,4}", 1 => "[*ab]{0,2}"];
    let rest = (listener, any::<bool>(), path, headers(3));
    (authority(), rest).prop_map(|(host, (listener, tls, path, headers))| {
        let plain = ask(&host).on(listener).tls(tls).path(&path);
        headers.iter().fold(plain, |ask, (name, value)| ask.header(name, value))
    })
}

/// Batches of changes, each with requests that come after it.
type Batch = (Vec<Step>, Vec<(Ask, u32)>);

#[test]
fn every_decision_is_the_models_and_explain_tells_the_same() {
    let batch = (vec(step(), 0..5), vec((request(), any::<u32>()), 1..10));
    values("table", 100, &vec(batch, 1..8), |batches| follows_the_model(&batches));
}

/// Each table that was ever published goes on to decide as the model of its time.
fn follows_the_model(batches: &[Batch]) -> Result<(), TestCaseError> {
    let mut publisher = Publisher::default();
    let mut model = Model::new();
    let mut readers = Vec::new();
    for (steps, requests) in batches {
        publisher.publish(steps.iter().map(change));
        for step in steps {
            apply(&mut model, step);
        }
        readers.push((Arc::clone(&publisher.cell().load()), model.clone()));
        for (table, model) in &readers {
            prop_assert_eq!(table.len(), model.len());
            for (ask, random) in requests {
                prop_assert_eq!(decide(table, ask, *random), expected(model, ask, *random));
                explain_agrees(table, ask, *random)?;
            }
        }
    }
    prop_assert_eq!(publisher.reclaim(), readers.len() - 1, "only what is read is kept");
    drop(readers);
    prop_assert_eq!(publisher.reclaim(), 0);
    Ok(())
}

proptest! {
    #[test]
    fn changes_together_are_the_changes_one_by_one_and_leave_the_old_table_alone(
        before in vec(step(), 0..10),
        steps in vec(step(), 0..20),
    ) {
        let old = Table::default().with(before.iter().map(change));
        let (count, content) = (old.len(), hosts(&old));
        let changes: Vec<_> = steps.iter().map(change).collect();
        let together = old.with(changes.clone());
        let one_by_one = changes.into_iter().fold(old.clone(), |table, change| table.with([change]));
        prop_assert_eq!(hosts(&together), hosts(&one_by_one));
        prop_assert_eq!(together.len(), one_by_one.len());
        prop_assert_eq!(together.is_empty(), hosts(&together).is_empty());
        prop_assert_eq!((old.len(), hosts(&old)), (count, content));
    }

    #[test]
    fn an_even_grid_of_numbers_draws_each_split_exactly_by_its_weight(percents in percents(), fineness in 1..50_u32) {
        let table = Table::default().with([Change::Set(host("a.example", &[path("a").splits(&percents)]))]);
        let numbers = 100 * fineness;
        let mut counts = vec![0; percents.len()];
        for number in 0..numbers {
            let random = u32::try_from((u64::from(number) << 32).div_ceil(u64::from(numbers))).expect("below 2^32");
            if let Answer::Forward(_, split) = decide(&table, &ask("a.example"), random) {
                counts[split] += 1;
            }
        }
        let wanted: Vec<_> = percents.iter().map(|&percent| u32::from(percent) * fineness).collect();
        prop_assert_eq!(counts, wanted);
    }
}

/// `explain` has the outcome of `route`, and exactly the winner among its steps is chosen.
fn explain_agrees(table: &Table, ask: &Ask, random: u32) -> Result<(), TestCaseError> {
    let told = explain(table, &ask.request());
    let (winner, redirect) = match route(table, &ask.request(), random) {
        Decision::Forward(found) => (Ok(found.path), false),
        Decision::Redirect(path) => (Ok(path), true),
        Decision::NotFound(miss) => (Err(miss), false),
    };
    prop_assert_eq!(told.redirect, redirect);
    prop_assert_eq!(told.outcome.as_ref().map(Arc::as_ptr), winner.as_ref().map(Arc::as_ptr));
    let chosen: Vec<_> = told.steps.iter().filter(|step| step.chosen).map(|step| Arc::as_ptr(&step.path)).collect();
    prop_assert_eq!(chosen, winner.iter().map(Arc::as_ptr).collect::<Vec<_>>());
    let first = told.steps.iter().find(|step| step.served && step.prefix && step.header.is_none());
    prop_assert_eq!(first.is_some_and(|step| step.chosen), winner.is_ok());
    Ok(())
}
