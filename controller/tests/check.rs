//! What reading a directory once finds wrong.
#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

mod support;

use std::fs;

use net_pingora_controller::load;
use support::{CLASS, ingress, service, settings, slice};

/// Faults and notices of a directory with these files, without the directory's own name.
fn check(files: &[(&str, String)]) -> (Vec<String>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let loaded = load(dir.path(), settings());
    let prefix = format!("{}/", dir.path().display());
    let faults = loaded.faults.iter().map(|fault| fault.to_string().replace(&prefix, "")).collect();
    (faults, loaded.notices.iter().map(|notice| notice.replace(&prefix, "")).collect())
}

#[test]
fn a_sound_directory_has_no_fault() {
    let files = [
        ("a.yaml", ingress("a", "a.example", "one")),
        ("s.yaml", format!("{}---\n{}", service("one"), slice("one", &["127.0.0.1"]))),
    ];
    assert_eq!(check(&files), (vec![], vec![]));
}

#[test]
fn every_fault_is_one_line_with_file_line_object_field_and_fix() {
    let tls = "  tls:\n  - hosts: [a.example]\n    secretName: t\n    secretNamespace: default\n";
    for (files, wanted) in [
        (
            vec![("a.yaml", ingress("a", "a.example", "one"))],
            "a.yaml:15: Ingress default/a: spec.rules[0].http.paths[0].splits[0].serviceName: \
             there is no Service default/one; add it, or name one that exists",
        ),
        (
            vec![("a.yaml", ingress("a", "a.example", "one")), ("s.yaml", service("one").replace("80", "81"))],
            "a.yaml:16: Ingress default/a: spec.rules[0].http.paths[0].splits[0].servicePort: \
             Service default/one has no port 80; write one of its ports: 81",
        ),
        (
            vec![("a.yaml", ingress("a", "a.example", "one") + tls), ("s.yaml", service("one"))],
            "a.yaml:20: Ingress default/a: spec.tls[0].secretName: \
             there is no Secret default/t; add it, of type kubernetes.io/tls, or name one that exists",
        ),
        (
            vec![
                ("a.yaml", ingress("a", "a.example", "one") + tls),
                ("s.yaml", service("one")),
                ("t.yaml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: t\ndata:\n  tls.crt: AAAA\n".into()),
            ],
            "t.yaml:6: Secret default/t: data[\"tls.crt\"]: \
             has no certificate in PEM; write the certificate chain in PEM, the server's first",
        ),
        (
            vec![
                ("a.yaml", ingress("a", "a.example", "one")),
                ("b.yaml", ingress("b", "A.example", "one")),
                ("s.yaml", service("one")),
            ],
            "b.yaml:9: Ingress default/b: spec.rules[0].hosts[0]: host a.example belongs to Ingress default/a; \
             name another host, or remove it there; nothing of this version is served until then",
        ),
        (
            vec![("a.yaml", service("one")), ("b.yaml", format!("---\n{}", service("one")))],
            "b.yaml:2: Service default/one: metadata.name: is defined already at a.yaml:1, which counts; \
             remove one of the two or rename it",
        ),
        (
            vec![("a.yaml", format!("{}---\n{}", service("one"), service("one")))],
            "a.yaml:9: Service default/one: metadata.name: is defined already at a.yaml:1, which counts; \
             remove one of the two or rename it",
        ),
        (
            vec![("a.yaml", ingress("a", "a.example:80", "one")), ("s.yaml", service("one"))],
            "a.yaml:9: Ingress default/a: spec.rules[0].hosts[0]: \"a.example:80\" has a port; \
             write the host without a port",
        ),
    ] {
        assert_eq!(check(&files).0, [wanted]);
    }
}

#[test]
fn other_classes_and_other_kinds_are_notices_and_no_faults() {
    let own = ingress("a", "a.example", "one");
    let annotation = format!("    networking.knative.dev/ingress.class: {CLASS}\n");
    for (text, wanted) in [
        (own.replace(CLASS, "other"), "Ingress default/a is left to its class \"other\""),
        (own.replace(CLASS, "\"\""), "Ingress default/a is left to its class \"\""),
        (own.replace("annotations", "labels"), "Ingress default/a has no class"),
        (
            "apiVersion: apps/v1\nkind: Deployment\n---\napiVersion: apps/v1\nkind: Deployment\n".into(),
            "apps/v1 Deployment in a.yaml",
        ),
    ] {
        assert!(own.contains(&annotation));
        let (faults, notices) = check(&[("a.yaml", text)]);
        assert_eq!((faults.len(), notices.len()), (0, 1), "{faults:?} {notices:?}");
        assert!(notices[0].starts_with(wanted), "{}", notices[0]);
    }
}

#[test]
fn a_directory_that_is_not_there_is_a_fault() {
    let loaded = load(std::path::Path::new("/nowhere/at/all"), settings());
    assert!(loaded.faults[0].to_string().starts_with("/nowhere/at/all: cannot be read:"));
}

#[test]
fn the_example_of_the_documentation_has_no_fault() {
    let text = include_str!("../../docs/manifests.md");
    let (_, rest) = text.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let (faults, notices) = check(&[("hello.yaml", example.to_owned())]);
    assert_eq!((faults, notices), (vec![], vec![]));
}
