//! `loadtest compare`: what it starts, what it writes, and that nothing of it remains.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a process may take to appear, or to go.
const PATIENCE: Duration = Duration::from_secs(20);

/// The command with its temporary files in `folder`.
fn compare(line: &str, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.arg("compare").args(line.split(' ')).env("TMPDIR", folder);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// One core for the proxy and one for the client are the least.
fn has_cores() -> bool {
    let enough = std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
    if !enough {
        eprintln!("skipped: a comparison needs two cores");
    }
    enough
}

fn text(output: Output) -> (Option<i32>, String, String) {
    let read = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), read(output.stdout), read(output.stderr))
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn every_installed_proxy_answers_through_its_configuration() {
    if !has_cores() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (code, _, said) = text(compare("--check", folder.path()).output().unwrap());
    assert_eq!(code, Some(0), "{said}");
    for work in ["h1", "h1-16k", "h1-1m", "connections", "h2c", "grpc", "websocket"] {
        assert!(said.contains(&format!("{work}: byte relay answers\n")), "{work}: {said}");
    }
    for line in said.lines() {
        if line.contains(" is left out: ") {
            eprintln!("{line}");
        } else {
            assert!(line.ends_with(" answers"), "{line}");
        }
    }
    assert!(is_empty(folder.path()));
}

#[test]
fn figures_are_written_where_they_are_asked_for() {
    if !has_cores() {
        return;
    }
    let (folder, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (json, markdown) = (files.path().join("a.json"), files.path().join("a.md"));
    let line = format!(
        "--only relay --work h1 --rounds 2 --time 100ms --json {} --markdown {}",
        json.display(),
        markdown.display()
    );
    let (code, out, said) = text(compare(&line, folder.path()).output().unwrap());
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(said.contains("this takes about 1 min\n"), "{said}");
    let figures: serde_json::Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    let [h1] = figures["work"].as_array().unwrap().as_slice() else { panic!("{figures}") };
    let relay = &h1["proxies"][0];
    let turns = |figure: &str| relay[figure].as_array().unwrap().clone();
    assert_eq!((turns("requests_per_second").len(), turns("p50_milliseconds").len()), (2, 2));
    let cost = turns("cpu_microseconds_per_request");
    let void = cost.iter().filter(|cost| cost.is_null()).count();
    assert_eq!(relay["void_turns"].as_u64(), Some(void as u64));
    assert!(cost.iter().filter_map(serde_json::Value::as_f64).all(|cost| cost > 0.0), "{cost:?}");
    assert!(relay["p99_milliseconds"][1].as_f64() >= relay["p50_milliseconds"][1].as_f64());
    assert!(relay["resident_bytes_last"].as_u64() > Some(0));
    let page = fs::read_to_string(markdown).unwrap();
    for part in ["# Performance", "| byte relay", "(a-cpu.svg)", "(a-memory.svg)", "How to read it"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(fs::read_to_string(files.path().join("a-cpu.svg")).unwrap().starts_with("<svg"));
    assert!(is_empty(folder.path()));
}

#[test]
fn what_was_started_ends_with_the_comparison() {
    if !has_cores() {
        return;
    }
    for signal in [Signal::TERM, Signal::KILL] {
        let folder = tempfile::tempdir().unwrap();
        let mut running = compare("--only relay --work h1 --time 1h", folder.path()).spawn().unwrap();
        let started = wait_for_relay(&mut running);
        kill_process(Pid::from_child(&running), signal).unwrap();
        let output = running.wait_with_output().unwrap();
        let begin = Instant::now();
        while started.iter().any(|process| is_running(*process)) {
            assert!(begin.elapsed() < PATIENCE, "{signal:?}: {started:?}");
            sleep(Duration::from_millis(10));
        }
        if signal == Signal::TERM {
            assert_eq!(output.status.code(), Some(1));
            assert!(is_empty(folder.path()));
        } else {
            assert_eq!(output.status.signal(), Some(signal.as_raw()));
        }
    }
}

#[test]
fn what_is_started_as_the_comparison_ends_ends_too() {
    let mut started = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    // Process 1 stands for the parent that has ended: it is not ours.
    started.args(["compare", "pinned", "1", "0", "sleep", "1000"]);
    let (code, _, said) = text(started.output().unwrap());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("process 1, which started this one, has ended"), "{said}");
}

/// All that a comparison has started, once that includes the relay.
fn wait_for_relay(running: &mut Child) -> Vec<u32> {
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < PATIENCE && running.try_wait().unwrap().is_none());
        let children = children(running.id());
        if children.iter().any(|child| command_line(*child).contains("\0relay\0")) {
            return children;
        }
        sleep(Duration::from_millis(10));
    }
}

fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    numbers.filter(|process| stat(*process).is_some_and(|(_, of)| of == parent)).collect()
}

fn command_line(process: u32) -> String {
    fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default()
}

/// Not ended, or ended without anyone who asked for its status.
fn is_running(process: u32) -> bool {
    stat(process).is_some_and(|(state, _)| state != "Z")
}

/// State and parent (proc(5)).
fn stat(process: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
