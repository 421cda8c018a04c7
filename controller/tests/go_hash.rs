//! The value for `K-Network-Hash` is byte for byte what Knative's own Go code computes, over the objects of
//! `tests/knative/corpus` and over random ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests only")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use net_pingora_controller::api::{Ingress, ingress};
use net_pingora_controller::load;
use net_pingora_fuzz::values;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

/// Hash by `namespace/name`.
type Hashes = BTreeMap<String, String>;

#[test]
fn our_hashes_are_the_ones_that_knative_computed() {
    let expected = fs::read_to_string(knative().join("expected.txt")).unwrap();
    assert_eq!(ours(), hashes(&expected));
}

#[test]
fn the_expected_hashes_are_what_knative_computes_today() {
    let files = fs::read_dir(knative().join("corpus")).unwrap().map(|entry| entry.unwrap().path());
    let Some(computed) = knatives(files) else { return };
    let expected = fs::read_to_string(knative().join("expected.txt")).unwrap();
    assert_eq!(hashes(&expected), computed, "write them anew: see tests/knative/README.md");
}

#[test]
fn a_random_kingress_has_the_hash_that_knative_computes() {
    let objects = vec(support::kingress::kingress(support::CLASS, text()), 300);
    values("hash", 1, &objects, |mut objects| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut ours = Hashes::new();
        for (index, object) in objects.iter_mut().enumerate() {
            object["metadata"]["name"] = format!("i-{index}").into();
            writeln!(file, "{object}").unwrap();
            ours.insert(format!("ns/i-{index}"), our_hash(object));
        }
        let Some(theirs) = knatives([file.path().to_path_buf()]) else { return Ok(()) };
        prop_assert_eq!(ours.len(), theirs.len());
        for (index, object) in objects.iter().enumerate() {
            let key = format!("ns/i-{index}");
            prop_assert_eq!(&ours[&key], &theirs[&key], "{}", object);
        }
        Ok(())
    });
}

/// The hash that the gateway would answer with.
fn our_hash(object: &Value) -> String {
    let object: Ingress = serde_json::from_value(object.clone()).unwrap();
    ingress::hash(&object.with_defaults())
}

/// Text of what JSON may escape, and of anything else.
fn text() -> impl Strategy<Value = String> + Clone {
    let escaped = "<>&'\"\\/\0\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f}\u{7f}\u{80}\u{2027}\u{2028}\u{2029}\u{fffd}\u{feff}";
    let escaped: Vec<char> = escaped.chars().collect();
    vec(prop_oneof![2 => select(escaped), 1 => any::<char>()], 0..8).prop_map(String::from_iter).boxed()
}

/// What Knative's own code computes for the objects of files; `None` without Go.
fn knatives(files: impl IntoIterator<Item = PathBuf>) -> Option<Hashes> {
    let output = match Command::new("go").args(["run", "."]).args(files).current_dir(knative()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: needs Go 1.26 or newer as `go` on PATH, to run Knative's code in tests/knative");
            return None;
        }
        Err(error) => panic!("go: {error}"),
    };
    assert!(output.status.success(), "go run: {}", String::from_utf8_lossy(&output.stderr));
    Some(hashes(&String::from_utf8(output.stdout).unwrap()))
}

/// The Go program with its objects.
fn knative() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/knative")
}

/// What the gateway would answer, read from the table that the corpus makes.
fn ours() -> Hashes {
    let loaded = load(&knative().join("corpus"), support::settings());
    let table = loaded.engine.table().load();
    let ingresses = table.hosts().flat_map(|host| host.internal()).map(|path| &path.ingress);
    ingresses
        .map(|ingress| (ingress.key.to_string(), String::from_utf8_lossy(ingress.hash.as_bytes()).into()))
        .collect()
}

fn hashes(lines: &str) -> Hashes {
    lines.lines().filter_map(|line| line.split_once(' ')).map(|(key, hash)| (key.into(), hash.into())).collect()
}
