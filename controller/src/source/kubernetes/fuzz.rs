//! Random KIngresses of an API server: each is served or names what is wrong with it.

#[path = "../../../tests/support/kingress.rs"]
mod kingress;
mod mutate;

use std::collections::BTreeSet;
use std::sync::Arc;

use net_pingora_fuzz::values;
use net_pingora_routing::Path;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::Value;

use self::kingress::kingress;
use self::mutate::mutations;
use super::steps::{Reading, reading};
use super::watched::Read;
use crate::api::Ingress;
use crate::engine::{Engine, Settings};
use crate::fault::{Origin, one_line};
use crate::store::ObjectChange;

/// The class of all objects.
const CLASS: &str = "c";

#[test]
fn a_kingress_is_served_or_its_fault_names_object_and_field() {
    let sound = || kingress(CLASS, "[a-z<&/]{0,6}");
    values("kingress", 500, &(sound(), sound(), mutations()), |(before, mut object, mutations)| {
        let is_sound = mutations.is_empty();
        for mutation in mutations {
            mutation.apply(&mut object);
        }
        let change = change(object)?;
        served_or_faulty(&change, is_sound)?;
        replaces(self::change(before)?, change)
    });
}

/// What a watch makes of an object.
fn change(object: Value) -> Result<ObjectChange, TestCaseError> {
    let read = serde_json::from_value::<Read<Ingress>>(object);
    let Reading { id, content, .. } = reading(read.map_err(|error| TestCaseError::fail(error.to_string()))?);
    Ok(match content {
        Ok(object) => ObjectChange::Apply(object, Origin::default()),
        Err(fault) => ObjectChange::Unreadable(id, fault),
    })
}

fn engine() -> Engine {
    Engine::new(Settings { class: CLASS.to_owned(), ..Settings::default() })
}

fn served_or_faulty(change: &ObjectChange, is_sound: bool) -> TestCaseResult {
    let mut engine = engine();
    let applied = engine.apply(vec![change.clone()]);
    let id = change.id();
    for fault in &applied.faults {
        let text = fault.to_string();
        prop_assert!(!fault.field.is_empty() && !fault.problem.is_empty() && !fault.fix.is_empty(), "{}", text);
        prop_assert!(!text.contains(char::is_control), "{}", text);
        let named = one_line(&format!("Ingress {}: ", id.key));
        prop_assert!(text.starts_with(&named) || id.key.name.is_empty(), "{}", text);
    }
    let served = !paths(&engine)?.is_empty();
    prop_assert!(served || !is_sound);
    let accepted = engine.store().ingress(&id.key).map(|(ingress, _)| Arc::clone(ingress));
    prop_assert_eq!(accepted.is_some(), served);
    accepted.map_or(Ok(()), |ingress| serves_all(&engine, &ingress))?;
    // One of another class, or of none, is worth a notice.
    prop_assert!(served || !applied.faults.is_empty() || !applied.notices.is_empty());
    prop_assert!(engine.apply(vec![change.clone()]).ingresses.is_empty(), "the same version is served anew");
    engine.apply(vec![ObjectChange::Remove(id)]);
    prop_assert!(engine.table().load().is_empty(), "what is gone is served");
    Ok(())
}

/// Every path of every host is in the table as its rule says.
fn serves_all(engine: &Engine, ingress: &Ingress) -> TestCaseResult {
    let table = engine.table();
    let table = table.load();
    for (number, rule) in ingress.spec.rules.iter().enumerate() {
        let written = rule.hosts.iter().map(|host| host.strip_suffix('.').unwrap_or(host).to_lowercase());
        let names: Vec<_> = if rule.hosts.is_empty() { vec!["*".to_owned()] } else { written.collect() };
        let public = rule.visibility == "ExternalIP";
        let count = rule.http.as_ref().map_or(0, |http| http.paths.len());
        for (name, index) in names.iter().flat_map(|name| (0..count).map(move |index| (name, index))) {
            let host = table.hosts().find(|host| host.name() == name);
            let host = host.ok_or_else(|| TestCaseError::fail(format!("{name} is missing")))?;
            let is_meant = |path: &&Arc<Path>| (path.rule, path.index) == (number, index);
            let path = host.internal().iter().find(is_meant);
            let redirect = public && ingress.spec.http_option == "Redirected";
            prop_assert_eq!(path.map(|path| path.redirect), Some(redirect), "{} {}", name, index);
            prop_assert_eq!(host.external().iter().any(|path| is_meant(&path)), public, "{} {}", name, index);
        }
    }
    Ok(())
}

/// After two versions the table is what the last good one alone makes of it.
fn replaces(before: ObjectChange, change: ObjectChange) -> TestCaseResult {
    let (mut first, mut both, mut last) = (engine(), engine(), engine());
    if before.id() != change.id() {
        return Ok(());
    }
    first.apply(vec![before.clone()]);
    both.apply(vec![before]);
    both.apply(vec![change.clone()]);
    let refused = !last.apply(vec![change]).faults.is_empty() && paths(&last)?.is_empty();
    let wanted = if refused { first } else { last };
    prop_assert_eq!(paths(&both)?, paths(&wanted)?);
    Ok(())
}

/// All that is served, as text; each path can be asked.
fn paths(engine: &Engine) -> Result<BTreeSet<String>, TestCaseError> {
    let table = engine.table();
    let mut told = BTreeSet::new();
    for host in table.load().hosts() {
        for (order, path) in host.internal().iter().enumerate() {
            prop_assert!(path.prefix.starts_with('/') && path.ingress.hash.len() == 64);
            prop_assert!([0, u32::MAX].iter().all(|random| path.splits.choose(*random).is_some()));
            let public = host.external().iter().any(|external| Arc::ptr_eq(external, path));
            let splits: Vec<_> =
                path.splits.as_slice().iter().map(|split| (split.percent, &split.backend.key)).collect();
            let Path { ingress, rule, index, prefix, redirect, .. } = &**path;
            let name = host.name();
            told.insert(format!("{name} {order} {public} {rule} {index} {prefix} {redirect} {ingress:?} {splits:?}"));
        }
    }
    Ok(told)
}
