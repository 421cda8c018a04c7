//! The value for `K-Network-Hash` is byte for byte what Knative's own Go code computes, over the objects of
//! `tests/knative/corpus`.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use net_pingora_controller::load;

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
    let output = match Command::new("go").args(["run", "."]).args(files).current_dir(knative()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: needs Go 1.26 or newer as `go` on PATH, to run Knative's code in tests/knative");
            return;
        }
        Err(error) => panic!("go: {error}"),
    };
    assert!(output.status.success(), "go run: {}", String::from_utf8_lossy(&output.stderr));
    let computed = String::from_utf8(output.stdout).unwrap();
    let expected = fs::read_to_string(knative().join("expected.txt")).unwrap();
    assert_eq!(hashes(&expected), hashes(&computed), "write them anew: see tests/knative/README.md");
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
