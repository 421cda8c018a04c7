//! The command: what it prints, and how it ends.

#![allow(clippy::unwrap_used, reason = "helpers of tests only")]

mod common;

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{Server, ok};

fn loadtest(line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadtest")).args(line.split(' ')).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_exit_code_tells_what_became_of_it() {
    let server = Server::answering(|_| ok("blue"));
    let url = format!("http://{}/", server.address);
    let cases = [
        ("-n 20 -c 2", 0, ""),
        ("-n 20 -c 2 --threshold errors=0 --threshold p99<10s --threshold rate>1", 0, ""),
        ("-n 20 -c 2 --threshold errors=0 --threshold requests>20", 1, "threshold requests>20 missed: 20"),
        ("-n 20 -c 2 --share-body --share blue=100", 0, ""),
        ("-n 20 -c 2 --share-body --share green=100", 1, "share green missed: 0.000 %"),
        ("-n 20 -c 21", 2, "-n cannot be less than -c"),
        ("-n 20 -c 2 --rate 0", 2, "a rate must be"),
        ("-n 20 -c 2 --no-such-flag", 2, "--no-such-flag"),
        ("-n 20 -c 2 --threshold fast", 2, "threshold fast"),
        ("-n 20 -c 2 --share-body --share blue=60 --share green=60", 2, "120 percent"),
    ];
    for (flags, code, said) in cases {
        let output = loadtest(&format!("{flags} {url}"));
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{flags}: {err}");
        assert!(err.contains(said), "{flags}: {err}");
        assert!(code != 0 || err.is_empty(), "no progress where there is no terminal: {err}");
        assert_eq!(out.contains("Status code distribution:\n  [200]\t20 responses"), code != 2, "{flags}: {out}");
    }
}

#[test]
fn texts_are_written_where_they_are_asked_for() {
    let server = Server::answering(|_| ok("hi"));
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (json, html, url) = (path("a.json"), path("a.html"), format!("http://{}/", server.address));
    let output = loadtest(&format!("-n 20 -c 2 --json {json} --html {html} {url}"));
    assert!(text(&output.stdout).starts_with("\nSummary:\n"));
    let figures: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(figures["statuses"]["200"], 20);
    assert!(std::fs::read_to_string(html).unwrap().contains("<svg"));
    let output = loadtest(&format!("-n 20 -c 2 --json - {url}"));
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["requests"], 20);
    let output = loadtest(&format!("-n 20 -c 2 -o csv {url}"));
    assert_eq!(text(&output.stdout).lines().count(), 21);
}

#[test]
fn an_interrupt_ends_the_run_and_prints_what_was_seen() {
    let server = Server::answering(|_| ok("hi"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(["-z", "60s", "-c", "2", &format!("http://{}/", server.address)]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let begin = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Status code distribution:\n  [200]\t"), "{}", text(&output.stdout));
}
