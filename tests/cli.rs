//! The built binary: what it prints and how it exits.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic in its helpers too")]

mod common;

use std::fs;
use std::process::Output;

use tempfile::TempDir;

use common::{Serving, binary};

/// A public host in two paths, one of them for a header only, and a cluster-local host.
const ROUTES: &str = "
apiVersion: networking.internal.knative.dev/v1alpha1
kind: Ingress
metadata:
  name: hello
  namespace: default
  annotations:
    networking.knative.dev/ingress.class: pingora.ingress.networking.knative.dev
spec:
  rules:
    - hosts: [hello.default.example]
      http:
        paths:
          - path: /api
            splits: [{serviceNamespace: default, serviceName: hello, servicePort: 80, percent: 100}]
          - headers: {Knative-Serving-Tag: {exact: blue}}
            splits: [{serviceNamespace: default, serviceName: hello, servicePort: 80, percent: 100}]
    - hosts: [hello.default.svc.cluster.local]
      visibility: ClusterLocal
      http:
        paths:
          - splits: [{serviceNamespace: default, serviceName: hello, servicePort: 80, percent: 100}]
";

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: hello, namespace: default}
spec:
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: hello-1, namespace: default, labels: {kubernetes.io/service-name: hello}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.1.2.3]}]
";

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text.trim_start()).unwrap();
    }
    folder
}

fn routes() -> TempDir {
    folder(&[("routes.yaml", ROUTES), ("service.yaml", SERVICE)])
}

/// Runs the binary inside a folder, so that what it prints of the folder is stable.
fn run(folder: &TempDir, args: &[&str]) -> Output {
    binary().current_dir(folder.path()).args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn check_counts_what_it_read_when_there_is_no_fault() {
    let output = run(&routes(), &["check", "."]);
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("3 objects, no faults\n", Some(0)));
}

#[test]
fn check_says_each_fault_on_one_line_and_exits_1() {
    let folder = folder(&[
        ("routes.yaml", &ROUTES.replacen("percent: 100", "percent: 90", 1)),
        ("service.yaml", SERVICE),
        ("torn.yaml", "a: [b"),
    ]);
    let output = run(&folder, &["check", "."]);
    let printed = stdout(&output);
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!((lines.len(), output.status.code()), (2, Some(1)), "{printed}");
    let object = "Ingress default/hello: spec.rules[0].http.paths[0].splits: ";
    assert!(lines[0].starts_with("./routes.yaml:") && lines[0].contains(object), "{}", lines[0]);
    assert!(lines[1].starts_with("./torn.yaml:"), "{}", lines[1]);
    assert!(lines.iter().all(|line| line.contains("; ")), "every line says what to write instead: {printed}");
    assert_eq!(stderr(&output), "2 faults\n");
}

#[test]
fn what_cannot_be_read_exits_1_and_wrong_use_2() {
    let folder = routes();
    for (args, status) in [
        (&["check", "nowhere"][..], 1),
        (&["explain", "--from", "nowhere", "http://hello.default.example/"], 1),
        (&["check", "a", "b"], 2),
        (&["doctor", "a"], 2),
        (&["explain", "--from", ".", "hello.default.example"], 2),
        (&["explain", "--from", ".", "-H", "Tag", "http://hello.default.example/"], 2),
        (&["serve", "--from", ".", "--admin", "0.0.0.0:9000"], 2),
    ] {
        let output = run(&folder, args);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {}", stderr(&output));
        assert!(!stderr(&output).is_empty() || !output.stdout.is_empty(), "{args:?} says why");
    }
}

#[test]
fn explain_names_what_serves_a_url_and_why_the_others_do_not() {
    let output = run(&routes(), &["explain", "--from", ".", "http://hello.default.example:8080/api/x?y"]);
    let wanted = "\
routed by KIngress default/hello rules[0].http.paths[0], host hello.default.example, prefix /api
  listeners: external
  100 % to default/hello:80, HTTP/1.1 to 10.1.2.3:8080
not by KIngress default/hello rules[0].http.paths[1], prefix /: header knative-serving-tag is absent, it wants \"blue\"
";
    assert_eq!((stdout(&output).as_str(), output.status.code()), (wanted, Some(0)));
}

#[test]
fn explain_decides_by_headers_and_listener() {
    let folder = routes();
    let (public, local) = ("http://hello.default.example/", "http://hello.default.svc.cluster.local/");
    for (args, status, begins) in [
        (&[public][..], 4, "not routed, answered 404: a path of hello.default.example is a prefix of /, but"),
        (&["-H", "Knative-Serving-Tag: blue", public], 0, "routed by KIngress default/hello rules[0].http.paths[1]"),
        (&[local], 4, "not routed, answered 404: only internal listeners serve hello.default.svc.cluster.local"),
        (&["--internal", local], 0, "routed by KIngress default/hello rules[1].http.paths[0]"),
        (&["-H", "Host: hello.default.example", "http://127.0.0.1:8080/api"], 0, "routed by KIngress default/hello"),
    ] {
        let output = run(&folder, &[&["explain", "--from", "."], args].concat());
        assert_eq!(output.status.code(), Some(status), "{args:?}: {}", stderr(&output));
        assert!(stdout(&output).starts_with(begins), "{args:?}: {}", stdout(&output));
    }
}

#[test]
fn the_custom_domain_of_the_examples_leads_to_our_own_internal_service() {
    let example = include_str!("../examples/custom-domain.yaml");
    let output = run(&folder(&[("a.yaml", example)]), &["explain", "--from", ".", "http://vanity.localhost/"]);
    assert!(stdout(&output).contains("our own internal Service"), "{}", stdout(&output));
}

#[test]
fn explain_tells_hosts_that_may_have_been_meant() {
    let output = run(&routes(), &["explain", "--from", ".", "http://helo.default.example/"]);
    let wanted = "\
not routed, answered 404: no KIngress and no Route has the host helo.default.example
hosts like it: hello.default.example
";
    assert_eq!((stdout(&output).as_str(), output.status.code()), (wanted, Some(4)));
}

#[test]
fn explain_answers_programs_in_json() {
    let args = ["explain", "--from", ".", "--output", "json", "http://hello.default.example/api"];
    let output = run(&routes(), &args);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for (pointer, wanted) in [
        ("/routed", serde_json::json!(true)),
        ("/by/ingress", serde_json::json!("hello")),
        ("/by/rule", serde_json::json!(0)),
        ("/by/splits/0/percent", serde_json::json!(100)),
        ("/by/splits/0/target/endpoints/0", serde_json::json!("10.1.2.3:8080")),
        ("/not/0/reason", serde_json::json!("header")),
        ("/miss", serde_json::Value::Null),
    ] {
        assert_eq!(answer.pointer(pointer), Some(&wanted), "{pointer} in {answer:#}");
    }
}

#[test]
fn completion_is_printed_for_every_shell() {
    let folder = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&folder, &["completion", shell]);
        assert!(output.status.success() && stdout(&output).contains("external-http"), "{shell}");
    }
}

#[test]
fn serve_says_which_ports_it_got_and_a_signal_ends_it() {
    let folder = routes();
    for signal in ["-TERM", "-INT"] {
        let serving = Serving::start(&folder, 1);
        let names: Vec<_> = serving.listening.iter().map(|(name, _)| name.as_str()).collect();
        let wanted = ["external-http", "external-https", "internal-http", "internal-https", "health", "admin"];
        assert_eq!(names, wanted);
        assert!(serving.listening.iter().all(|(_, address)| address.port() != 0));
        assert!(serving.end(signal).success(), "{signal}");
    }
}
